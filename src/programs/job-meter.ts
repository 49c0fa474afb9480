/** What runs of scheduled SQL read and write, on the bill as data transformation. */
import type { ColumnSpec } from '../base/columns.ts'
import type { JobMeter } from '../jobs/jobs.ts'
import { type LogStore, reservedColumns } from '../logstore/logstore.ts'
import type { QueryEngine } from '../query/query.ts'
import type { ServerBilling } from './open-billing.ts'

export interface JobMeterParts {
  readonly store: Pick<LogStore, 'logstores'>
  readonly engine: Pick<QueryEngine, 'run'>
  readonly billing: Pick<ServerBilling, 'countRun'>
}

export const jobMeter = ({ store, engine, billing }: JobMeterParts): JobMeter => ({
  async read({ project, logstore, ...range }, signal) {
    const found = store.logstores(project).find(({ name }) => name === logstore)
    const own = (found?.columns ?? []).filter(
      ({ name }) => !reservedColumns.some((each) => each.name === name),
    )
    if (own.length === 0) return 0n
    const query = `* | SELECT sum(${own.map(sizeOf).join(' + ')}) AS size FROM log`
    const { rows } = await engine.run({ project, logstore, query, ...range }, signal)
    return BigInt(rows[0]?.[0] ?? 0)
  },
  count: ({ id, project, name }, time, bytes) =>
    billing.countRun({ id, name: `${project}/${name}` }, time, bytes),
})

/** UTF-8 bytes of a column's name and value, where there is one. */
function sizeOf({ name, kind }: ColumnSpec): string {
  const column = `"${name.replaceAll('"', '""')}"`
  const own = Buffer.byteLength(name)
  const value =
    kind === 'integer'
      ? `length(cast(${column} AS varchar))`
      : `length(to_hex(to_utf8(${column}))) / 2`
  return `CASE WHEN ${column} IS NULL THEN 0 ELSE ${own} + ${value} END`
}
