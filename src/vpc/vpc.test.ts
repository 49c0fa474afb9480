/** Which ENI, which direction, how many records: records.md 1 to 15. A test's name begins with the number of its rule. */
import assert from 'node:assert/strict'
import { TopologyAssigner } from './topology-assigner.ts'
import { test } from 'node:test'
import { watch, watchTopology } from '../../test/vpc-observations.ts'
import { parseTopology } from './topology.ts'
import {
  captureIdentity,
  hostAssigner,
  hostIdentity,
  singleEniAssigner,
  topologyEnis,
} from './vpc.ts'

const shop = `
account: 0012
vpcs:
  - { id: vpc-1, cidrs: [10.0.0.0/16, "fd00::/56"] }
  - { id: vpc-2, cidrs: [10.0.0.0/16, 10.9.0.0/16], account: "7" }
vSwitches:
  - { id: vsw-1, vpc: vpc-1, cidrs: [10.0.0.0/24] }
  - { id: vsw-2, vpc: vpc-2, cidrs: [10.0.0.0/24, 10.9.0.0/24] }
instances: [ { id: i-1 } ]
enis:
  - { id: a, vSwitch: vsw-1, instance: i-1, privateIps: [10.0.0.1, 10.0.0.11, "fd00::1"], publicIp: 47.96.0.1 }
  - { id: b, vSwitch: vsw-1, privateIps: [10.0.0.2, "fd00::2"], publicIp: 47.96.0.2 }
  - { id: c, vSwitch: vsw-2, privateIps: [10.9.0.3] }
`

test('1: out at the owner of the source, in at the owner of the destination', () => {
  const { one } = watchTopology(shop)
  assert.deepEqual(one('10.0.0.1:1 > 8.8.8.8:53 udp'), ['a out ACCEPT 15'])
  assert.deepEqual(one('8.8.8.8:53 > 10.0.0.2:1 udp'), ['b in ACCEPT 15'])
})

test('2: both ends known, one capture: out at the sender and in at the receiver, and nothing is deduplicated', () => {
  const { see } = watchTopology(shop)
  const both = ['a out ACCEPT 1', 'b in ACCEPT 2']
  assert.deepEqual(see('10.0.0.1:1 > 10.0.0.2:2 tcp S', '10.0.0.1:1 > 10.0.0.2:2 tcp S'), [
    both,
    both,
  ])
})

const tapped = (taps: readonly string[]) => `
vpcs: [ { id: vpc-1, cidrs: [10.0.0.0/16] } ]
vSwitches: [ { id: vsw-1, vpc: vpc-1, cidrs: [10.0.0.0/24] }, { id: vsw-2, vpc: vpc-1, cidrs: [10.0.1.0/24] } ]
enis:
${taps.map((tap, i) => `  - { id: eni-${i}, vSwitch: vsw-1, privateIps: [10.0.0.${i + 1}]${tap} }`).join('\n')}
`

test('3: a file taken at a tap belongs to its ENI alone; others are assigned by address', () => {
  const { assigner, one } = watchTopology(
    tapped([
      ', tap: { capture: "web-*.pcapng", interface: eth0 }',
      ', tap: { capture: nat.pcap }',
      '',
    ]),
  )
  assigner.addInterface(0, { file: 'web-1.pcapng', name: 'eth0' })
  assigner.addInterface(1, { file: 'web-1.pcapng', name: 'eth1' })
  assigner.addInterface(2, { file: 'nat.pcap', name: undefined })
  assigner.addInterface(3, { file: 'other.pcap', name: undefined })
  const packet = '10.0.0.1:1 > 10.0.0.2:2 tcp S'
  assert.deepEqual(one(`${packet} if0`), ['eni-0 out ACCEPT 1'])
  assert.deepEqual(one(`${packet} if1`), ['eni-0 out ACCEPT 1', 'eni-1 in ACCEPT 1'])
  assert.deepEqual(one(`${packet} if2`), ['eni-1 in ACCEPT 1'])
  assert.deepEqual(one(`${packet} if3`), ['eni-0 out ACCEPT 1', 'eni-1 in ACCEPT 1'])
})

