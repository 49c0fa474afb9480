/** ACCEPT or REJECT: records.md 16 to 37. A test's name begins with the number of its rule. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { watchTopology, writePacket } from '../../test/vpc-observations.ts'
import { PacketBatch, packetBatchRows, rowWords, word } from '../packet/packet.ts'
import { ObservationBatch } from './vpc.ts'

interface Rules {
  /** Rules of sg-1, the group of ENI `a` alone. */
  readonly rules?: readonly string[]
  readonly more?: string
  readonly acl?: string
}

/**
 * ENI `a` (10.0.0.1) with group sg-1; `b` (10.0.1.2) and `c` (10.0.0.3) with none of their own. sg-1 lets in
 * TCP port 80 and lets out all, unless told.
 */
function network({ rules, more = '', acl = '' }: Rules = {}) {
  const list = rules ?? ['{ direction: ingress, policy: accept, protocol: tcp, ports: 80/80 }']
  return watchTopology(`
vpcs: [ { id: vpc-1, cidrs: [10.0.0.0/16, "fd00::/56"] }, { id: vpc-2, cidrs: [10.5.0.0/16] } ]
vSwitches:
  - { id: vsw-1, vpc: vpc-1, cidrs: [10.0.0.0/24]${acl && ', networkAcl: acl-1'} }
  - { id: vsw-2, vpc: vpc-1, cidrs: [10.0.1.0/24] }
  - { id: vsw-3, vpc: vpc-2, cidrs: [10.5.0.0/24] }
networkAcls: [ ${acl && `{ id: acl-1, ${acl} }`} ]
enis:
  - { id: a, vSwitch: vsw-1, privateIps: [10.0.0.1, "fd00::1"], securityGroups: [sg-1] }
  - { id: b, vSwitch: vsw-2, privateIps: [10.0.1.2, 10.0.1.22, "fd00::2"], securityGroups: [sg-2], publicIp: 47.96.0.2 }
  - { id: c, vSwitch: vsw-1, privateIps: [10.0.0.3] }
  - { id: d, vSwitch: vsw-3, privateIps: [10.5.0.4], securityGroups: [sg-2] }
${more}
securityGroups:
  - { id: sg-1, rules: [ ${list.join(', ')} ] }
  - { id: sg-2, rules: [ { direction: ingress, policy: accept } ] }
  - { id: sg-3 }
  - { id: sg-4, innerAccess: drop, rules: [ { direction: egress, policy: drop, ports: 9/9, protocol: udp } ] }
`)
}

/** Packets in order, each with the actions at ENIs it must give: `a ACCEPT`, or `` for none. */
function expect(
  watch: ReturnType<typeof network>,
  facts: readonly (readonly [string, ...string[]])[],
): void {
  for (const [packet, ...want] of facts) {
    const seen = watch.one(packet).map((each) => each.split(' '))
    assert.deepEqual(
      seen.map(([eni, , action]) => `${eni} ${action}`),
      want,
      packet,
    )
  }
}

const A = '10.0.0.1'
const peer = '8.8.8.8'

test('16: ACCEPT only if security groups and network ACL both accept', () => {
  const acl =
    'ingress: [ { policy: accept, ports: 80/81, protocol: tcp } ], egress: [ { policy: drop, peer: 9.9.9.9 }, { policy: accept } ]'
  expect(network({ acl }), [
    [`${peer}:1 > ${A}:80 tcp S`, 'a ACCEPT'],
    [`${peer}:1 > ${A}:81 tcp S`, 'a REJECT'], // the group says no
    [`${peer}:1 > ${A}:82 tcp S`, 'a REJECT'],
    [`${A}:1 > 9.9.9.9:82 tcp S`, 'a REJECT'], // the ACL says no
  ])
})

test('17: what the sender may not send the receiver never sees; the sender is not changed by the receiver', () => {
  const watch = network({
    more: '  - { id: e, vSwitch: vsw-1, privateIps: [10.0.0.5], securityGroups: [sg-4] }',
  })
  expect(watch, [
    ['10.0.0.5:1 > 10.0.1.2:9 udp', 'e REJECT'],
    ['10.0.0.5:1 > 10.0.1.2:10 udp', 'e ACCEPT', 'b ACCEPT'],
    ['10.0.1.2:9 > 10.0.0.1:81 tcp S', 'b ACCEPT', 'a REJECT'],
    // No state at b from the rejected packet: its own packet to e is a first one, and e never let it in.
    ['10.0.1.2:9 > 10.0.0.5:1 udp', 'b ACCEPT', 'e REJECT'],
  ])
})

