/** What `weir check` says of the log store. */
import type { StoreCheckAnswer } from '../api/contract.ts'
import type { Damage, LogstoreAccount } from '../logstore/logstore.ts'
import { plainTable } from './plain-table.ts'

const hourMilliseconds = 3_600_000
const number = (value: number): string => value.toLocaleString('en')

/** @returns text for people, and a sentence for each damage and for rows that do not add up */
export async function printStore(
  answer: StoreCheckAnswer,
): Promise<{ readonly text: string; readonly problems: readonly string[] }> {
  const { files, logBytes, logstores, damages } = answer
  const read = `Log store: ${number(files)} files were read, ${number(logBytes)} bytes of them log`
  const used = logstores.filter((each) => each.storedRows + each.segmentRows + each.hotRows > 0)
  const table = used.length === 0 ? '' : await tableOf(used)
  return {
    text: `\n${read}\n${table}`,
    problems: [...damages.map(describeDamage), ...logstores.flatMap(missingRows)],
  }
}

const tableOf = (logstores: readonly LogstoreAccount[]): Promise<string> =>
  plainTable(
    ['logstore', 'segments', 'bytes', 'rows', 'in the log', 'expired', 'batches'],
    logstores.map((each) => [
      `${each.project}/${each.logstore}`,
      number(each.segments),
      number(each.segmentBytes),
      number(each.segmentRows),
      number(each.hotRows),
      number(each.expiredRows),
      number(each.batches),
    ]),
    ['left', 'right', 'right', 'right', 'right', 'right', 'right'],
  )

function describeDamage({ path, project, logstore, hour, rows, reason }: Damage): string {
  if (project === undefined || logstore === undefined || hour === undefined)
    return `damaged: ${path}: ${reason}`
  const begin = new Date(hour * hourMilliseconds).toISOString().slice(0, 16)
  return `damaged: ${project}/${logstore}, hour ${begin}Z, ${number(rows ?? 0)} rows: ${reason} (${path})`
}

function missingRows(account: LogstoreAccount): string[] {
  const { project, logstore, storedRows, expiredRows, segmentRows } = account
  const expected = storedRows - expiredRows
  if (expected === segmentRows) return []
  return [
    `${project}/${logstore}: ${number(expected)} rows should be in segments, not ${number(segmentRows)}`,
  ]
}