test('3: two ENIs whose taps match one interface are an error', () => {
  const { assigner } = watchTopology(
    tapped([', tap: { capture: "web-*" }', ', tap: { capture: "*.pcap", interface: eth0 }']),
  )
  assert.throws(() => assigner.addInterface(0, { file: 'web-1.pcap', name: 'eth0' }), {
    code: 'TopologyInvalid',
    message: 'the taps of eni-0 and eni-1 both match web-1.pcap, interface eth0',
    place: 'test.yaml:6:5',
  })
  assigner.addInterface(0, { file: 'web-1.pcap', name: 'eth1' })
  assert.deepEqual(assigner.coveredEnis(), [0])
})

test('3: a live interface is the ENI that has it as its tap, and no other live interface is any', () => {
  const { assigner, one } = watchTopology(
    tapped([', tap: { interface: veth0, side: host }', ', tap: { capture: veth1 }']),
  )
  assigner.addInterface(0, { file: undefined, name: 'veth0' })
  assigner.addInterface(1, { file: undefined, name: 'veth1' })
  assert.deepEqual(one('10.0.0.1:1 > 10.0.0.2:2 tcp S if0'), ['eni-0 out ACCEPT 1'])
  assert.deepEqual(one('10.0.0.1:1 > 10.0.0.2:2 tcp S if1'), [])
  assert.equal(assigner.unassigned, 1)
  assert.deepEqual(assigner.coveredEnis(), [0])
})

test('4: direction at the tap of an ENI that forwards, in the order of the rule', () => {
  const { assigner, one } = watchTopology(
    tapped([', tap: { capture: near.pcap }', ', tap: { capture: far.pcap, side: host }']).replace(
      'privateIps: [10.0.0.1]',
      'privateIps: [10.0.0.1], publicIp: 47.96.0.1',
    ),
  )
  assigner.addInterface(0, { file: 'near.pcap', name: undefined })
  assigner.addInterface(1, { file: 'far.pcap', name: undefined })
  const facts: readonly (readonly [string, string])[] = [
    ['8.8.8.8 > 10.0.0.1 udp if0 out', 'eni-0 in'], // destination own
    ['10.0.0.1 > 8.8.8.8 udp if0 in', 'eni-0 out'], // source own
    ['8.8.8.8 > 47.96.0.1 udp if0 out', 'eni-0 in'], // 7: like an own address
    ['47.96.0.1 > 8.8.8.8 udp if0 in', 'eni-0 out'],
    ['10.0.0.9 > 255.255.255.255 udp if0 out', 'eni-0 in'], // broadcast
    ['10.0.1.9 > 10.0.1.255 udp if0 out', 'eni-0 in'],
    ['10.0.0.9 > 8.8.8.8 udp if0 out', 'eni-0 out'], // the capture's own direction
    ['8.8.8.8 > 10.0.0.9 udp if0 in', 'eni-0 in'],
    ['8.8.8.8 > 10.0.0.9 udp if1 in', 'eni-1 out'], // seen from the far end of a veth
    ['10.0.0.9 > 8.8.8.8 udp if1 out', 'eni-1 in'],
    ['10.0.0.9 > 8.8.8.8 udp if0', 'eni-0 in'], // from inside the VPC
    ['8.8.8.8 > 10.0.0.9 udp if0', 'eni-0 out'],
    ['10.0.0.9 > 10.0.1.9 udp if0', 'eni-0 -'], // nothing tells
    ['8.8.8.8 > 9.9.9.9 udp if0', 'eni-0 -'],
  ]
  for (const [packet, want] of facts)
    assert.deepEqual(
      one(packet).map((seen) => seen.split(' ').slice(0, 2).join(' ')),
      [want],
      packet,
    )
  assert.deepEqual(one('8.8.8.8 > 9.9.9.9 udp if0'), ['eni-0 - ACCEPT 0'])
})