test('18: what is absent does not filter; a group without rules goes by its defaults, an ACL without drops all', () => {
  expect(network({ rules: [] }), [
    [`${peer}:1 > 10.0.0.3:1 tcp S`, 'c ACCEPT'],
    [`${peer}:1 > ${A}:80 tcp S`, 'a REJECT'],
    [`${A}:1 > ${peer}:81 tcp S`, 'a ACCEPT'],
  ])
  expect(network({ rules: [], acl: 'ingress: []' }), [
    [`${peer}:1 > 10.0.0.3:1 tcp S`, 'c REJECT'],
    [`10.0.0.3:1 > ${peer}:1 tcp S`, 'c REJECT'],
  ])
})

test('19, 20: rules of all groups are one list; least priority first, drop wins ties, order plays no part', () => {
  const more = `
  - { id: e, vSwitch: vsw-1, privateIps: [10.0.0.5], securityGroups: [sg-5, sg-6] }
  - { id: f, vSwitch: vsw-1, privateIps: [10.0.0.6], securityGroups: [sg-6, sg-5] }
`
  const groups = `
  - { id: sg-5, rules: [ { direction: ingress, policy: drop, protocol: tcp, ports: 1/9, priority: 5 }, { direction: ingress, policy: accept, protocol: tcp, ports: 7/7, priority: 4 }, { direction: ingress, policy: accept, protocol: tcp, ports: 20/20, priority: 2 } ] }
  - { id: sg-6, rules: [ { direction: ingress, policy: accept, protocol: tcp, ports: 1/20, priority: 5 }, { direction: ingress, policy: drop, protocol: tcp, ports: 20/20 } ] }
`
  const watch = watchTopology(`
vpcs: [ { id: vpc-1, cidrs: [10.0.0.0/16] } ]
vSwitches: [ { id: vsw-1, vpc: vpc-1, cidrs: [10.0.0.0/24] } ]
enis:${more}securityGroups:${groups}`)
  for (const [eni, address] of [
    ['e', '10.0.0.5'],
    ['f', '10.0.0.6'],
  ])
    expect(watch, [
      [`${peer}:1 > ${address}:6 tcp S`, `${eni} REJECT`], // priority 5 twice: drop
      [`${peer}:1 > ${address}:7 tcp S`, `${eni} ACCEPT`], // 4 before 5
      [`${peer}:1 > ${address}:15 tcp S`, `${eni} ACCEPT`],
      [`${peer}:1 > ${address}:20 tcp S`, `${eni} REJECT`], // absent is 1
      [`${peer}:1 > ${address}:21 tcp S`, `${eni} REJECT`],
    ])
})

