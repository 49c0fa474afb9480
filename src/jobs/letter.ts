/** What a webhook is told of an alarm. */
import type { Alarm } from './alert.ts'
import type { Webhook } from './alert-config.ts'
import type { RunnableJob } from './job-store.ts'

const severityNames: Readonly<Record<number, string>> = {
  2: 'report',
  4: 'low',
  6: 'medium',
  8: 'high',
  10: 'critical',
}

/** JSON of all of it, or the webhook's own text with its `${names}` filled in, each escaped as inside a JSON text. */
export function letterOf(
  webhook: Webhook,
  { project, name, displayName, id }: RunnableJob,
  alarm: Alarm,
  at: number,
): string {
  const { status, severity, since, labels, annotations, count, group, row } = alarm
  const texts = (named: readonly { key: string; value: string }[]) =>
    Object.fromEntries(named.map(({ key, value }) => [key, value]))
  const facts = {
    alert: name,
    alertName: displayName,
    alertId: id,
    project,
    status,
    severity,
    severityName: severityNames[severity] ?? String(severity),
    fireTime: since,
    alertTime: at,
    group,
    count,
    labels: texts(labels),
    annotations: texts(annotations),
    result: Object.fromEntries(row),
  }
  if (webhook.content === undefined) return JSON.stringify(facts)
  const known = new Map<string, string>([
    ...row,
    ...Object.entries(facts).map(([key, value]): [string, string] => [
      key,
      typeof value === 'object' ? JSON.stringify(value) : String(value),
    ]),
  ])
  return webhook.content.replace(/\$\{([^}]+)\}/g, (whole, key: string) => {
    const value = known.get(key)
    return value === undefined ? whole : JSON.stringify(value).slice(1, -1)
  })
}
