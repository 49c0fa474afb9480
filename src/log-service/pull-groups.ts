import type { ColumnSpec } from '../base/columns.ts'
import type { PulledRow } from '../query/query.ts'
import { flowRecordFields, notApplicable } from '../record/fields.ts'
import { restColumn, restFields } from '../base/rest-fields.ts'
import { holdsFlowLogs, tagPrefix, timeNsColumn } from './fit-place.ts'

/** As `encodeLogGroups` takes it. */
export interface PulledGroup {
  readonly topic: string
  readonly source: string
  readonly tags: readonly (readonly [key: string, value: string])[]
  readonly logs: PulledLog[]
}

export interface PulledLog {
  readonly time: number
  readonly timeNs?: number
  readonly contents: readonly (readonly [key: string, value: string])[]
}

type Values = NonNullable<PulledRow['values']>

const flowFields: ReadonlySet<string> = new Set(flowRecordFields.map(({ name }) => name))
const internal = new Set(['__time__', '__receive_time__', '__topic__', '__source__'])
/** The wire has 32 bits for it. */
const timeMax = 2 ** 32 - 1
export const groupRowsMax = 1000
/** What a field takes on the wire besides its key and value. */
const fieldBytes = 8

/** Rows as log groups: those of one topic, source and tags lie together, in the order in which they came. */
export class GroupMaker {
  readonly groups: PulledGroup[] = []
  /** About what they take on the wire. */
  bytes = 0
  readonly #groupsMax: number
  readonly #byKey = new Map<string, PulledGroup>()
  readonly #indexOf: ReadonlyMap<string, number>
  readonly #tags: readonly (readonly [key: string, index: number])[]
  readonly #fields: readonly (readonly [key: string, index: number, absent: string | undefined])[]

  constructor(columns: readonly string[], specs: readonly ColumnSpec[], groupsMax: number) {
    this.#groupsMax = groupsMax
    this.#indexOf = new Map(columns.map((name, index) => [name, index]))
    const flowLogs = holdsFlowLogs(specs)
    const own = [...this.#indexOf].filter(([name]) => !internal.has(name))
    this.#tags = own
      .filter(([name]) => name.startsWith(tagPrefix))
      .map(([name, index]) => [name.slice(tagPrefix.length), index])
    this.#fields = own
      .filter(
        ([name]) => !name.startsWith(tagPrefix) && name !== restColumn && name !== timeNsColumn,
      )
      .map(([name, index]) => [
        name,
        index,
        flowLogs && flowFields.has(name) ? notApplicable : undefined,
      ])
  }

  /** False when it would be one group too many: it is not taken then. */
  add(values: Values): boolean {
    const text = (name: string): string | null => values[this.#indexOf.get(name) ?? -1] ?? null
    const topic = text('__topic__') ?? ''
    const source = text('__source__') ?? ''
    const tags = this.#tags.flatMap(([key, index]): [string, string][] => {
      const value = values[index]
      return typeof value === 'string' ? [[key, value]] : []
    })
    const key = JSON.stringify([topic, source, tags])
    let group = this.#byKey.get(key)
    if (group === undefined || group.logs.length === groupRowsMax) {
      if (this.groups.length === this.#groupsMax) return false
      group = { topic, source, tags, logs: [] }
      this.#byKey.set(key, group)
      this.groups.push(group)
      this.bytes += key.length
    }
    const timeNs = text(timeNsColumn)
    const contents = this.#contents(values, text(restColumn))
    const time = Math.min(Number(text('__time__')), timeMax)
    group.logs.push({ time, contents, ...(timeNs === null ? {} : { timeNs: Number(timeNs) }) })
    for (const [name, value] of contents) this.bytes += name.length + value.length + fieldBytes
    return true
  }

  #contents(values: Values, rest: string | null): [string, string][] {
    const contents: [string, string][] = []
    for (const [name, index, absent] of this.#fields) {
      const value = values[index] ?? absent
      if (value !== undefined) contents.push([name, value])
    }
    if (rest === null) return contents
    // What stands in `__rest__` is what was sent: a column that could not take it is absent, not "-".
    const fields = restFields(rest)
    const sent = new Set(fields.map(([name]) => name))
    return [...contents.filter(([name]) => !sent.has(name)), ...fields]
  }
}