test('21: direction, protocol, peer and destination port', () => {
  const accept = (what: string): string => `{ direction: ingress, policy: accept, ${what} }`
  expect(network({ rules: [accept('protocol: tcp, ports: 80/90')] }), [
    [`${peer}:1 > ${A}:79 tcp S`, 'a REJECT'],
    [`${peer}:1 > ${A}:80 tcp S`, 'a ACCEPT'],
    [`${peer}:1 > ${A}:90 tcp S`, 'a ACCEPT'],
    [`${peer}:80 > ${A}:91 tcp S`, 'a REJECT'], // not the source port
    [`${peer}:1 > ${A}:80 udp`, 'a REJECT'],
  ])
  for (const name of ['tcp', 'udp', 'icmp', 'icmpv6', 'gre', '50'])
    expect(network({ rules: [accept(`protocol: ${name}, ports: -1/-1`)] }), [
      [`${peer}:1 > ${A}:80 ${name} `, 'a ACCEPT'],
      [`${peer}:1 > ${A}:80 99`, 'a REJECT'],
    ])
  expect(network({ rules: [accept('peer: 0.0.0.0/0')] }), [
    [`${peer}:1 > ${A}:80 tcp S`, 'a ACCEPT'],
    ['[2001:db8::1]:1 > [fd00::1]:80 tcp S', 'a REJECT'],
  ])
  expect(network({ rules: [accept('peer: "::/0"')] }), [
    [`${peer}:1 > ${A}:80 tcp S`, 'a REJECT'],
    ['[2001:db8::1]:1 > [fd00::1]:80 tcp S', 'a ACCEPT'],
  ])
  expect(network({ rules: [accept('protocol: all')] }), [
    [`${peer}:1 > ${A}:80 tcp S`, 'a ACCEPT'],
    ['[2001:db8::1]:1 > [fd00::1]:80 tcp S', 'a ACCEPT'],
  ])
  expect(
    network({
      rules: [
        accept('peer: 8.8.8.8'),
        accept('peer: "2001:db8::1"'),
        accept('peer: "2001:db9:0:8000::/49"'),
      ],
    }),
    [
      [`8.8.8.8 > ${A} 50`, 'a ACCEPT'],
      [`8.8.8.9 > ${A} 50`, 'a REJECT'],
      ['2001:db8::1 > fd00::1 50', 'a ACCEPT'],
      ['2001:db8::2 > fd00::1 50', 'a REJECT'],
      ['2001:db9:0:ffff::1 > fd00::1 50', 'a ACCEPT'],
      ['2001:db9:0:7fff::1 > fd00::1 50', 'a REJECT'],
    ],
  )
  expect(
    network({
      rules: ['{ direction: egress, policy: drop, peer: 9.0.0.0/8, protocol: udp, ports: 53/53 }'],
    }),
    [
      [`${A}:1 > 9.9.9.9:53 udp`, 'a REJECT'], // egress: the destination
      [`${A}:1 > ${peer}:53 udp`, 'a ACCEPT'],
      [`${A}:53 > 9.9.9.9:1 udp`, 'a ACCEPT'],
    ],
  )
})

test('22: a group as peer: any private address of an ENI of the same VPC with that group, never a public one', () => {
  expect(network({ rules: ['{ direction: ingress, policy: accept, peer: sg-2 }'] }), [
    [`10.0.1.2 > ${A} 50`, 'b ACCEPT', 'a ACCEPT'],
    [`10.0.1.22 > ${A} 50`, 'b ACCEPT', 'a ACCEPT'],
    ['fd00::2 > fd00::1 50', 'b ACCEPT', 'a ACCEPT'],
    [`10.0.0.3 > ${A} 50`, 'c ACCEPT', 'a REJECT'],
    [`10.5.0.4 > ${A} 50`, 'd ACCEPT', 'a REJECT'], // the group, but another VPC
    [`47.96.0.2 > ${A} 50`, 'a REJECT'],
  ])
})

test('23: members of a group reach each other when no rule matches, unless the group says otherwise', () => {
  const more = `
  - { id: e, vSwitch: vsw-1, privateIps: [10.0.0.5], securityGroups: [sg-3] }
  - { id: f, vSwitch: vsw-2, privateIps: [10.0.1.6], securityGroups: [sg-3, sg-4] }
  - { id: g, vSwitch: vsw-2, privateIps: [10.0.1.7], securityGroups: [sg-4] }
  - { id: h, vSwitch: vsw-2, privateIps: [10.0.1.8], securityGroups: [sg-1] }
`
  expect(
    network({
      more,
      rules: ['{ direction: ingress, policy: drop, protocol: udp, priority: 100 }'],
    }),
    [
      ['10.0.1.6 > 10.0.0.5 50', 'f ACCEPT', 'e ACCEPT'], // sg-3
      ['10.0.1.7 > 10.0.1.6 50', 'g ACCEPT', 'f REJECT'], // sg-4: innerAccess drop
      ['10.0.1.8 > 10.0.0.1 50', 'h ACCEPT', 'a ACCEPT'], // sg-1
      ['10.0.1.8 > 10.0.0.1 udp', 'h ACCEPT', 'a REJECT'], // a matching drop of any priority beats membership
      ['10.0.1.8 > 10.0.0.5 50', 'h ACCEPT', 'e REJECT'],
    ],
  )
})

