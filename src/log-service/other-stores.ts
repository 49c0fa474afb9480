import type { LogStore } from '../logstore/logstore.ts'
import type { NamedStore } from '../query/query.ts'
import { indexConfigOf, type IndexStore } from './index-config.ts'

/**
 * The other logstores of a project that a query may be about: those whose name stands in it, that have an index, and that
 * `mayRead` lets through.
 */
export function otherStores(
  store: Pick<LogStore, 'logstores'> & Pick<IndexStore, 'attribute'>,
  project: string,
  query: string,
  mayRead: (logstore: string) => boolean,
): NamedStore[] {
  const text = query.toLowerCase()
  return store
    .logstores(project)
    .filter(({ name }) => text.includes(name) && mayRead(name))
    .flatMap(({ name }) => {
      const index = indexConfigOf(store, project, name)
      return index === undefined ? [] : [{ name, index }]
    })
}
