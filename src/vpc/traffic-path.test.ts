/** The traffic path: records.md 38 to 46. A test's name begins with the number of its rule. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { watchTopology } from '../../test/vpc-observations.ts'
import { trafficPaths } from './traffic-path.ts'

interface Network {
  readonly entries?: readonly string[]
  readonly gateways?: readonly string[]
  readonly services?: readonly string[]
  readonly enis?: readonly string[]
  readonly publicIp?: string
  readonly vpcs?: readonly string[]
}

const list = (lines: readonly string[] = []): string => `[ ${lines.join(', ')} ]`

/** Two vSwitches of one VPC, the ENI `a` in the first, a second VPC, and what the test adds. */
const network = (more: Network): string => `
vpcs: ${list(['{ id: vpc-1, cidrs: [10.0.0.0/16, "fd00:1::/56"], routeTable: rt-1 }', '{ id: vpc-2, cidrs: [10.1.0.0/16, 120.1.0.0/16] }', ...(more.vpcs ?? [])])}
vSwitches:
  - { id: vsw-1, vpc: vpc-1, cidrs: [10.0.0.0/24] }
  - { id: vsw-2, vpc: vpc-1, cidrs: [10.0.1.0/24, "fd00:1:0:1::/64"] }
  - { id: vsw-3, vpc: vpc-2, cidrs: [10.1.0.0/24] }
instances: [ { id: i-1 } ]
enis: ${list([`{ id: a, vSwitch: vsw-1, privateIps: [10.0.0.1, "fd00:1::1"]${more.publicIp ? `, publicIp: "${more.publicIp}"` : ''} }`, '{ id: b, vSwitch: vsw-2, instance: i-1, privateIps: [10.0.1.2] }', '{ id: c, vSwitch: vsw-2, privateIps: [10.0.1.3] }', '{ id: d, vSwitch: vsw-3, instance: i-1, privateIps: [10.1.0.4] }', ...(more.enis ?? [])])}
routeTables: [ { id: rt-1, entries: ${list(more.entries)} } ]
gateways: ${list(more.gateways)}
services: ${list(more.services)}
`

/** Expects paths of traffic between `a` and peers, in both directions. */
function paths(more: Network, want: Readonly<Record<string, number>>): void {
  const { see } = watchTopology(network(more))
  for (const [peer, path] of Object.entries(want)) {
    const own = peer.includes(':') ? 'fd00:1::1' : '10.0.0.1'
    const codes = see(`${own} > ${peer} udp`, `${peer} > ${own} udp`).map((seen) =>
      seen.filter((each) => each.startsWith('a ')).map((each) => Number(each.split(' ')[3])),
    )
    assert.deepEqual(codes, [[path], [path]], `path to and from ${peer}`)
  }
}

const to = (destination: string, nextHop: string): string =>
  `{ destination: "${destination}", nextHop: ${nextHop} }`
const gateway = (type: string, more = ''): string => `{ id: g, type: ${type}${more} }`

test('the table holds the codes of the page: 0 to 22 without 16', () => {
  const codes = trafficPaths.map(({ code }) => code)
  assert.deepEqual(codes, [...Array.from({ length: 16 }, (_, i) => i), 17, 18, 19, 20, 21, 22])
})

/** Everything goes to one next hop. */
const all = (type: string): Network => ({
  entries: [to('0.0.0.0/0', 'g'), to('::/0', 'g')],
  gateways: [gateway(type)],
})
const cloud = ['{ id: oss, cidrs: [100.118.28.0/24, 47.1.0.0/16, "2400:3200::/32"] }']
const far = ['8.8.8.8', '192.168.0.1', '2001:db8::1', 'fd99::1'] as const