test("24: a network ACL judges when the peer is not inside the own vSwitch, and both vSwitches' ACLs count", () => {
  const watch = watchTopology(`
vpcs: [ { id: vpc-1, cidrs: [10.0.0.0/16, "fd00::/56"] } ]
vSwitches:
  - { id: vsw-1, vpc: vpc-1, cidrs: [10.0.0.0/24, 10.0.9.0/24], networkAcl: out-only }
  - { id: vsw-2, vpc: vpc-1, cidrs: [10.0.1.0/24], networkAcl: not-53 }
networkAcls:
  - { id: out-only, egress: [ { policy: accept } ] }
  - { id: not-53, ingress: [ { policy: drop, protocol: udp, ports: 53/53 }, { policy: accept } ] }
enis:
  - { id: a, vSwitch: vsw-1, privateIps: [10.0.0.1, "fd00::1"] }
  - { id: b, vSwitch: vsw-1, privateIps: [10.0.9.2, "fd00::2"] }
  - { id: c, vSwitch: vsw-2, privateIps: [10.0.1.3, "fd00::3"] }
`)
  expect(watch, [
    ['10.0.9.2:1 > 10.0.0.1:53 udp', 'b ACCEPT', 'a ACCEPT'],
    ['10.0.9.99:1 > 10.0.0.1:53 udp', 'a ACCEPT'],
    ['fd00::2 > fd00::1 udp', 'b ACCEPT', 'a ACCEPT'], // inside by address
    ['fd00::3 > fd00::1 udp', 'c REJECT'],
    ['169.254.0.1 > 10.0.0.1 udp', 'a ACCEPT'],
    ['fe80::1 > fd00::1 udp', 'a ACCEPT'],
    ['10.0.1.3 > 255.255.255.255 udp', 'c ACCEPT'],
    ['8.8.8.8 > 10.0.0.1 udp', 'a REJECT'],
    ['10.0.0.1:1 > 10.0.1.3:53 udp', 'a ACCEPT', 'c REJECT'],
    ['10.0.0.1:1 > 10.0.1.3:54 udp', 'a ACCEPT', 'c ACCEPT'],
    ['10.0.1.3:54 > 10.0.0.1:1 udp', 'c REJECT'], // 25: replies too
  ])
})

test('25: the first matching entry in file order decides, none drops, and no packet helps another', () => {
  const acl = `ingress: [ { policy: drop, protocol: tcp, ports: 80/80, peer: 8.0.0.0/8 }, { policy: accept, protocol: tcp }, { policy: drop } ], egress: [ { policy: accept, peer: 8.8.8.8 } ]`
  expect(network({ acl, rules: ['{ direction: ingress, policy: accept }'] }), [
    [`${peer}:1 > ${A}:80 tcp S`, 'a REJECT'],
    [`9.9.9.9:1 > ${A}:80 tcp S`, 'a ACCEPT'],
    [`${A}:80 > 9.9.9.9:1 tcp SA`, 'a REJECT'],
    [`${peer}:1 > ${A}:81 udp`, 'a REJECT'],
    [`${A}:81 > ${peer}:1 udp`, 'a ACCEPT'],
    [`${peer}:1 > ${A}:81 udp`, 'a REJECT'],
  ])
})

test('26: an accepted first packet opens the connection for both directions, whatever its flags', () => {
  for (const flags of ['S', 'A', 'PA', ''])
    expect(network(), [
      [`${A}:1 > ${peer}:99 tcp ${flags}`, 'a ACCEPT'],
      [`${peer}:99 > ${A}:1 tcp SA`, 'a ACCEPT'],
      [`${peer}:98 > ${A}:1 tcp SA`, 'a REJECT'],
    ])
  expect(network(), [
    [`${A}:1 > ${peer}:53 udp`, 'a ACCEPT'],
    [`${peer}:53 > ${A}:1 udp`, 'a ACCEPT'],
    [`${A}:1 > ${peer}:53 tcp S`, 'a ACCEPT'],
    ['[2001:db8::1]:9 > [fd00::1]:80 tcp S', 'a ACCEPT'],
    ['[fd00::1]:80 > [2001:db8::1]:9 tcp SA', 'a ACCEPT'],
  ])
})

test('27: while refused, each packet is judged by its own direction and opens nothing', () => {
  expect(network(), [
    [`${peer}:1 > ${A}:22 tcp S @1`, 'a REJECT'],
    [`${A}:22 > ${peer}:1 tcp SA @2`, 'a ACCEPT'],
    [`${peer}:1 > ${A}:22 tcp A @3`, 'a REJECT'],
    [`${peer}:1 > ${A}:22 tcp PA @800`, 'a REJECT'],
    [`${A}:22 > ${peer}:1 tcp A @801`, 'a ACCEPT'],
    [`${peer}:1 > ${A}:22 tcp PA @802`, 'a REJECT'],
  ])
})

