import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Attribute } from './contract.ts'
import { invalid } from './names.ts'

/** Whose attributes: a project's own have logstore 0, which no logstore has as its id. */
export interface AttributeOwner {
  readonly project: string
  readonly logstore: number
}

/** JSON texts in the catalogue. What they mean is for those who put them there. */
export class AttributeTable {
  readonly #get: StatementSync
  readonly #from: StatementSync
  readonly #set: StatementSync
  readonly #remove: StatementSync

  constructor(db: DatabaseSync) {
    const one = 'project = ? AND logstore = ? AND key = ?'
    this.#get = db.prepare(`SELECT value FROM attributes WHERE ${one}`)
    this.#from = db.prepare(
      'SELECT key, value FROM attributes WHERE project = ? AND logstore = ? AND key >= ? ORDER BY key',
    )
    this.#set = db.prepare('INSERT OR REPLACE INTO attributes VALUES (?, ?, ?, ?)')
    this.#remove = db.prepare(`DELETE FROM attributes WHERE ${one}`)
  }

  get({ project, logstore }: AttributeOwner, key: string): unknown {
    const row = this.#get.get(project, logstore, key)
    return row === undefined ? undefined : parse(row['value'])
  }

  /** Keys with a common beginning lie behind each other, in the order of their bytes. */
  list({ project, logstore }: AttributeOwner, prefix: string): Attribute[] {
    const found: Attribute[] = []
    for (const row of this.#from.iterate(project, logstore, prefix)) {
      const key = String(row['key'])
      if (!key.startsWith(prefix)) break
      found.push({ key, value: parse(row['value']) })
    }
    return found
  }

  /** Within the caller's transaction. Throws ParameterInvalid. */
  set({ project, logstore }: AttributeOwner, changes: ReadonlyMap<string, unknown>): void {
    for (const [key, value] of changes) {
      if (key === '' || !key.isWellFormed() || key.includes('\0'))
        throw invalid(`${JSON.stringify(key)} cannot be the key of an attribute`)
      if (value === undefined) this.#remove.run(project, logstore, key)
      else this.#set.run(project, logstore, key, print(key, value))
    }
  }
}

const parse = (text: unknown): unknown => JSON.parse(String(text)) as unknown

function print(key: string, value: unknown): string {
  try {
    const text: unknown = JSON.stringify(value)
    if (typeof text === 'string') return text
  } catch (error) {
    if (!(error instanceof TypeError)) throw error // a cycle or a BigInt
  }
  throw invalid(`the value of attribute ${key} is not JSON`)
}
