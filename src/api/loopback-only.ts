/**
 * Keeps the routes that have no signature yet to callers on this machine. The peer's address alone is not
 * enough: a web page can make a browser on this machine send requests (so other sites' Origin is
 * refused), its host name can be made to resolve to 127.0.0.1 (DNS rebinding, so Host must be a name of
 * this machine), and a proxy here speaks for anybody (so what came through one is refused).
 */
import type { IncomingHttpHeaders } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { WeirError } from '../base/errors.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

const proxyHeaders = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via']

/** @throws WeirError NotLoopback */
export function assertFromThisMachine(
  peer: string | undefined,
  headers: IncomingHttpHeaders,
): void {
  if (peer === undefined || !isLoopback(peer))
    throw refused(`this route answers to callers on the same machine only, not to ${peer}`)
  const proxy = proxyHeaders.find((name) => headers[name] !== undefined)
  if (proxy !== undefined)
    throw refused(`this route does not answer through a proxy (header ${proxy})`)
  const host = headers.host ?? ''
  if (!isNameOfThisMachine(host))
    throw refused(
      `the host "${host}" is no name of this machine`,
      'Use http://127.0.0.1 or http://localhost with the port of the server',
    )
  const { origin } = headers
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`)
    throw refused(`this route does not answer to pages of ${origin}`)
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    throw refused('this route does not answer to pages of other sites')
}

function isLoopback(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  const plain = mapped ?? address
  const version = isIP(plain)
  return version !== 0 && loopback.check(plain, version === 6 ? 'ipv6' : 'ipv4')
}

/** Host as sent: a name or address, perhaps with a port. */
function isNameOfThisMachine(host: string): boolean {
  const name = /^(\[[^\]]*\]|[^:]*)(:\d{1,5})?$/.exec(host)?.[1]?.toLowerCase()
  if (name === undefined) return false
  if (name === 'localhost') return true
  const address = name.startsWith('[') ? name.slice(1, -1) : name
  return isLoopback(address)
}

const refused = (message: string, hint?: string): WeirError =>
  new WeirError('NotLoopback', message, hint === undefined ? {} : { hint })
