/** Flow logs as a person or a machine wants them. */
import type { FlowLogEntry } from '../api/contract.ts'
import { WeirError } from '../base/errors.ts'
import type { FlowLogOptions } from './flow-log-arguments.ts'
import { plainTable, shown } from './plain-table.ts'
import { resourceTypeNames } from './resource-type-names.ts'
import { writeStandardOutput } from './standard-output.ts'

const formats = ['table', 'json', 'ndjson'] as const
export type Format = (typeof formats)[number]

/** Throws Usage. */
export function formatOf({ format, json }: FlowLogOptions): Format {
  if (json === true) return 'json'
  const found = formats.find((each) => each === format)
  if (found !== undefined) return found
  throw new WeirError('Usage', `--format is ${format}, not one of ${formats.join(', ')}`)
}

/** As a list of what it says, or as one object. */
export async function writeFlowLog(flowLog: FlowLogEntry, format: Format): Promise<void> {
  if (format === 'table')
    return writeStandardOutput(await plainTable([], Object.entries(linesOf(flowLog))))
  writeStandardOutput(`${jsonOf(flowLog, format === 'json' ? 2 : 0)}\n`)
}

/** As a table, an array or an object a line. An empty table is nothing. */
export async function writeFlowLogs(
  flowLogs: readonly FlowLogEntry[],
  format: Format,
): Promise<void> {
  const rows = flowLogs.map((each) => {
    const { created: _, changed: _2, description: _3, analyzer: _4, ...columns } = linesOf(each)
    return { ...columns, status: each.status }
  })
  await writeRows(flowLogs, rows, format)
}

/** The entries as they are for a machine, or the rows of a table for a person: none for an empty one. */
export async function writeRows(
  entries: readonly unknown[],
  rows: readonly Readonly<Record<string, string>>[],
  format: Format,
): Promise<void> {
  if (format === 'json') return writeStandardOutput(`${jsonOf(entries, 2)}\n`)
  if (format === 'ndjson')
    return writeStandardOutput(entries.map((each) => `${jsonOf(each, 0)}\n`).join(''))
  if (rows.length === 0) return
  writeStandardOutput(
    await plainTable(
      Object.keys(rows[0]!),
      rows.map((row) => Object.values(row)),
    ),
  )
}

const linesOf = (flowLog: FlowLogEntry) => ({
  id: flowLog.id,
  name: flowLog.name,
  description: flowLog.description,
  target: `${resourceTypeNames[flowLog.resourceType]} ${flowLog.resourceId}`,
  traffic: flowLog.trafficType,
  'ip version': flowLog.ipVersion,
  window: `${flowLog.windowSeconds} s`,
  paths: flowLog.scope.join(','),
  into: placeOf(flowLog),
  ...(flowLog.analyzer === undefined ? {} : { analyzer: flowLog.analyzer }),
  status:
    flowLog.stoppedAt === undefined
      ? `${flowLog.status} since ${timeOf(flowLog.startedAt)}`
      : `${flowLog.status} since ${timeOf(flowLog.stoppedAt)}`,
  created: timeOf(flowLog.createdAt),
  changed: timeOf(flowLog.changedAt),
})

const placeOf = ({ project, logstore, delivers, analyzer = '' }: FlowLogEntry): string =>
  project === '' ? analyzer : `${project}/${logstore}${delivers ? '' : ' no more'}`

/** `2026-11-22T14:00:00Z` */
export const timeOf = (seconds: number): string =>
  new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')

/** JSON leaves some control characters as they are; their escapes mean the same. */
const jsonOf = (value: unknown, indent: number): string =>
  JSON.stringify(value, null, indent).split('\n').map(shown).join('\n')
