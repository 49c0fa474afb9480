/**
 * Security groups and network ACLs as nftables rules, written from the page's words and records.md 16 to 26 alone:
 * nothing of `src/vpc/` is used. One chain for each direction of an ENI; `set` keeps the chains of many apart.
 */
import type { RandomGroupRule, RandomRule } from './random-rules.ts'

export interface GuardedEni {
  /** Its addresses, at most one of each family. */
  readonly addresses: readonly string[]
  readonly groups: readonly Group[]
  /** The vSwitch's. */
  readonly acl:
    | { readonly ingress: readonly RandomRule[]; readonly egress: readonly RandomRule[] }
    | undefined
  /** What is inside its vSwitch: ranges, and addresses of ENIs. */
  readonly inside: readonly string[]
  /** Private addresses of the ENIs of its VPC that hold each group. */
  readonly members: ReadonlyMap<string, readonly string[]>
}

export interface Group {
  readonly id: string
  readonly innerAccess: string
  readonly rules: readonly RandomGroupRule[]
}

type Direction = 'ingress' | 'egress'

const familyOf = (address: string): 'ip' | 'ip6' => (address.includes(':') ? 'ip6' : 'ip')

/** The whole ruleset: each ENI, by its addresses, in both directions. */
export function rulesetOf(enis: readonly GuardedEni[]): string {
  const maps = (['ip', 'ip6'] as const).flatMap((family) => {
    const type = family === 'ip' ? 'ipv4_addr' : 'ipv6_addr'
    return (['ingress', 'egress'] as const).map((direction) => {
      const elements = enis.flatMap(({ addresses }, set) =>
        addresses
          .filter((each) => familyOf(each) === family)
          .map((each) => `${each} : goto ${direction}${set}`),
      )
      return `map ${direction}_${family} {\ntype ${type} : verdict\nelements = { ${elements.join(', ')} }\n}`
    })
  })
  return `table inet guard {
${enis.map(chainsOf).join('\n')}
${maps.join('\n')}
chain forward {
type filter hook forward priority 0; policy drop;
iifname "net0" ip daddr vmap @ingress_ip
iifname "net0" ip6 daddr vmap @ingress_ip6
iifname "eni0" ip saddr vmap @egress_ip
iifname "eni0" ip6 saddr vmap @egress_ip6
}
}
`
}

/** "`out`: security groups, then the vSwitch's network ACL; `in`: network ACL, then security groups." */
function chainsOf(eni: GuardedEni, set: number): string {
  const chain = (name: string, lines: readonly string[]): string =>
    `chain ${name}${set} {\n${lines.join('\n')}\n}`
  return [
    chain('ingressgroups', groupLines(eni, 'ingress', 'accept')),
    chain('ingress', aclLines(eni, 'ingress', `goto ingressgroups${set}`)),
    chain('egressacl', aclLines(eni, 'egress', 'accept')),
    chain('egress', groupLines(eni, 'egress', `goto egressacl${set}`)),
  ].join('\n')
}

function groupLines({ groups, members }: GuardedEni, direction: Direction, pass: string): string[] {
  if (groups.length === 0) return [pass]
  const rank = ({ priority = 1, policy }: RandomGroupRule): number =>
    priority * 2 + (policy === 'drop' ? 0 : 1) // "drop wins at equal priority"
  const lines = ['ct state established,related ' + pass]
  const rules = groups
    .flatMap(({ rules: each }) => each)
    .filter((rule) => rule.direction === direction)
    .toSorted((a, b) => rank(a) - rank(b))
  for (const rule of rules) lines.push(...ruleLines(rule, direction, pass, members))
  // "Ingress default is drop, egress default is accept; members of one group reach each other unless the group says otherwise."
  if (direction === 'egress') return [...lines, pass]
  for (const { id, innerAccess } of groups)
    if (innerAccess === 'accept')
      lines.push(...peerMatches(id, direction, members).map((match) => `${match} ${pass}`))
  return [...lines, 'drop']
}

/** "Network ACLs are stateless and apply between vSwitches and to the outside, not inside a vSwitch." */
function aclLines(
  { acl, inside, members }: GuardedEni,
  direction: Direction,
  pass: string,
): string[] {
  if (acl === undefined) return [pass]
  const spared = [...inside, '169.254.0.0/16'].map(
    (each) => `${addressMatch(each, direction)} ${pass}`,
  )
  const entries = acl[direction].flatMap((rule) => ruleLines(rule, direction, pass, members))
  return [...spared, ...entries, 'drop']
}

function ruleLines(
  { policy, protocol = 'all', ports = '-1/-1', peer }: RandomRule,
  direction: Direction,
  pass: string,
  members: GuardedEni['members'],
): string[] {
  const number = protocolNumbers[protocol] ?? Number(protocol)
  const [from, to] = ports.split('/')
  const portMatch = from === '-1' ? '' : ` th dport ${from}-${to}`
  const what =
    protocol === 'all'
      ? ''
      : `meta l4proto ${number}${protocol === 'tcp' || protocol === 'udp' ? portMatch : ''} `
  const who = peer === undefined ? [''] : peerMatches(peer, direction, members)
  return who.map((match) => `${what}${match} ${policy === 'accept' ? pass : 'drop'}`)
}

const protocolNumbers: Readonly<Record<string, number>> = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  gre: 47,
  icmpv6: 58,
}

/** A range, or the addresses of a group's members: as many lines as there are. */
function peerMatches(peer: string, direction: Direction, members: GuardedEni['members']): string[] {
  const addresses = members.get(peer) ?? (peer.startsWith('sg-') ? [] : [peer])
  return addresses.map((each) => addressMatch(each, direction))
}

function addressMatch(range: string, direction: Direction): string {
  if (range === '0.0.0.0/0') return 'meta nfproto ipv4'
  if (range === '::/0') return 'meta nfproto ipv6'
  return `${familyOf(range)} ${direction === 'ingress' ? 'saddr' : 'daddr'} ${range}`
}
