/** Which project a request is for: the log service names it in the host (alibaba-api.md §3.1). */
import { isIP } from 'node:net'

/**
 * @param host the Host header as it came; Python leaves the port out (§0.4)
 * @param endpoints names of this server, lower case; an address is one too, for a client that was given an address and
 *   writes the project before it
 * @returns undefined when the host is an endpoint, an address or a name of others
 */
export function projectOf(
  host: string | undefined,
  endpoints: readonly string[],
): string | undefined {
  const name = nameOf(host ?? '')
  if (endpoints.includes(name) || isIP(name) !== 0) return undefined
  const dot = name.indexOf('.')
  if (dot <= 0) return undefined
  const rest = name.slice(dot + 1)
  return endpoints.includes(rest) || isIP(rest) === 4 ? name.slice(0, dot) : undefined
}

function nameOf(host: string): string {
  const bracket = /^\[([^\]]*)\]/.exec(host)
  if (bracket !== null) return bracket[1]!
  return host.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase()
}

/** A request to a proxy names the whole address; what counts is the path behind it (§2.7). */
export function originForm(target: string): string {
  const absolute = /^https?:\/\/[^/?#]*/i.exec(target)
  if (absolute === null) return target
  const rest = target.slice(absolute[0].length)
  return rest.startsWith('/') ? rest : `/${rest}`
}