test('28: a new SYN on a refused or closed connection is a first packet again; on an open one it is not', () => {
  const refused = network()
  expect(refused, [
    [`${peer}:1 > ${A}:22 tcp S`, 'a REJECT'],
    [`${A}:22 > ${peer}:1 tcp S`, 'a ACCEPT'], // opens
    [`${peer}:1 > ${A}:22 tcp SA`, 'a ACCEPT'],
  ])
  const closed = network()
  expect(closed, [
    [`${A}:1 > ${peer}:22 tcp S @1`, 'a ACCEPT'],
    [`${peer}:22 > ${A}:1 tcp S @1`, 'a ACCEPT'], // an ordinary packet of an open connection
    [`${peer}:22 > ${A}:1 tcp FA @2`, 'a ACCEPT'],
    [`${A}:1 > ${peer}:22 tcp FA @2`, 'a ACCEPT'], // closes
    [`${peer}:22 > ${A}:1 tcp A @3`, 'a ACCEPT'],
    [`${peer}:22 > ${A}:1 tcp S @4`, 'a REJECT'], // a first packet, and ingress says no
    [`${peer}:22 > ${A}:1 tcp A @5`, 'a REJECT'],
  ])
})

test('29: how long a connection is remembered', () => {
  expect(network(), [
    [`${A}:1 > ${peer}:99 tcp S @0.25`, 'a ACCEPT'],
    [`${peer}:99 > ${A}:1 tcp SA @910.25`, 'a ACCEPT'],
    [`${peer}:99 > ${A}:1 tcp SA @1820.5`, 'a REJECT'],
  ])
  expect(network(), [
    [`${A}:1 > ${peer}:99 udp @1`, 'a ACCEPT'],
    [`${peer}:99 > ${A}:1 udp @31`, 'a ACCEPT'],
    [`${peer}:99 > ${A}:1 udp @61.001`, 'a REJECT'],
  ])
  for (const close of ['R', 'RA'])
    expect(network(), [
      [`${A}:1 > ${peer}:99 tcp S @0`, 'a ACCEPT'],
      [`${peer}:99 > ${A}:1 tcp ${close} @1`, 'a ACCEPT'],
      [`${peer}:99 > ${A}:1 tcp A @4`, 'a ACCEPT'],
      [`${peer}:99 > ${A}:1 tcp A @7.001`, 'a REJECT'],
    ])
  // "a rejected packet does not refresh an open connection": seen by what an ICMP error quotes.
  const acl =
    'ingress: [ { policy: drop, peer: 8.8.8.8 }, { policy: accept } ], egress: [ { policy: accept } ]'
  const quoting = `9.9.9.9 > ${A} icmp @31 error ${A}:1 > ${peer}:99 udp`
  expect(network({ acl }), [
    [`${A}:1 > ${peer}:99 udp @0`, 'a ACCEPT'],
    [`${A}:1 > ${peer}:99 udp @20`, 'a ACCEPT'],
    [quoting, 'a ACCEPT'],
  ])
  expect(network({ acl }), [
    [`${A}:1 > ${peer}:99 udp @0`, 'a ACCEPT'],
    [`${peer}:99 > ${A}:1 udp @20`, 'a REJECT'],
    [quoting, 'a REJECT'],
  ])
  // "any packet keeps a refused one"
  expect(network({ rules: ['{ direction: ingress, policy: accept, peer: sg-2 }'] }), [
    [`${peer}:99 > ${A}:1 udp @0`, 'a REJECT'],
    [`${peer}:99 > ${A}:1 udp @25`, 'a REJECT'],
    [`${A}:1 > ${peer}:99 udp @50`, 'a ACCEPT'], // opens nothing: still refused
    [`${peer}:99 > ${A}:1 udp @75`, 'a REJECT'],
    [`${A}:1 > ${peer}:99 udp @105.5`, 'a ACCEPT'], // forgotten: this one opens
    [`${peer}:99 > ${A}:1 udp @106`, 'a ACCEPT'],
  ])
})

