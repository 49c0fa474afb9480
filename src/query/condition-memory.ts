/**
 * Which files a search found nothing in. A file never changes, and a search is a condition on one row: what it did
 * not find there once, it never finds there.
 */
import { createHash } from 'node:crypto'
import type { ColumnSpec } from '../base/columns.ts'
import { quoteName } from './quote.ts'

/** Of all conditions together: some 20 MB of paths. */
const pathsMax = 100_000
/** One has a few hundred bytes besides its paths. */
const conditionsMax = 10_000

/** What a query learns of the condition of its search. */
export interface Learned {
  /** The places of files among those that were sent, none of whose rows it takes. */
  readonly empty: readonly number[]
  /** It takes too many rows for that to be worth looking at again. */
  readonly takesMany: boolean
}

interface Known {
  readonly empty: Set<string>
  takesMany: boolean
}

/**
 * What a condition means: its text for the engine, and of what kinds the columns are that it names. Two that are
 * alike in this take the same rows of a file.
 */
export function conditionKey(sql: string, columns: readonly ColumnSpec[]): string {
  const named = columns.filter(({ name }) => sql.includes(quoteName(name)))
  const kinds = named.map(({ name, kind }) => [name, kind])
  return createHash('sha256')
    .update(JSON.stringify([sql, kinds]))
    .digest('base64')
}

/** Of all logstores. What was not asked for longest is forgotten first. */
export class ConditionMemory {
  readonly #known = new Map<string, Known>()
  #paths = 0

  /** @param store names a logstore of a project */
  of(store: string, condition: string): Known | undefined {
    const key = keyOf(store, condition)
    const known = this.#known.get(key)
    if (known === undefined) return undefined
    this.#known.delete(key)
    this.#known.set(key, known)
    return known
  }

  note(store: string, condition: string, empty: readonly string[], takesMany: boolean): void {
    const key = keyOf(store, condition)
    const known = this.#known.get(key) ?? { empty: new Set<string>(), takesMany }
    this.#known.delete(key)
    this.#known.set(key, known)
    known.takesMany = takesMany
    const before = known.empty.size
    for (const path of empty) known.empty.add(path)
    this.#paths += known.empty.size - before
    this.#forget()
  }

  #forget(): void {
    for (const [key, { empty }] of this.#known) {
      if (this.#paths <= pathsMax && this.#known.size <= conditionsMax) return
      this.#known.delete(key)
      this.#paths -= empty.size
    }
  }
}

const keyOf = (store: string, condition: string): string => `${store}\n${condition}`
