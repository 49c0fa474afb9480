/** Which traffic is that of the scenario VpcFlowLogInternet. */
import { BlockList, isIP } from 'node:net'

/** Traffic paths that end at the internet: an IPv4 gateway, an IPv6 gateway, a public address. */
const internetPaths: ReadonlySet<number> = new Set([13, 14, 15])
/** Those that may: traffic that fits no scenario, and a NAT gateway. */
const openPaths: ReadonlySet<number> = new Set([0, 7])

/** Addresses that are not globally reachable (RFC 6890 and its registry). */
const notPublic = new BlockList()
for (const [address, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  notPublic.addSubnet(address, bits, 'ipv4')

const globalUnicast = new BlockList()
globalUnicast.addSubnet('2000::', 3, 'ipv6')

export function isPublicAddress(text: string): boolean {
  const family = isIP(text)
  if (family === 4) return !notPublic.check(text, 'ipv4')
  return family === 6 && globalUnicast.check(text, 'ipv6')
}

/**
 * Whether a record is of the internet: its traffic path says so; or the path leaves it open, or is not known, and the
 * peer has a public address. VPCs have global IPv6 addresses inside too, so an address alone says it of no other path.
 *
 * @param path NaN when it is not known
 */
export const isInternet = (path: number, isPeerPublic: () => boolean): boolean =>
  internetPaths.has(path) || ((Number.isNaN(path) || openPaths.has(path)) && isPeerPublic())