/** The page's list: a code, its sentence, a network where it holds, and peers of both families where it applies. */
const page: readonly (readonly [number, string, Network, readonly string[]])[] = [
  [0, 'Traffic captured in scenarios other than those listed below.', {}, far],
  [
    1,
    'Traffic that passes through other resources in the same VPC.',
    { services: ['{ id: rm, vpc: vpc-1, privateIps: [10.0.2.10, "fd00:1::d"] }'] },
    ['10.0.2.10', 'fd00:1::d', '10.0.1.3', '10.0.9.9', 'fd00:1::99'],
  ],
  [
    2,
    'Private traffic that accesses ECS instances in the same VPC.',
    { enis: ['{ id: e, vSwitch: vsw-2, instance: i-1, privateIps: ["fd00:1:0:1::2"] }'] },
    ['10.0.1.2', 'fd00:1:0:1::2'],
  ],
  [
    3,
    'Traffic that passes through an elastic network interface.',
    { entries: [to('0.0.0.0/0', 'b'), to('::/0', 'b')] },
    far,
  ],
  [4, 'Traffic that passes through a high-availability virtual IP address.', all('haVip'), far],
  [
    4,
    'Traffic that passes through a high-availability virtual IP address. (itself)',
    { gateways: [gateway('haVip', ', vpc: vpc-1, privateIps: [10.0.2.11, "fd00:1::b"]')] },
    ['10.0.2.11', 'fd00:1::b'],
  ],
  [
    5,
    'Traffic that accesses Alibaba Cloud services in the same region.',
    { ...all('natGateway'), services: cloud },
    ['100.64.0.1', '100.118.28.9', '47.1.2.3', '2400:3200::1'],
  ],
  [
    6,
    'Traffic that accesses cloud services through a gateway endpoint.',
    {
      services: cloud,
      entries: [to('100.118.28.0/24', 'g'), to('2400:3200::/32', 'g')],
      gateways: [gateway('gatewayEndpoint')],
    },
    ['100.118.28.9', '2400:3200::1'],
  ],
  [7, 'Traffic that passes through a NAT gateway.', all('natGateway'), far],
  [8, 'Traffic that passes through a Transit Router.', all('transitRouter'), far],
  [9, 'Traffic that passes through a VPN gateway.', all('vpnGateway'), far],
  [
    10,
    'Traffic that accesses an Express Connect circuit through a Virtual Border Router.',
    all('vbr'),
    far,
  ],
  [
    11,
    'Traffic that accesses a VPC in the same region through CEN Basic Edition.',
    all('cenBasic, target: vpc'),
    far,
  ],
  [
    12,
    'Traffic that passes through CEN Basic Edition in scenarios other than those specified by 11, 18, 19, and 20. Examples include traffic that accesses cross-region cloud services or a Cloud Connect Network through CEN Basic Edition.',
    { ...all('cenBasic'), entries: [...all('cenBasic').entries!, to('100.64.0.0/10', 'g')] },
    [...far, '100.64.0.1'],
  ],
  [
    13,
    'Traffic to the internet through an IPv4 gateway.',
    { entries: [to('0.0.0.0/0', 'g')], gateways: [gateway('ipv4Gateway')], publicIp: '47.96.0.1' },
    ['8.8.8.8'],
  ],
  [
    14,
    'Traffic to the internet through an IPv6 gateway.',
    { entries: [to('::/0', 'g')], gateways: [gateway('ipv6Gateway')], publicIp: '2001:db8:9::1' },
    ['2001:db8::1'],
  ],
  [
    15,
    'Traffic to the internet through a public IP address.',
    { publicIp: '47.96.0.1' },
    ['8.8.8.8'],
  ],
  [
    15,
    'Traffic to the internet through a public IP address. (IPv6, and before SNAT)',
    { ...all('natGateway'), publicIp: '2001:db8:9::1' },
    ['2001:db8::1'],
  ],
  [17, 'Traffic that passes through a VPC peering connection.', all('vpcPeering'), far],
  [
    18,
    'Traffic that accesses a cross-region VPC through CEN Basic Edition.',
    all('cenBasic, target: vpc, sameRegion: false'),
    far,
  ],
  [
    19,
    'Traffic that accesses a Virtual Border Router in the same region through CEN Basic Edition.',
    all('cenBasic, target: vbr'),
    far,
  ],
  [
    20,
    'Traffic that accesses a cross-region Virtual Border Router through CEN Basic Edition.',
    all('cenBasic, target: vbr, sameRegion: false'),
    far,
  ],
  [21, 'Traffic that passes through an Express Connect Router.', all('ecr'), far],
  [
    22,
    'Traffic that passes through a gateway load balancer endpoint.',
    all('gatewayLoadBalancerEndpoint'),
    far,
  ],
]

for (const [code, says, where, peers] of page)
  test(`${code} - ${says}`, () =>
    paths(where, Object.fromEntries(peers.map((each) => [each, code]))))

test('the page lists each code of the table, in its order', () => {
  assert.deepEqual(
    [...new Set(page.map(([code]) => code))],
    trafficPaths.map(({ code }) => code),
  )
})