test('5: both addresses of one ENI make one record, in', () => {
  const { see } = watchTopology(shop)
  assert.deepEqual(see('10.0.0.1:1 > 10.0.0.11:2 tcp S', '10.0.0.1:7 > 10.0.0.1:7 tcp S'), [
    ['a in ACCEPT 2'],
    ['a in ACCEPT 2'],
  ])
})

test('6: a packet of nobody is counted', () => {
  const { assigner, see } = watchTopology(shop)
  assert.deepEqual(
    see('8.8.8.8 > 9.9.9.9 udp', '10.0.0.99 > 8.8.8.8 udp', '10.0.0.1 > 8.8.8.8 udp'),
    [[], [], ['a out ACCEPT 15']],
  )
  assert.equal(assigner.unassigned, 2)
})

test('7: a public address counts only when neither address is an own one of any ENI', () => {
  const { see } = watchTopology(shop)
  assert.deepEqual(
    see(
      '47.96.0.1:1 > 8.8.8.8:2 tcp S',
      '8.8.8.8:2 > 47.96.0.1:1 tcp SA',
      '47.96.0.1:1 > 47.96.0.2:2 tcp S',
      '47.96.0.1:1 > 10.0.0.2:2 tcp S',
    ),
    [
      ['a out ACCEPT 15'],
      ['a in ACCEPT 15'],
      ['a out ACCEPT 15', 'b in ACCEPT 15'],
      ['b in ACCEPT 15'],
    ],
  )
})

test('8: all private addresses are equal', () => {
  const { see } = watchTopology(shop)
  assert.deepEqual(see('10.0.0.11:1 > 8.8.8.8:2 tcp S', '8.8.8.8:2 > 10.0.0.11:1 tcp SA'), [
    ['a out ACCEPT 15'],
    ['a in ACCEPT 15'],
  ])
})

test('9: an address of two VPCs: assignment by address is refused, a tap decides', () => {
  const text = shop.replace(
    'privateIps: [10.9.0.3]',
    'privateIps: [10.9.0.3, 10.0.0.1], tap: { capture: c.pcap }',
  )
  const { assigner, one } = watchTopology(text)
  assigner.addInterface(0, { file: 'all.pcap', name: undefined })
  assigner.addInterface(1, { file: 'c.pcap', name: undefined })
  const refused = {
    code: 'TopologyAmbiguous',
    message:
      '10.0.0.1 is an address of a (vpc-1) and c (vpc-2): whose packet this is cannot be told',
    hint: 'Say where the file was taken with a tap of the ENI: { capture: FILE-GLOB, interface: NAME }',
  }
  assert.throws(() => one('10.0.0.1 > 8.8.8.8 udp'), refused)
  assert.throws(() => one('10.0.0.2 > 10.0.0.1 udp'), refused)
  assert.deepEqual(one('10.0.0.2 > 8.8.8.8 udp'), ['b out ACCEPT 15'])
  assert.deepEqual(one('10.0.0.1 > 8.8.8.8 udp if1'), ['c out ACCEPT 0'])
})

test('10: broadcast: out at the source, in only at a tap', () => {
  const { one } = watchTopology(shop)
  assert.deepEqual(one('10.0.0.1:68 > 255.255.255.255:67 udp'), ['a out ACCEPT 0'])
  assert.deepEqual(one('10.0.0.1:68 > 10.0.0.255:67 udp'), ['a out ACCEPT 1'])
  assert.deepEqual(one('10.0.0.99:68 > 10.0.0.255:67 udp'), [])
})

