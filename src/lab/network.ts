/**
 * The networks of the lab as data: what the product page's use cases assume, with its addresses. What is
 * here twice in the world is here twice too: 10.0.0.1 lives in two VPCs, as the cloud allows.
 *
 * Namespaces are named here without the lab's prefix. Public IPv6 addresses are from the documentation range
 * (RFC 3849).
 */

export interface VSwitch {
  readonly id: string
  /** Its bridge in the namespace of the VPC. */
  readonly bridge: string
  /** All but the last part of an address: a /24. */
  readonly ipv4: string
  /** Ends with `::`: a /64. */
  readonly ipv6: string
}

export interface Vpc {
  /** The namespace that is its router. */
  readonly namespace: string
  readonly id: string
  readonly region: string
  readonly cidrs: readonly string[]
  readonly routeTable: string
  readonly vSwitches: readonly VSwitch[]
}

/** What has one ENI and a namespace of its own: an instance, or the NAT gateway. */
export interface Machine {
  /** Also its namespace; the ENI is `eni-NAME`, the instance `i-NAME`. */
  readonly name: string
  readonly vSwitch: string
  /** The last part of its addresses. */
  readonly host: number
  readonly instance: boolean
  readonly group?: string
  readonly publicIp?: string
  /** Whether its rejected packets are those that its firewall reports, or those the topology's rules reject. */
  readonly verdicts: 'nflog' | 'policy'
}

const vSwitch = (id: string, ipv4: string, ipv6: string): VSwitch => ({
  id,
  bridge: `br-${id}`,
  ipv4,
  ipv6,
})

export const hangzhou = 'cn-hangzhou'
export const shanghai = 'cn-shanghai'

export const vpcs: readonly Vpc[] = [
  {
    namespace: 'vpc-web',
    id: 'vpc-lab-web',
    region: hangzhou,
    cidrs: ['10.0.0.0/16', '2001:db8:10::/56'],
    routeTable: 'vtb-web',
    vSwitches: [vSwitch('vsw-web', '10.0.0', '2001:db8:10::')],
  },
  {
    namespace: 'vpc-1',
    id: 'vpc-lab-1',
    region: hangzhou,
    cidrs: ['10.0.0.0/16', '2001:db8:20::/56'],
    routeTable: 'vtb-1',
    vSwitches: [
      vSwitch('vsw-1', '10.0.0', '2001:db8:20::'),
      vSwitch('vsw-2', '10.0.1', '2001:db8:20:1::'),
    ],
  },
  {
    namespace: 'vpc-2',
    id: 'vpc-lab-2',
    region: shanghai,
    cidrs: ['172.16.0.0/16', '2001:db8:32::/56'],
    routeTable: 'vtb-2',
    vSwitches: [vSwitch('vsw-far', '172.16.0', '2001:db8:32::')],
  },
  {
    namespace: 'vpc-app1',
    id: 'vpc-lab-app1',
    region: hangzhou,
    cidrs: ['192.168.20.0/24', '2001:db8:51::/56'],
    routeTable: 'vtb-app',
    vSwitches: [vSwitch('vsw-app1', '192.168.20', '2001:db8:51::')],
  },
  {
    namespace: 'vpc-app2',
    id: 'vpc-lab-app2',
    region: hangzhou,
    cidrs: ['192.168.10.0/24', '2001:db8:52::/56'],
    routeTable: 'vtb-app',
    vSwitches: [vSwitch('vsw-app2', '192.168.10', '2001:db8:52::')],
  },
]

const policy = { instance: true, verdicts: 'policy' } as const

export const machines: readonly Machine[] = [
  {
    ...policy,
    name: 'web1',
    vSwitch: 'vsw-web',
    host: 1,
    group: 'sg-web',
    publicIp: '47.96.0.1',
    verdicts: 'nflog',
  },
  { ...policy, name: 'ecs1', vSwitch: 'vsw-1', host: 1, group: 'sg-ecs' },
  { ...policy, name: 'ecs2', vSwitch: 'vsw-1', host: 2, group: 'sg-ecs' },
  { ...policy, name: 'ecs3', vSwitch: 'vsw-1', host: 3, group: 'sg-ecs', verdicts: 'nflog' },
  { ...policy, name: 'ngw1', vSwitch: 'vsw-2', host: 10, instance: false },
  { ...policy, name: 'far1', vSwitch: 'vsw-far', host: 1, group: 'sg-far' },
  { ...policy, name: 'far2', vSwitch: 'vsw-far', host: 2, group: 'sg-far' },
  { ...policy, name: 'app1', vSwitch: 'vsw-app1', host: 11, group: 'sg-app' },
  { ...policy, name: 'app2', vSwitch: 'vsw-app2', host: 11, group: 'sg-app' },
]