test('40: each next hop has its code, whatever the peer', () => {
  const codes: readonly (readonly [string, number])[] = [
    ['natGateway', 7],
    ['ipv4Gateway', 13],
    ['ipv6Gateway', 14],
    ['vpnGateway', 9],
    ['transitRouter', 8],
    ['vbr', 10],
    ['ecr', 21],
    ['vpcPeering', 17],
    ['gatewayEndpoint', 6],
    ['gatewayLoadBalancerEndpoint', 22],
    ['haVip', 4],
    ['cenBasic, target: vpc', 11],
    ['cenBasic, target: vpc, sameRegion: true', 11],
    ['cenBasic, target: vpc, sameRegion: false', 18],
    ['cenBasic, target: vbr', 19],
    ['cenBasic, target: vbr, sameRegion: false', 20],
    ['cenBasic, target: other', 12],
    ['cenBasic', 12],
    ['cenBasic, sameRegion: false', 12],
  ]
  const entries = [to('0.0.0.0/0', 'g'), to('::/0', 'g')]
  for (const [type, code] of codes)
    paths(
      { entries, gateways: [gateway(type)] },
      {
        '8.8.8.8': code,
        '192.168.0.1': code,
        '2001:db8::1': code,
        'fd99::1': code,
      },
    )
  paths({ entries: [to('0.0.0.0/0', 'b')] }, { '8.8.8.8': 3, '192.168.0.1': 3, '2001:db8::1': 0 })
})

test("38: the table of the vSwitch, else the VPC's, else none; in and out, ACCEPT and REJECT alike", () => {
  const base = network({
    entries: [to('0.0.0.0/0', 'g')],
    gateways: [gateway('natGateway'), '{ id: t, type: transitRouter }'],
    enis: ['{ id: e, vSwitch: vsw-4, privateIps: [10.0.2.1] }'],
  })
    .replace(
      'vSwitches:',
      'vSwitches:\n  - { id: vsw-4, vpc: vpc-1, cidrs: [10.0.2.0/24], routeTable: rt-2, networkAcl: deaf }',
    )
    .replace('routeTables: [', `routeTables: [ { id: rt-2, entries: [ ${to('8.0.0.0/8', 't')} ] },`)
  const { one } = watchTopology(`${base}networkAcls: [ { id: deaf } ]`)
  assert.deepEqual(one('10.0.0.1 > 8.8.8.8 udp'), ['a out ACCEPT 7'])
  assert.deepEqual(one('10.0.2.1 > 8.8.8.8 udp'), ['e out REJECT 8'])
  assert.deepEqual(one('8.8.8.8 > 10.0.2.1 udp'), ['e in REJECT 8'])
  assert.deepEqual(one('10.0.2.1 > 9.9.9.9 udp'), ['e out REJECT 0'])
  assert.deepEqual(one('10.1.0.4 > 8.8.8.8 udp'), ['d out ACCEPT 0'])
})

test("39.1: the ENI of a gateway has that gateway's code in all its records", () => {
  const { one } = watchTopology(
    network({ gateways: [gateway('natGateway', ', vpc: vpc-1, eni: c')] }),
  )
  assert.deepEqual(one('10.0.1.3 > 8.8.8.8 udp'), ['c out ACCEPT 7'])
  assert.deepEqual(one('10.0.1.3 > 255.255.255.255 udp'), ['c out ACCEPT 7'])
  // 39.4: and so has traffic of others to that ENI's address.
  assert.deepEqual(one('10.0.0.1 > 10.0.1.3 udp'), ['a out ACCEPT 7', 'c in ACCEPT 7'])
})

test('39.2: broadcast, 0/8, loopback and link-local peers lead nowhere: 0', () => {
  paths(
    {
      entries: [to('0.0.0.0/0', 'g'), to('::/0', 'g')],
      gateways: [gateway('natGateway')],
      publicIp: '47.96.0.1',
    },
    {
      '255.255.255.255': 0,
      '0.0.0.0': 0,
      '0.1.2.3': 0,
      '127.0.0.1': 0,
      '169.254.1.1': 0,
      'fe80::1': 0,
      'febf::1': 0,
      'fec0::1': 7,
      '::': 0,
      '::1': 0,
      '::2': 7,
    },
  )
})

test('39.3: the longest prefix; at equal length an entry before local before service', () => {
  paths(
    {
      entries: [
        to('0.0.0.0/0', 'g'),
        to('8.0.0.0/8', 't'),
        to('8.8.0.0/16', 'g'),
        to('10.0.1.0/24', 't'),
      ],
      gateways: [gateway('natGateway'), '{ id: t, type: transitRouter }'],
      services: ['{ id: s, cidrs: [8.8.8.0/24, 8.0.0.0/8, 10.0.1.0/24, 10.0.0.0/16] }'],
    },
    { '9.9.9.9': 7, '8.1.1.1': 8, '8.8.1.1': 7, '8.8.8.8': 5, '10.0.1.9': 8, '10.0.9.9': 1 },
  )
})

test('39.4, 43: local peers: an instance 2, anything else in the VPC 1, known or not', () => {
  paths(
    {
      services: ['{ id: rm, vpc: vpc-1, privateIps: [10.0.2.10] }'],
      gateways: [
        gateway('haVip', ', vpc: vpc-1, privateIps: [10.0.2.11, 10.0.0.12]'),
        '{ id: h, type: gatewayLoadBalancerEndpoint, vpc: vpc-1, privateIps: [10.0.2.13] }',
      ],
    },
    {
      '10.0.1.2': 2,
      '10.0.1.3': 1,
      '10.0.2.10': 1,
      '10.0.2.11': 4,
      '10.0.0.12': 4,
      '10.0.2.13': 22,
      '10.0.5.5': 1,
      '10.0.0.99': 1,
      'fd00:1::99': 1,
    },
  )
})

