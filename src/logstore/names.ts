import type { ColumnSpec } from '../base/columns.ts'
import { WeirError } from '../base/errors.ts'
import type { RollupSpec } from './contract.ts'
import { reservedColumns, shardColumn } from './contract.ts'

/** Columns of one logstore: enough for any log, few enough that a row is planned in milliseconds. */
export const logstoreColumnsMax = 500
/** Bytes of a column's name. */
export const columnNameBytesMax = 128
/** The log service's longest time to live, in days; it means "for ever". */
export const ttlDaysMax = 3650

const projectName = /^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$/
const logstoreName = /^[a-z0-9][a-z0-9_-]{0,61}[a-z0-9]$/

/** Throws ParameterInvalid. The names become folder names, so nothing else may pass. */
export function checkProjectName(name: string): void {
  if (!projectName.test(name)) throw badName('project', name, 3)
}

/** Throws ParameterInvalid. */
export function checkLogstoreName(name: string): void {
  if (!logstoreName.test(name)) throw badName('logstore', name, 2)
}

/** Throws ParameterInvalid. */
export function checkTtlDays(days: number): void {
  if (!Number.isInteger(days) || days < 1 || days > ttlDaysMax)
    throw invalid(`ttlDays must be a whole number from 1 to ${ttlDaysMax}, not ${days}`)
}

/**
 * Names may hold anything printable, as log keys do, but differ in more than case: the engine's
 * identifiers ignore it. Throws ParameterInvalid.
 */
export function checkColumns(
  columns: readonly ColumnSpec[],
  sortBy: readonly string[] = [],
  mayBeNone = false,
): void {
  if (columns.length === 0 && !mayBeNone) throw invalid('a logstore needs at least one column')
  if (columns.length > logstoreColumnsMax)
    throw invalid(`a logstore has at most ${logstoreColumnsMax} columns, not ${columns.length}`)
  const seen = new Set([...reservedColumns, shardColumn].map((each) => each.name))
  for (const { name, kind } of columns) {
    if (name.length === 0 || /\p{Cc}/u.test(name) || !name.isWellFormed())
      throw invalid(`${JSON.stringify(name)} cannot be the name of a column`)
    if (Buffer.byteLength(name) > columnNameBytesMax)
      throw invalid(`the name of a column has at most ${columnNameBytesMax} bytes: ${name}`)
    if (kind !== 'text' && kind !== 'integer')
      throw invalid(`column ${name} must be text or integer, not ${String(kind)}`)
    if (seen.has(name.toLowerCase()))
      throw invalid(`column ${name} is there twice or reserved (case is ignored)`)
    seen.add(name.toLowerCase())
  }
  for (const name of sortBy)
    if (!columns.some((each) => each.name === name))
      throw invalid(`sortBy names ${name}, which is not a column of the logstore`)
}

/** Throws ParameterInvalid. Their names become parts of file names. */
export function checkRollups(rollups: readonly RollupSpec[], columns: readonly ColumnSpec[]): void {
  const seen = new Set<string>()
  for (const { name, bucketSeconds, by, sums } of rollups) {
    if (!/^[a-z][a-z0-9-]{0,31}$/.test(name) || seen.has(name))
      throw invalid(`${JSON.stringify(name)} cannot be the name of a rollup, or is there twice`)
    seen.add(name)
    if (bucketSeconds !== 60 && bucketSeconds !== 3600)
      throw invalid(
        `rollup ${name} has buckets of 60 or 3600 seconds, not ${String(bucketSeconds)}`,
      )
    const used = [...by, ...sums]
    if (by.length === 0 || new Set(used).size < used.length)
      throw invalid(`rollup ${name} needs a column to group by, and each column once`)
    for (const each of used) {
      const kind = columns.find((column) => column.name === each)?.kind
      const fits = sums.includes(each) ? kind === 'integer' : kind !== undefined
      if (!fits || each.startsWith('__'))
        throw invalid(`rollup ${name} cannot use ${each}: no such column, or no integer to add up`)
    }
  }
}

const badName = (what: string, name: string, least: number): WeirError =>
  new WeirError('ParameterInvalid', `${JSON.stringify(name)} cannot be the name of a ${what}`, {
    hint: `${least} to 63 characters of a-z, 0-9, - and _, first and last a letter or digit`,
  })

export const invalid = (message: string, hint?: string): WeirError =>
  new WeirError('ParameterInvalid', message, hint === undefined ? {} : { hint })