/** Where a NAT gateway's machine stands and what the world sees of it. */
export const natGateway = { id: 'ngw-1', machine: 'ngw1', publicIp: '47.96.0.9' } as const

/** Routers and hosts outside the VPCs, each a namespace, with the addresses that live there. */
export const beyond: Readonly<Record<string, readonly string[]>> = {
  internet: [
    '120.26.0.1',
    '120.26.0.2',
    '121.43.0.1',
    '154.212.0.1',
    '176.65.0.1',
    '198.235.0.1',
    '223.5.5.5',
    '2001:db8:bad::7',
    '2001:db8:f00d::80',
  ],
  tr: [],
  vbr: [],
  site: ['10.1.0.10', '10.1.0.20', '2001:db8:a1::10'],
}

/** Wires between namespaces. */
export const links: readonly (readonly [string, string])[] = [
  ['vpc-web', 'internet'],
  ['vpc-1', 'internet'],
  ['vpc-1', 'vpc-2'],
  ['vpc-app1', 'tr'],
  ['vpc-app2', 'tr'],
  ['tr', 'vbr'],
  ['vbr', 'site'],
]

export interface Route {
  readonly to: string
  /** The namespace at the other end of a wire. */
  readonly via: string
  /** Only for what comes from this bridge. */
  readonly from?: string
}

const both = (via: string, ...to: readonly string[]): Route[] =>
  to.map((each) => ({ to: each, via }))
const vpc1 = ['10.0.0.0/16', '2001:db8:20::/56'] as const
const vpc2 = ['172.16.0.0/16', '2001:db8:32::/56'] as const
const app1 = ['192.168.20.0/24', '2001:db8:51::/56'] as const
const app2 = ['192.168.10.0/24', '2001:db8:52::/56'] as const
const site = ['10.1.0.0/16', '2001:db8:a1::/48'] as const

/** Routes of the namespaces that have wires. Instances have one: everything by their vSwitch's router. */
export const routes: Readonly<Record<string, readonly Route[]>> = {
  'vpc-web': both('internet', '0.0.0.0/0', '::/0'),
  'vpc-1': [
    ...both('vpc-2', ...vpc2),
    // "All instances are deployed in the same vSwitch and access the internet using SNAT": the default route
    // of their vSwitch is the NAT gateway; what the gateway sends goes to the internet.
    { to: '0.0.0.0/0', via: natGateway.machine, from: 'br-vsw-1' },
    { to: '0.0.0.0/0', via: 'internet', from: 'br-vsw-2' },
  ],
  'vpc-2': both('vpc-1', ...vpc1),
  'vpc-app1': both('tr', ...site),
  'vpc-app2': both('tr', ...site),
  tr: [...both('vpc-app1', ...app1), ...both('vpc-app2', ...app2), ...both('vbr', ...site)],
  vbr: [...both('tr', ...app1, ...app2), ...both('site', ...site)],
  site: both('vbr', ...app1, ...app2),
  internet: [
    ...both('vpc-web', '47.96.0.1/32', '2001:db8:10::/56'),
    ...both('vpc-1', `${natGateway.publicIp}/32`),
  ],
}

/** The last parts of a vSwitch's router's addresses. */
export const routerHost = { ipv4: '253', ipv6: 'fd' } as const

export const vpcOf = (machine: Machine): Vpc =>
  vpcs.find(({ vSwitches }) => vSwitches.some(({ id }) => id === machine.vSwitch))!

export const vSwitchOf = (machine: Machine): VSwitch =>
  vpcOf(machine).vSwitches.find(({ id }) => id === machine.vSwitch)!

export function addressesOf(machine: Machine): { ipv4: string; ipv6: string } {
  const { ipv4, ipv6 } = vSwitchOf(machine)
  return { ipv4: `${ipv4}.${machine.host}`, ipv6: `${ipv6}${machine.host}` }
}

export const machineNamed = (name: string): Machine => machines.find((each) => each.name === name)!

/** The NFLOG group that an ENI's firewall reports to: one for each. */
export const nflogGroupOf = (machine: Machine): number => 10 + machines.indexOf(machine)

/** Every namespace of the lab, without the prefix. */
export const namespaces: readonly string[] = [
  ...vpcs.map(({ namespace }) => namespace),
  ...machines.map(({ name }) => name),
  ...Object.keys(beyond),
]
