/** The index of a logstore: kept as it was sent, read as the query engine wants it (alibaba-api.md §3.4, §4.3). */
import { WeirError } from '../base/errors.ts'
import type { LogStore } from '../logstore/logstore.ts'
import type { FieldIndex, FieldSelection, IndexConfig, WordRules } from '../query/query.ts'
import type { AnalysedBody, IndexBody, KeyBody, LineBody } from './index-body.ts'

export type IndexStore = Pick<LogStore, 'attribute' | 'setAttributes' | 'addColumns'>

export interface KeptIndex {
  readonly body: IndexBody
  /** Unix seconds. */
  readonly changedAt: number
}

export class Indexes {
  readonly #store: IndexStore
  readonly #now: () => number

  /** @param now Unix milliseconds */
  constructor(store: IndexStore, now: () => number = Date.now) {
    this.#store = store
    this.#now = now
  }

  /** Throws IndexAlreadyExist, IndexInfoInvalid, ProjectNotExist, LogStoreNotExist. */
  create(project: string, logstore: string, body: IndexBody): void {
    if (this.find(project, logstore) !== undefined)
      throw new WeirError('IndexAlreadyExist', 'log store index is already created')
    this.set(project, logstore, body)
  }

  /** Throws ParameterInvalid, IndexInfoInvalid, ProjectNotExist, LogStoreNotExist. */
  update(project: string, logstore: string, body: IndexBody): void {
    this.#checkThere(project, logstore)
    this.set(project, logstore, body)
  }

  /** Throws IndexConfigNotExist, ProjectNotExist, LogStoreNotExist. */
  get(project: string, logstore: string): KeptIndex {
    const found = this.find(project, logstore)
    if (found !== undefined) return found
    throw new WeirError('IndexConfigNotExist', "index config doesn't exist")
  }

  /** Throws ProjectNotExist, LogStoreNotExist. */
  find(project: string, logstore: string): KeptIndex | undefined {
    return this.#store.attribute(project, logstore, 'index') as KeptIndex | undefined
  }

  /** Throws ParameterInvalid, ProjectNotExist, LogStoreNotExist. */
  delete(project: string, logstore: string): void {
    this.#checkThere(project, logstore)
    this.#store.setAttributes(project, logstore, new Map([['index', undefined]]))
  }

  /** New keys of whole numbers become columns of numbers before the first log has them. */
  set(project: string, logstore: string, body: IndexBody): void {
    const numbers = Object.entries(body.keys ?? {})
      .filter(([name, { type }]) => type === 'long' && !name.startsWith('__'))
      .map(([name]) => ({ name, kind: 'integer' }) as const)
    try {
      if (numbers.length > 0) this.#store.addColumns(project, logstore, numbers)
    } catch (error) {
      if (!(error instanceof WeirError && error.code === 'ParameterInvalid')) throw error
      throw new WeirError('IndexInfoInvalid', error.message, { cause: error })
    }
    const kept: KeptIndex = { body, changedAt: Math.floor(this.#now() / 1000) }
    this.#store.setAttributes(project, logstore, new Map([['index', kept]]))
  }

  #checkThere(project: string, logstore: string): void {
    if (this.find(project, logstore) === undefined)
      throw new WeirError('ParameterInvalid', 'log store index is not created')
  }
}

/**
 * The index that a query reads a logstore by; undefined when it has none.
 * Throws ProjectNotExist, LogStoreNotExist.
 */
export function indexConfigOf(
  store: Pick<LogStore, 'attribute'>,
  project: string,
  logstore: string,
): IndexConfig | undefined {
  const kept = store.attribute(project, logstore, 'index') as KeptIndex | undefined
  if (kept === undefined) return undefined
  const { line, keys = {} } = kept.body
  return {
    line: line === undefined ? undefined : { ...wordsOf(line), ...selectionOf(line) },
    keys: new Map(Object.entries(keys).map(([name, key]) => [name, fieldOf(key)])),
  }
}

const wordsOf = ({
  token,
  caseSensitive,
}: Pick<LineBody, 'token' | 'caseSensitive'>): WordRules => ({
  token: token.filter((each) => each !== ''),
  caseSensitive,
})

/** An empty list selects nothing, and is what some clients send for none. */
function selectionOf({ include_keys = [], exclude_keys = [] }: LineBody): FieldSelection {
  if (include_keys.length > 0) return { includeKeys: include_keys }
  return exclude_keys.length > 0 ? { excludeKeys: exclude_keys } : {}
}

function fieldOf(key: KeyBody): FieldIndex {
  if (key.type === 'text') return { type: 'text', ...wordsOf(key), ...analysedOf(key) }
  if (key.type !== 'json') return { type: key.type, ...analysedOf(key) }
  const leaves = Object.entries(key.json_keys)
  return {
    type: 'json',
    ...wordsOf(key),
    ...analysedOf(key),
    indexAll: key.index_all,
    maxDepth: key.max_depth,
    jsonKeys: new Map(
      leaves.map(([path, leaf]) => [path, { type: leaf.type, ...analysedOf(leaf) }]),
    ),
  }
}

const analysedOf = ({ alias, doc_value }: AnalysedBody) => ({
  ...(alias === '' ? {} : { alias }),
  docValue: doc_value,
})
