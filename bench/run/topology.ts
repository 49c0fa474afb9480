/**
 * Topologies for the captures of a bench, such that each packet is one observation, with a verdict and a path.
 *
 * One is large and owns the addresses of all clients: 64 of each family an ENI, 16 ENIs a vSwitch; a million
 * flows have 62,500 clients, so 977 ENIs. The other is what a live capture has: the tap of one ENI, here one
 * that forwards. Every ENI has two security groups of 40 rules together, every vSwitch an ACL of 10 entries
 * each way, and one route table of 40 entries leads to five gateways.
 *
 * What is refused is refused in both directions, so that there are as many records as flows, whichever of
 * its packets is a connection's first.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CaptureCase } from './cases.ts'
import { pairsPerClient, servicePorts } from './flow-headers.ts'

const addressesPerEni = 64
const enisPerVSwitch = 16
const addressesPerVSwitch = addressesPerEni * enisPerVSwitch

export interface BenchTopology {
  readonly name: string
  readonly path: string
}

/** Writes the topologies of a case (JSON is YAML), once. */
export function benchTopologies(folder: string, { flows }: CaptureCase): BenchTopology[] {
  const clients = Math.ceil(flows / 2 / pairsPerClient)
  const enis = Math.ceil(clients / addressesPerEni)
  return [
    { name: enis === 1 ? '1 ENI' : `${enis} ENIs`, path: join(folder, `enis-${enis}.yaml`) },
    { name: 'one tap', path: join(folder, 'one-tap.yaml') },
  ].map((each, i) => {
    if (!existsSync(each.path))
      writeFileSync(
        each.path,
        JSON.stringify(i === 0 ? topology(ownersOf(enis)) : topology([tapped])),
      )
    return each
  })
}

interface BenchEni {
  readonly privateIps: readonly string[]
  readonly tap?: { readonly capture: string }
}

const ownersOf = (enis: number): BenchEni[] =>
  times(enis, (i) => ({
    privateIps: [ipv4, ipv6].flatMap((write) =>
      times(addressesPerEni, (k) => write(i * addressesPerEni + k)),
    ),
  }))

/** An address that no client has. */
const tapped: BenchEni = { privateIps: ['10.0.3.255'], tap: { capture: '*.pcap' } }

const topology = (enis: readonly BenchEni[]): object => ({
  account: '1210123456789012',
  region: 'cn-hangzhou',
  vpcs: [{ id: 'vpc-bench', cidrs: ['10.0.0.0/9', 'fd00:10::/32'], routeTable: 'vtb-bench' }],
  vSwitches: times(Math.ceil(enis.length / enisPerVSwitch), (i) => ({
    id: `vsw-${i}`,
    vpc: 'vpc-bench',
    cidrs: [`${ipv4(i * addressesPerVSwitch)}/22`, `${ipv6(i * addressesPerVSwitch)}/118`],
    networkAcl: `nacl-${i % aclCount}`,
  })),
  instances: times(enis.length, (i) => ({ id: `i-${i}`, name: `host ${i}` })),
  enis: enis.map((each, i) => ({
    id: `eni-${i}`,
    vSwitch: `vsw-${Math.floor(i / enisPerVSwitch)}`,
    instance: `i-${i}`,
    ...each,
    securityGroups: ['sg-common', `sg-${i % groupCount}`],
  })),
  securityGroups: [
    { id: 'sg-common', rules: [...refused, ...special(20, 'common'), ...accepted] },
    ...times(groupCount, (i) => ({ id: `sg-${i}`, rules: special(14, `${i}`) })),
  ],
  networkAcls: times(aclCount, (i) => ({
    id: `nacl-${i}`,
    ingress: entries(i),
    egress: entries(i),
  })),
  routeTables: [{ id: 'vtb-bench', entries: routes }],
  gateways: [
    { id: 'ngw-bench', type: 'natGateway' },
    { id: 'igw6-bench', type: 'ipv6Gateway' },
    { id: 'tr-bench', type: 'transitRouter' },
    { id: 'vbr-bench', type: 'vbr' },
    { id: 'peering-bench', type: 'vpcPeering' },
  ],
})

const groupCount = 50
const aclCount = 8
const bothWays = ['ingress', 'egress'] as const

const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i))

/** Addresses of clients, as `flow-headers.ts` gives them. */
const ipv4 = (client: number): string =>
  `10.${client >>> 16}.${(client >>> 8) & 255}.${client & 255}`
const ipv6 = (client: number): string =>
  `fd00:10::${(client >>> 16).toString(16)}:${(client & 0xffff).toString(16)}`

/** One of eight blocks of private servers. */
const refused = bothWays.map((direction) => ({
  direction,
  policy: 'drop',
  peer: '10.207.0.0/16',
  priority: 1,
}))
const accepted = bothWays.flatMap((direction) =>
  ['0.0.0.0/0', '::/0'].map((peer) => ({ direction, policy: 'accept', peer, priority: 100 })),
)

/** Rules as a customer has them: services for peers, of which some match some of the traffic. */
const special = (count: number, salt: string) =>
  times(count, (i) => ({
    direction: bothWays[i % 2],
    policy: 'accept',
    protocol: i % 5 === 4 ? 'udp' : 'tcp',
    ports: `${servicePorts[i % servicePorts.length]}/${servicePorts[i % servicePorts.length]}`,
    peer: `10.${200 + ((i + salt.length) % 7)}.${i * 8}.0/21`,
    priority: 2 + i,
  }))

const entries = (salt: number) => [
  ...times(8, (i) => ({
    policy: 'accept',
    protocol: 'tcp',
    ports: `${servicePorts[i]}/${servicePorts[i]}`,
    peer: `${12 + i + salt}.0.0.0/8`,
  })),
  { policy: 'accept', peer: '0.0.0.0/0' },
  { policy: 'accept', peer: '::/0' },
]

const routes = [
  { destination: '0.0.0.0/0', nextHop: 'ngw-bench' },
  { destination: '::/0', nextHop: 'igw6-bench' },
  { destination: '10.200.0.0/13', nextHop: 'tr-bench' },
  { destination: 'fd00:20::/32', nextHop: 'peering-bench' },
  ...times(36, (i) => ({
    destination: `10.${200 + (i % 8)}.${i * 4}.0/22`,
    nextHop: ['vbr-bench', 'peering-bench'][i % 2],
  })),
]