test('11: multicast makes no record and is not counted as unassigned: "Flow logs do not capture multicast traffic"', () => {
  const { assigner, see } = watchTopology(shop)
  assert.deepEqual(
    see('10.0.0.1 > 224.0.0.251 udp', 'fd00::1 > ff02::1 udp', '224.0.0.1 > 10.0.0.1 udp'),
    [
      [],
      [],
      ['a in ACCEPT 0'], // "A multicast source is not special."
    ],
  )
  assert.equal(assigner.unassigned, 0)
})

test('12: IPv6 as IPv4, and one never matches the other', () => {
  const { see } = watchTopology(shop)
  assert.deepEqual(see('[fd00::1]:1 > [fd00::2]:2 tcp S', '[2001:db8::1]:1 > [fd00::2]:2 tcp S'), [
    ['a out ACCEPT 1', 'b in ACCEPT 2'],
    ['b in ACCEPT 0'],
  ])
  // ::a00:1 has 10.0.0.1 in its last word, a00:1:: in its first.
  assert.deepEqual(see('::a00:1 > ::1 udp', 'a00:1:: > ::1 udp'), [[], []])
})

test('14: without a topology: eni-capture, direction -, ACCEPT, no path', () => {
  const { assigner, see } = watch(singleEniAssigner(captureIdentity, { useDirectionHint: false }))
  assert.deepEqual(
    see('10.0.0.1 > 8.8.8.8 udp in', 'fd00::1 > ff02::1 udp', '1.1.1.1 > 2.2.2.2 udp'),
    [['eni-capture - ACCEPT 255'], [], ['eni-capture - ACCEPT 255']],
  )
  assert.deepEqual(assigner.coveredEnis(), [0])
  assert.equal(assigner.unassigned, 0)
})

test("host interfaces without a topology: the direction is the ring's, one VPC for all", () => {
  const { assigner, see } = watch(hostAssigner([hostIdentity('eth0'), hostIdentity('eth1')]))
  assert.deepEqual(see('1.1.1.1 > 2.2.2.2 udp in if1', '1.1.1.1 > 2.2.2.2 udp out if0'), [
    ['eni-eth1 in ACCEPT 255'],
    ['eni-eth0 out ACCEPT 255'],
  ])
  assert.deepEqual(
    assigner.enis.map(({ vpcId }) => vpcId),
    ['vpc-host', 'vpc-host'],
  )
  assert.deepEqual(assigner.coveredEnis(), [0, 1])
})

test("15: vm-id is - without an instance; the account is the VPC's, else the file's, else -", () => {
  const enis = topologyEnis(parseTopology(shop, 'test.yaml'))
  assert.deepEqual(enis, [
    { accountId: '0012', eniId: 'a', vmId: 'i-1', vSwitchId: 'vsw-1', vpcId: 'vpc-1' },
    { accountId: '0012', eniId: 'b', vmId: '-', vSwitchId: 'vsw-1', vpcId: 'vpc-1' },
    { accountId: '7', eniId: 'c', vmId: '-', vSwitchId: 'vsw-2', vpcId: 'vpc-2' },
  ])
  const without = topologyEnis(parseTopology(shop.replace('account: 0012', ''), 'test.yaml'))
  assert.equal(without[0]!.accountId, '-')
})

test('56: every ENI is covered as soon as one interface is assigned by address', () => {
  const topology = parseTopology(
    tapped(['', ', tap: { capture: b.pcap }', ', tap: { capture: c.pcap }']),
    't',
  )
  const covered = (...files: string[]): readonly number[] => {
    const assigner = new TopologyAssigner(topology)
    files.forEach((file, i) => assigner.addInterface(i, { file, name: undefined }))
    return assigner.coveredEnis()
  }
  assert.deepEqual(covered(), [])
  assert.deepEqual(covered('c.pcap'), [2])
  assert.deepEqual(covered('c.pcap', 'b.pcap', 'c.pcap'), [1, 2])
  assert.deepEqual(covered('c.pcap', 'a.pcap'), [0, 1, 2])
})