test('30: an echo reply passes after its request, and an ICMP error that quotes an open connection', () => {
  expect(network(), [
    [`${A} > ${peer} icmp`, 'a ACCEPT'],
    [`${peer} > ${A} icmp`, 'a ACCEPT'],
    [`9.9.9.9 > ${A} icmp`, 'a REJECT'],
    [`${A}:1 > 8.8.4.4:53 udp @5`, 'a ACCEPT'],
    [`9.9.9.9 > ${A} icmp @6 error ${A}:1 > 8.8.4.4:53 udp`, 'a ACCEPT'],
    [`9.9.9.9 > ${A} icmp @6 error 8.8.4.4:53 > ${A}:1 udp`, 'a ACCEPT'],
    [`9.9.9.9 > ${A} icmp @6 error ${A}:1 > 8.8.4.4:54 udp`, 'a REJECT'],
    [`9.9.9.9 > ${A} icmp @36 error ${A}:1 > 8.8.4.4:53 udp`, 'a REJECT'], // forgotten
    ['[fd00::1]:1 > [2001:db8::1]:53 udp', 'a ACCEPT'],
    ['2001:db8::9 > fd00::1 icmpv6 error [fd00::1]:1 > [2001:db8::1]:53 udp', 'a ACCEPT'],
  ])
  // Opens nothing, refuses nothing.
  expect(network(), [
    [`${A}:1 > 8.8.4.4:53 udp`, 'a ACCEPT'],
    [`9.9.9.9 > ${A} icmp error ${A}:1 > 8.8.4.4:53 udp`, 'a ACCEPT'],
    [`9.9.9.9 > ${A} icmp`, 'a REJECT'],
  ])
  // A refused connection does not count, and the ACL still applies.
  expect(network(), [
    [`${peer}:1 > ${A}:22 tcp S`, 'a REJECT'],
    [`9.9.9.9 > ${A} icmp error ${peer}:1 > ${A}:22 tcp`, 'a REJECT'],
  ])
  expect(
    network({
      acl: 'ingress: [ { policy: accept, protocol: udp } ], egress: [ { policy: accept } ]',
    }),
    [
      [`${A}:1 > ${peer}:53 udp`, 'a ACCEPT'],
      [`${peer} > ${A} icmp error ${A}:1 > ${peer}:53 udp`, 'a REJECT'],
    ],
  )
})

test('31: neighbour discovery is never filtered, DHCP is', () => {
  expect(network({ rules: [] }), [
    ['2001:db8::1 > fd00::1 icmpv6 nd', 'a ACCEPT'],
    ['2001:db8::1 > fd00::1 icmpv6', 'a REJECT'], // no state from it
    [`${peer}:67 > ${A}:68 udp`, 'a REJECT'],
  ])
})

test('32: later fragments have the verdict of their first, seen at most 30 s before', () => {
  expect(network(), [
    [`${peer}:1 > ${A}:80 tcp A first #7 @1`, 'a ACCEPT'],
    [`${peer} > ${A} tcp later #7 @31`, 'a ACCEPT'],
    [`${peer} > ${A} tcp later #7 @31.5`, 'a REJECT'],
    [`${peer} > ${A} tcp later #8 @2`, 'a REJECT'],
    [`9.9.9.9 > ${A} tcp later #7 @2`, 'a REJECT'],
    [`${peer} > ${A} udp later #7 @2`, 'a REJECT'],
    [`${peer}:1 > ${A}:22 tcp A first #9 @2`, 'a REJECT'],
    [`${peer} > ${A} tcp later #9 @2`, 'a REJECT'],
    ['[2001:db8::1]:1 > [fd00::1]:80 tcp A first #70000', 'a ACCEPT'],
    ['2001:db8::1 > fd00::1 tcp later #70000', 'a ACCEPT'],
    ['2001:db8::1 > fd00::1 tcp later #70001', 'a REJECT'],
  ])
  // Judged with ports 0 it opens nothing; an open connection without ports counts.
  expect(network(), [
    [`${A} > ${peer} udp later #1`, 'a ACCEPT'],
    [`${peer} > ${A} udp later #2`, 'a REJECT'],
    [`${A} > ${peer} udp`, 'a ACCEPT'],
    [`${peer} > ${A} udp later #3`, 'a ACCEPT'],
  ])
  // An ACL alone: the first fragment's port decides for the later ones.
  const acl = 'ingress: [ { policy: accept, protocol: tcp, ports: 80/80 } ]'
  expect(network({ acl }), [
    [`${peer}:1 > 10.0.0.3:80 tcp A first #7`, 'c ACCEPT'],
    [`${peer} > 10.0.0.3 tcp later #7`, 'c ACCEPT'],
    [`${peer} > 10.0.0.3 tcp later #8`, 'c REJECT'],
  ])
})

