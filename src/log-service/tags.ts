/** Tags of projects and logstores (alibaba-api.md §3.3; their limits as of flow logs, §1.2). */
import { WeirError } from '../base/errors.ts'
import type { LogStore } from '../logstore/logstore.ts'

export type TagStore = Pick<LogStore, 'attribute' | 'setAttributes'>

export interface TaggedThing {
  readonly project: string
  /** Undefined: the project itself. */
  readonly logstore: string | undefined
}

const tagsMax = 20
const keyLengthMax = 128
const valueLengthMax = 128

export class Tags {
  readonly #store: TagStore

  constructor(store: TagStore) {
    this.#store = store
  }

  /** By key. Throws ProjectNotExist, LogStoreNotExist. */
  of({ project, logstore }: TaggedThing): ReadonlyMap<string, string> {
    const kept = this.#store.attribute(project, logstore, 'tags') ?? {}
    const entries = Object.entries(kept as Readonly<Record<string, string>>)
    return new Map(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** A tag of the same key is replaced. Throws ParameterInvalid (nothing set), ProjectNotExist, LogStoreNotExist. */
  set(thing: TaggedThing, added: ReadonlyMap<string, string>): void {
    for (const [key, value] of added) checkTag(key, value)
    const all = new Map([...this.of(thing), ...added])
    if (all.size > tagsMax) throw invalid(`a resource has at most ${tagsMax} tags`)
    this.#keep(thing, all)
  }

  /** Those that are not there are no error. Throws ProjectNotExist, LogStoreNotExist. */
  remove(thing: TaggedThing, keys: Iterable<string> | 'all'): void {
    const left = new Map(keys === 'all' ? [] : this.of(thing))
    if (keys !== 'all') for (const key of keys) left.delete(key)
    this.#keep(thing, left)
  }

  #keep({ project, logstore }: TaggedThing, tags: ReadonlyMap<string, string>): void {
    this.#store.setAttributes(project, logstore, new Map([['tags', Object.fromEntries(tags)]]))
  }
}

function checkTag(key: string, value: string): void {
  for (const [what, text, max] of [
    ['key', key, keyLengthMax],
    ['value', value, valueLengthMax],
  ] as const) {
    if (text.length > max) throw invalid(`the ${what} of a tag has at most ${max} characters`)
    if (/^(aliyun|acs:)/i.test(text) || /https?:\/\//i.test(text))
      throw invalid(
        `the ${what} of a tag neither begins with aliyun or acs: nor holds http:// or https://`,
      )
  }
  if (key === '') throw invalid('the key of a tag is empty')
  if (key === '__proto__') throw invalid('__proto__ is no key of a tag')
}

const invalid = (message: string): WeirError => new WeirError('ParameterInvalid', message)
