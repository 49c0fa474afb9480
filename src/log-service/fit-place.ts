import type { ColumnKind, ColumnSpec } from '../base/columns.ts'
import { restColumn } from '../base/rest-fields.ts'
import {
  columnNameBytesMax,
  logstoreColumnsMax,
  reservedColumns,
  shardColumn,
} from '../logstore/logstore.ts'
import { flowRecordFields } from '../record/fields.ts'

/** Nanoseconds past `__time__`. */
export const timeNsColumn = '__time_ns_part__'
/** Of the columns that hold tags. */
export const tagPrefix = '__tag__:'

/** What a logstore's columns say of the keys that come. */
export interface Place {
  readonly kinds: ReadonlyMap<string, ColumnKind>
  /** Keys that no log may fill itself. */
  readonly reserved: ReadonlySet<string>
  readonly flowLogs: boolean
  /** Whether a field's `-` means that it does not apply. */
  dashIsAbsent(name: string): boolean
  /** Whether a key may become a column, besides those `added` already, which are in lower case. */
  mayAdd(name: string, added: ReadonlySet<string>): boolean
}

const reserved: ReadonlySet<string> = new Set([
  ...reservedColumns.map(({ name }) => name),
  shardColumn.name,
  restColumn,
  timeNsColumn,
])
const reservedLower: ReadonlySet<string> = new Set([...reserved].map((name) => name.toLowerCase()))
const flowFields: ReadonlySet<string> = new Set(flowRecordFields.map(({ name }) => name))
const places = new WeakMap<readonly ColumnSpec[], Place>()

/** Found once for each list of columns. */
export function placeOf(specs: readonly ColumnSpec[]): Place {
  const known = places.get(specs)
  if (known !== undefined) return known
  const place = makePlace(specs)
  places.set(specs, place)
  return place
}

/** Whether a logstore holds flow log records: it has every column of theirs. */
export const holdsFlowLogs = (specs: readonly ColumnSpec[]): boolean => placeOf(specs).flowLogs

function makePlace(specs: readonly ColumnSpec[]): Place {
  const kinds = new Map(specs.map(({ name, kind }) => [name, kind]))
  const lower = new Set(specs.map(({ name }) => name.toLowerCase()))
  const flowLogs = flowRecordFields.every(({ name, kind }) => kinds.get(name) === kind)
  // The last place is for what has none.
  const room = logstoreColumnsMax - specs.length - (kinds.has(restColumn) ? 0 : 1)
  const verdicts = new Map<string, boolean>()
  const isFree = (name: string): boolean => {
    let free = verdicts.get(name)
    if (free === undefined) {
      free = isColumnName(name) && !lower.has(name.toLowerCase())
      if (verdicts.size < verdictsMax) verdicts.set(name, free)
    }
    return free
  }
  return {
    kinds,
    reserved,
    flowLogs,
    dashIsAbsent: (name) => flowLogs && flowFields.has(name),
    mayAdd: (name, added) =>
      added.size < room &&
      isFree(name) &&
      !added.has(name.toLowerCase()) &&
      (name === timeNsColumn || !reservedLower.has(name.toLowerCase())),
  }
}

/** Keys that are no columns come again and again; a flood of ever new ones shall not fill the memory. */
const verdictsMax = 2000

const isColumnName = (name: string): boolean =>
  name.length > 0 &&
  !/\p{Cc}/u.test(name) &&
  name.isWellFormed() &&
  Buffer.byteLength(name) <= columnNameBytesMax