test('32: first fragments are remembered however many there are', () => {
  const watch = network({
    rules: ['{ direction: ingress, policy: accept, protocol: udp, ports: 1/500 }'],
  })
  const text = (i: number, what: string): string =>
    `${peer}${what === 'first' ? ':9' : ''} > ${A}${what === 'first' ? `:${i}` : ''} udp ${what} #${i} @${100 + Math.floor(i / 100)}`
  for (let i = 1; i <= 1000; i++)
    expect(watch, [[text(i, 'first'), i <= 500 ? 'a ACCEPT' : 'a REJECT']])
  for (let i = 1; i <= 1000; i++)
    expect(watch, [[text(i, 'later'), i <= 500 ? 'a ACCEPT' : 'a REJECT']])
})

test('33: ports that cannot be read are 0, in rules and state', () => {
  expect(
    network({ rules: ['{ direction: ingress, policy: accept, protocol: tcp, ports: 0/0 }'] }),
    [
      [`${peer}:0 > ${A}:0 tcp`, 'a ACCEPT'],
      [`${A}:0 > ${peer}:0 tcp`, 'a ACCEPT'],
    ],
  )
})

test('34: idle time below 0 counts as 0', () => {
  expect(network(), [
    [`${A}:1 > ${peer}:99 udp @1000`, 'a ACCEPT'],
    [`${peer}:99 > ${A}:1 udp @10`, 'a ACCEPT'],
  ])
})

test('35: the same five-tuple may be accepted and rejected within a window', () => {
  expect(network(), [
    [`${A}:1 > ${peer}:99 udp @0`, 'a ACCEPT'],
    [`${peer}:99 > ${A}:1 udp @10`, 'a ACCEPT'],
    [`${peer}:99 > ${A}:1 udp @50`, 'a REJECT'],
  ])
})

test('36: ports are ignored in rules for all protocols or ICMP', () => {
  expect(
    network({ rules: ['{ direction: ingress, policy: accept, protocol: all, ports: 80/80 }'] }),
    [
      [`${peer}:1 > ${A}:22 tcp S`, 'a ACCEPT'],
      [`${peer}:1 > ${A}:22 sctp`, 'a ACCEPT'],
    ],
  )
  expect(
    network({ rules: ['{ direction: ingress, policy: accept, protocol: icmp, ports: 8/8 }'] }),
    [[`${peer} > ${A} icmp`, 'a ACCEPT']],
  )
})

test('37: a missing route rejects nothing', () => {
  const { one } = network()
  assert.deepEqual(one(`${A}:1 > 192.168.7.7:9 tcp S`), ['a out ACCEPT 0'])
})

test('29: connections are swept when there are many, and none that is remembered is lost', () => {
  const watch = network()
  const batch = new PacketBatch()
  const out = new ObservationBatch()
  watch.assigner.addInterface(0, { file: 'x.pcap', name: undefined })
  const open = (from: number, to: number, second: number): void => {
    for (let i = from; i < to; i += packetBatchRows) {
      batch.rows = packetBatchRows
      for (let row = 0; row < packetBatchRows; row++) {
        writePacket(`${A}:1 > 8.0.0.0:9 tcp S @${second}`, batch, row)
        batch.words[row * rowWords + word.destination]! += i + row
      }
      watch.assigner.assign(batch, out)
    }
  }
  open(0, 1 << 16, 1000)
  open(1 << 16, 1 << 17, 1500)
  open(1 << 17, 3 << 16, 2200) // the first ones are forgotten, the second ones not
  expect(watch, [
    [`8.0.200.7:9 > ${A}:1 tcp SA @2200`, 'a REJECT'],
    [`8.1.200.7:9 > ${A}:1 tcp SA @2200`, 'a ACCEPT'],
    [`8.2.200.7:9 > ${A}:1 tcp SA @2200`, 'a ACCEPT'],
  ])
})
