/** The security groups of the lab: once for the topology file, once as rules of nftables in the instances. */
import { addressesOf, type Machine, machines, nflogGroupOf, vpcOf } from './network.ts'

export interface GroupRule {
  readonly direction: 'ingress' | 'egress'
  readonly policy: 'accept' | 'drop'
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'icmpv6' | 'all'
  /** `from/to`; none is all. */
  readonly ports?: string
  readonly peer?: string
  readonly priority: number
}

/** "Ingress default is drop, egress default is accept; members of one group reach each other." */
export const securityGroups: Readonly<Record<string, readonly GroupRule[]>> = {
  // "Access to the server is restricted by a security group based on source IP addresses."
  'sg-web': [
    {
      direction: 'ingress',
      policy: 'accept',
      protocol: 'tcp',
      ports: '80/80',
      peer: '120.26.0.0/16',
      priority: 1,
    },
    // Nor may it send mail, whoever has broken into it.
    { direction: 'egress', policy: 'drop', protocol: 'tcp', ports: '25/25', priority: 1 },
  ],
  'sg-ecs': [
    {
      direction: 'ingress',
      policy: 'accept',
      protocol: 'icmp',
      peer: '172.16.0.0/16',
      priority: 1,
    },
  ],
  'sg-far': [
    {
      direction: 'ingress',
      policy: 'accept',
      protocol: 'all',
      peer: '10.0.0.0/16',
      priority: 1,
    },
    {
      direction: 'ingress',
      policy: 'accept',
      protocol: 'all',
      peer: '2001:db8:20::/56',
      priority: 1,
    },
  ],
  'sg-app': [
    {
      direction: 'ingress',
      policy: 'accept',
      protocol: 'icmp',
      peer: '10.1.0.0/16',
      priority: 1,
    },
  ],
}

/**
 * The rules of a machine's group for `nft -f` in its namespace, or undefined without one. Reject rules alone
 * report to NFLOG, with prefix `R:in` or `R:out`; what passes costs nothing. Neighbour discovery is never
 * filtered.
 */
export function firewallOf(machine: Machine): string | undefined {
  if (machine.group === undefined) return undefined
  const rules = inOrder(securityGroups[machine.group]!)
  const of = (wanted: GroupRule['direction']): string[] =>
    rules.filter(({ direction }) => direction === wanted).map((rule) => ruleLine(rule, machine))
  const lines = [
    'table inet sg {',
    'chain in {',
    'type filter hook input priority filter; policy drop;',
    'iifname "lo" accept',
    'ct state established,related accept',
    'icmpv6 type { 133, 134, 135, 136, 137 } accept',
    ...of('ingress'),
    ...membersLines(machine),
    rejects('in', machine),
    '}',
    'chain out {',
    'type filter hook output priority filter; policy accept;',
    'oifname "lo" accept',
    'ct state established,related accept',
    ...of('egress'),
    '}',
    '}',
  ]
  return `${lines.join('\n')}\n`
}

/** "Priority 1 (first) to 100; at equal priority drop wins." */
const inOrder = (rules: readonly GroupRule[]): GroupRule[] =>
  rules.toSorted(
    (a, b) =>
      a.priority - b.priority || Number(a.policy === 'accept') - Number(b.policy === 'accept'),
  )

function ruleLine(rule: GroupRule, machine: Machine): string {
  const side = rule.direction === 'ingress' ? 'saddr' : 'daddr'
  const parts: string[] = []
  if (rule.peer !== undefined)
    parts.push(`${rule.peer.includes(':') ? 'ip6' : 'ip'} ${side} ${rule.peer}`)
  if (rule.protocol !== 'all')
    parts.push(
      rule.ports === undefined
        ? `meta l4proto ${rule.protocol === 'icmpv6' ? 'ipv6-icmp' : rule.protocol}`
        : `${rule.protocol} dport ${rule.ports.replace('/', '-')}`,
    )
  parts.push(
    rule.policy === 'accept'
      ? 'accept'
      : rejects(rule.direction === 'ingress' ? 'in' : 'out', machine),
  )
  return parts.join(' ')
}

function membersLines(machine: Machine): string[] {
  const others = machines.filter(
    (each) =>
      each !== machine && each.group === machine.group && vpcOf(each).id === vpcOf(machine).id,
  )
  if (others.length === 0) return []
  const list = (family: 'ipv4' | 'ipv6') =>
    others.map((each) => addressesOf(each)[family]).join(', ')
  return [`ip saddr { ${list('ipv4')} } accept`, `ip6 saddr { ${list('ipv6')} } accept`]
}

/** The heads of packets are enough to name the flow (docs/verdicts.md); each report travels as it comes. */
const rejects = (direction: 'in' | 'out', machine: Machine): string =>
  `counter log prefix "R:${direction}" group ${nflogGroupOf(machine)} snaplen 128 queue-threshold 1 drop`
