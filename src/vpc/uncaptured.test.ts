import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writePacket } from '../../test/vpc-observations.ts'
import { PacketBatch, word } from '../packet/packet.ts'
import { parseTopology } from './topology.ts'
import { Uncaptured } from './uncaptured.ts'
import { ObservationBatch, topologyAssigner } from './vpc.ts'

const network = (type: string): string => `
vpcs: [ { id: vpc-1, cidrs: [10.0.0.0/16, 120.1.0.0/16, "fd00::/56"] }, { id: vpc-2, cidrs: [10.0.0.0/16] } ]
vSwitches: [ { id: vsw-1, vpc: vpc-1, cidrs: [10.0.0.0/24] } ]
services:
  - { id: db, vpc: vpc-1, privateIps: [10.0.2.9] }
  - { id: lb, vpc: vpc-1, privateIps: [10.0.2.10, "fd00::a"]${type} }
`

function leftOut(type = ', type: publicClb') {
  const uncaptured = new Uncaptured(parseTopology(network(type), 'test.yaml'))
  const batch = new PacketBatch()
  return (packet: string, vpc = 0): boolean => {
    writePacket(packet, batch, 0)
    return uncaptured.has(vpc, batch.words[word.about]!, batch.words, 0)
  }
}

test('"Capturing traffic from a public-facing Classic Load Balancer (CLB) to the Internet is not supported"', () => {
  const out = leftOut()
  assert.equal(out('10.0.2.10:80 > 8.8.8.8:5000 tcp SA'), true)
  assert.equal(out('8.8.8.8:5000 > 10.0.2.10:80 tcp S'), true)
  assert.equal(out('fd00::a > 2001:db8::1 icmpv6'), true)
  assert.equal(out('[2001:db8::1]:5 > [fd00::a]:80 udp'), true)
})

test('its traffic inside the VPC and with private networks is captured', () => {
  const out = leftOut()
  assert.equal(out('10.0.2.10:5000 > 10.0.0.1:80 tcp S'), false)
  assert.equal(out('192.168.1.1:5000 > 10.0.2.10:80 tcp S'), false)
  assert.equal(out('120.1.0.1:5000 > 10.0.2.10:80 tcp S'), false) // a VPC's own block, whatever it looks like
  assert.equal(out('fd00::a > fd99::1 icmpv6'), false)
})

test("others' traffic with the internet is captured", () => {
  const out = leftOut()
  assert.equal(out('10.0.2.9:80 > 8.8.8.8:5000 tcp SA'), false)
  assert.equal(out('10.0.0.1:80 > 8.8.8.8:5000 tcp SA'), false)
  assert.equal(out('10.0.2.10:80 > 8.8.8.8:5000 tcp SA', 1), false) // the same address in another VPC
  assert.equal(leftOut('')('10.0.2.10:80 > 8.8.8.8:5000 tcp SA'), false)
})

test('at the tap of an ENI that forwards it makes no observation, and is counted', async () => {
  const assigner = await topologyAssigner(
    parseTopology(
      `${network(', type: publicClb')}
enis:
  - { id: eni-fw, vSwitch: vsw-1, privateIps: [10.0.0.5], tap: { interface: eth0 } }`,
      'test.yaml',
    ),
  )
  assigner.addInterface(0, { file: undefined, name: 'eth0' })
  const batch = new PacketBatch()
  const out = new ObservationBatch()
  const packets = [
    '10.0.2.10:80 > 8.8.8.8:5000 tcp SA',
    '10.0.2.10:80 > 10.0.0.5:5000 tcp SA',
    '8.8.8.8:5000 > 10.0.2.10:80 tcp A',
    '10.0.2.9:80 > 8.8.8.8:5000 tcp SA',
  ]
  for (const [row, packet] of packets.entries()) writePacket(packet, batch, row)
  batch.rows = packets.length
  assigner.assign(batch, out)
  assert.deepEqual([...out.packet.subarray(0, out.rows)], [1, 3])
  assert.equal(assigner.uncapturedRows, 2)
})

test('a load balancer is a resource of a VPC', () => {
  assert.throws(
    () =>
      parseTopology('services: [ { id: lb, cidrs: [1.0.0.0/8], type: publicClb } ]', 'test.yaml'),
    { message: 'a publicClb is a resource of a VPC: "vpc" is missing', place: 'test.yaml:1:49' },
  )
  assert.throws(() => parseTopology(network(', type: publicCbl'), 'test.yaml'), {
    message: 'unknown type "publicCbl"',
    hint: 'Did you mean "publicClb"?',
    place: 'test.yaml:6:69',
  })
})
