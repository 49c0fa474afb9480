/**
 * Whether a program on this machine asks. The peer's address alone does not tell: a web page can make a browser here
 * send requests (so one with another site's Origin is none), its host name can be made to resolve to this machine (DNS
 * rebinding, so Host must be an address or localhost), and a proxy here speaks for anybody.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { BlockList, isIP } from 'node:net'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

const proxyHeaders = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via']

export interface AskedFrom {
  readonly socket: {
    readonly remoteAddress?: string | undefined
    readonly localAddress?: string | undefined
  }
  readonly headers: IncomingHttpHeaders
}

export function isFromThisMachine({ socket, headers }: AskedFrom): boolean {
  const { remoteAddress: peer, localAddress } = socket
  if (peer === undefined || !(isLoopback(peer) || peer === localAddress)) return false
  const { host = '', origin, 'sec-fetch-site': site } = headers
  return (
    proxyHeaders.every((name) => headers[name] === undefined) &&
    isAddressOrLocalhost(host) &&
    (origin === undefined || origin === `http://${host}` || origin === `https://${host}`) &&
    (site === undefined || site === 'same-origin' || site === 'none')
  )
}

function isLoopback(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  const plain = mapped ?? address
  const version = isIP(plain)
  return version !== 0 && loopback.check(plain, version === 6 ? 'ipv6' : 'ipv4')
}

/** Host as sent: a name or address, perhaps with a port. */
function isAddressOrLocalhost(host: string): boolean {
  const name = /^(\[[^\]]*\]|[^:]*)(:\d{1,5})?$/.exec(host)?.[1]?.toLowerCase()
  if (name === undefined) return false
  return name === 'localhost' || isIP(name.startsWith('[') ? name.slice(1, -1) : name) !== 0
}
