/** Which interfaces there are now, in this and other network namespaces: asked anew at each look. */
import { describeError, WeirError } from '../base/errors.ts'
import { type Link, Links, namespaceId } from '../sources/sources.ts'

interface OpenNamespace {
  readonly links: Links
  /** A namespace of the same name may be another one by now. */
  readonly id: string
}

export class Interfaces {
  readonly #open = new Map<string, OpenNamespace>()
  readonly #seen = new Map<string, Map<string, Link> | string>()

  /** Forgets what was seen, so that the next questions are answered anew. */
  refresh(): void {
    this.#seen.clear()
  }

  /** The interface, or why there is none. */
  find(interfaceName: string, netns: string | undefined): Link | string {
    const key = netns ?? ''
    let links = this.#seen.get(key)
    if (links === undefined) this.#seen.set(key, (links = this.#look(key, netns)))
    if (typeof links === 'string') return links
    return links.get(interfaceName) ?? `there is no interface ${interfaceName}`
  }

  close(): void {
    for (const { links } of this.#open.values()) links.close()
    this.#open.clear()
  }

  #look(key: string, netns: string | undefined): Map<string, Link> | string {
    try {
      const id = namespaceId(netns)
      let namespace = this.#open.get(key)
      if (namespace !== undefined && namespace.id !== id) {
        namespace.links.close()
        this.#open.delete(key)
        namespace = undefined
      }
      if (namespace === undefined)
        this.#open.set(key, (namespace = { links: Links.open(netns), id }))
      return new Map(namespace.links.list().map((link) => [link.name, link]))
    } catch (error) {
      if (!(error instanceof WeirError)) throw error
      return describeError(error)
    }
  }
}