test('41: the own public address against a default route', () => {
  const all = [to('0.0.0.0/0', 'g'), to('::/0', 'g')]
  const publicIp = '47.96.0.1'
  paths({ publicIp }, { '8.8.8.8': 15, '192.168.0.1': 0, '2001:db8::1': 0 })
  paths(
    { publicIp: '2001:db8:9::1' },
    { '8.8.8.8': 0, '2001:db8::1': 15, 'fd99::1': 0, '4000::1': 0 },
  )
  paths(
    { publicIp, entries: all, gateways: [gateway('natGateway')] },
    {
      '8.8.8.8': 15,
      '192.168.0.1': 7,
      '2001:db8::1': 7,
    },
  )
  paths({ publicIp, entries: all, gateways: [gateway('ipv4Gateway')] }, { '8.8.8.8': 13 })
  paths({ publicIp, entries: [to('0.0.0.0/0', 'b')] }, { '8.8.8.8': 3 })
  // What is not public.
  const reserved = [
    '10.99.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '224.0.0.1',
    '240.0.0.1',
    '120.1.0.1',
  ]
  paths(
    { publicIp },
    Object.fromEntries([
      ...reserved.filter((ip) => ip !== '224.0.0.1').map((ip) => [ip, 0]),
      ['172.32.0.1', 15],
      ['120.2.0.1', 15],
      ['223.255.255.255', 15],
    ]),
  )
})

test("42: 100.64.0.0/10 and services without a VPC are the cloud's: 5, unless an entry is as long", () => {
  const services = ['{ id: oss, cidrs: [100.118.28.0/24, 47.1.0.0/16] }']
  const gateways = [gateway('natGateway'), '{ id: ep, type: gatewayEndpoint }']
  paths(
    {
      services,
      gateways,
      publicIp: '47.96.0.1',
      entries: [to('0.0.0.0/0', 'g'), to('100.118.28.0/24', 'ep')],
    },
    {
      '100.64.0.1': 5,
      '100.127.255.255': 5,
      '100.128.0.1': 15,
      '47.1.2.3': 5,
      '100.118.28.9': 6,
      '100.118.29.9': 5,
    },
  )
  paths(
    { services, gateways, entries: [to('100.64.0.0/10', 'ep')] },
    { '100.64.0.1': 6, '100.118.28.9': 5 },
  )
})

test('43: a peer in another VPC of the file: what the route says, never 2', () => {
  paths({}, { '10.1.0.4': 0 })
  paths(
    { entries: [to('10.1.0.0/16', 'g')], gateways: [gateway('vpcPeering')] },
    { '10.1.0.4': 17 },
  )
})

test('44: the broadcast address of a vSwitch is an unknown local peer: 1', () => {
  const { one } = watchTopology(network({}))
  assert.deepEqual(one('10.0.0.1 > 10.0.0.255 udp'), ['a out ACCEPT 1'])
  assert.deepEqual(one('10.0.0.1 > 10.0.1.255 udp'), ['a out ACCEPT 1'])
})

test('45: a more specific route inside the VPC wins, except towards the own vSwitch', () => {
  const gateways = [gateway('gatewayLoadBalancerEndpoint')]
  paths({ gateways, entries: [to('10.0.1.0/24', 'g')] }, { '10.0.1.2': 22, '10.0.2.2': 1 })
  paths({ gateways, entries: [to('10.0.1.2/32', 'g')] }, { '10.0.1.2': 22, '10.0.1.3': 1 })
  paths({ gateways, entries: [to('10.0.0.0/20', 'g')] }, { '10.0.1.2': 2, '10.0.2.2': 22 })
  paths({ gateways, entries: [to('10.0.0.0/24', 'g'), to('10.0.0.7/32', 'g')] }, { '10.0.0.7': 1 })
  // Inside by address only: an ENI of the own vSwitch that lists no block of the family.
  paths(
    {
      gateways,
      entries: [to('fd00:1::/64', 'g')],
      enis: ['{ id: e, vSwitch: vsw-1, privateIps: ["fd00:1::5"] }'],
    },
    { 'fd00:1::5': 1, 'fd00:1::6': 22 },
  )
})

test('46: any route table may name any gateway', () => {
  paths(
    { entries: [to('0.0.0.0/0', 'g')], gateways: [gateway('natGateway', ', vpc: vpc-2, eni: d')] },
    { '8.8.8.8': 7 },
  )
})
