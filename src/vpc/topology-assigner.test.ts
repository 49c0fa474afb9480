/** New versions of a topology while packets come, and taps of routers' interfaces. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { watch } from '../../test/vpc-observations.ts'
import { parseTopology } from './topology.ts'
import { TopologyAssigner } from './topology-assigner.ts'

interface Version {
  readonly enis?: readonly string[]
  /** Rules of sg-1. */
  readonly rules?: string
  readonly acl?: string
  readonly routes?: string
}

const a = 'id: a, vSwitch: vsw-1, privateIps: [10.0.0.1], securityGroups: [sg-1]'
const b = 'id: b, vSwitch: vsw-1, privateIps: [10.0.0.2], securityGroups: [sg-1]'
const c = 'id: c, vSwitch: vsw-1, privateIps: [10.0.0.3], securityGroups: [sg-1]'
const open = '{ direction: ingress, policy: accept, protocol: tcp, ports: 80/80 }'

const version = ({ enis = [a, b], rules = open, acl, routes = '' }: Version = {}) =>
  parseTopology(
    `
vpcs: [ { id: vpc-1, cidrs: [10.0.0.0/16], routeTable: vtb } ]
vSwitches: [ { id: vsw-1, vpc: vpc-1, cidrs: [10.0.0.0/24]${acl ? ', networkAcl: acl' : ''} } ]
instances: [ { id: i-1 } ]
enis: [ ${enis.map((each) => `{ ${each} }`).join(', ')} ]
securityGroups: [ { id: sg-1, rules: [ ${rules} ] } ]
networkAcls: [ ${acl ? `{ id: acl, ${acl} }` : ''} ]
routeTables: [ { id: vtb, entries: [ ${routes} ] } ]
gateways: [ { id: ngw, type: natGateway }, { id: tr, type: transitRouter } ]
`,
    'test.yaml',
  )

const started = (from: Version = {}) => {
  const assigner = new TopologyAssigner(version(from))
  return { ...watch(assigner), assigner }
}
const syn = (from: string, at = 0) => `8.8.8.8:${from} > 10.0.0.1:80 tcp S @${at}`
const ack = (from: string, at = 0) => `8.8.8.8:${from} > 10.0.0.1:80 tcp A @${at}`

test('an open connection stays open through a version that would refuse it; a new one is refused', () => {
  const { assigner, one } = started()
  assert.deepEqual(one(syn('1')), ['a in ACCEPT 0'])
  assigner.change(version({ rules: '' }))
  assert.deepEqual(one(ack('1')), ['a in ACCEPT 0'])
  assert.deepEqual(one('10.0.0.1:80 > 8.8.8.8:1 tcp A'), ['a out ACCEPT 0'])
  assert.deepEqual(one(syn('2')), ['a in REJECT 0'])
  // Forgotten, it is a first packet under the new rules.
  assert.deepEqual(one(ack('1', 911)), ['a in REJECT 0'])
})

test('a refused connection stays refused, and its packets are judged by the new rules', () => {
  const { assigner, one } = started({ rules: '' })
  assert.deepEqual(one(syn('1')), ['a in REJECT 0'])
  assigner.change(
    version({ rules: `${open}, { direction: egress, policy: drop, peer: 8.8.8.8/32 }` }),
  )
  assert.deepEqual(one(ack('1')), ['a in ACCEPT 0'])
  assert.deepEqual(one('10.0.0.1:80 > 8.8.8.8:1 tcp A'), ['a out REJECT 0'])
})

test('network ACLs and paths change at once, for open connections too', () => {
  const { assigner, one } = started({ routes: '{ destination: 8.0.0.0/8, nextHop: ngw }' })
  assert.deepEqual(one(syn('1')), ['a in ACCEPT 7'])
  assigner.change(
    version({
      acl: 'ingress: [ { policy: drop, peer: 8.8.8.8/32 }, { policy: accept } ], egress: [ { policy: accept } ]',
      routes: '{ destination: 8.0.0.0/8, nextHop: tr }',
    }),
  )
  assert.deepEqual(one(ack('1')), ['a in REJECT 8'])
  assert.deepEqual(one('10.0.0.1:80 > 8.8.8.8:1 tcp A'), ['a out ACCEPT 8'])
})

test('an ENI keeps its number; a new one is appended; one that is gone makes no observations', () => {
  const { assigner, one } = started()
  const ids = () => assigner.enis.map(({ eniId, vmId }) => `${eniId} ${vmId}`)
  assigner.addInterface(0, { file: 'all.pcap', name: undefined })
  const held = assigner.enis
  assert.deepEqual(ids(), ['a -', 'b -'])
  assigner.change(version({ enis: [c, b] }))
  assert.deepEqual(ids(), ['a -', 'b -', 'c -'])
  assert.deepEqual(assigner.coveredEnis(), [1, 2])
  assert.equal(assigner.enis, held, 'the list that others hold grows')
  assert.deepEqual(one('8.8.8.8:1 > 10.0.0.1:80 tcp S'), [])
  assert.equal(assigner.unassigned, 1)
  assert.deepEqual(one('8.8.8.8:1 > 10.0.0.3:80 tcp S'), ['c in ACCEPT 0'])
  assert.deepEqual(one('10.0.0.2:1 > 10.0.0.3:80 tcp S'), ['b out ACCEPT 1', 'c in ACCEPT 1'])
  assigner.change(version({ enis: [a, `${b}, instance: i-1`] }))
  assert.deepEqual(ids(), ['a -', 'b -', 'c -', 'b i-1'])
  assert.deepEqual(assigner.coveredEnis(), [0, 3])
  assert.deepEqual(one('8.8.8.8:1 > 10.0.0.2:80 tcp S'), ['b in ACCEPT 0'])
})

test('an ENI that comes back has its number and what was remembered of it', () => {
  const { assigner, one } = started()
  one(syn('1', 5))
  assigner.change(version({ enis: [b] }))
  assert.deepEqual(one(ack('1', 6)), [])
  assigner.change(version({ rules: '' }))
  assert.deepEqual(one(ack('1', 7)), ['a in ACCEPT 0'])
  assert.equal(assigner.enis.length, 2)
})

test('verdicts of first fragments outlive a change', () => {
  const { assigner, one } = started()
  assert.deepEqual(one('8.8.8.8:1 > 10.0.0.1:80 tcp S first #7'), ['a in ACCEPT 0'])
  assigner.change(version({ rules: '', enis: [b, a] }))
  assert.deepEqual(one('8.8.8.8 > 10.0.0.1 tcp later #7'), ['a in ACCEPT 0'])
  assert.deepEqual(one('8.8.8.8 > 10.0.0.1 tcp later #8'), ['a in REJECT 0'])
})

test('interfaces stay known, seen with the taps of the new version; a conflict changes nothing', () => {
  const { assigner, one } = started()
  assigner.addInterface(0, { file: 'web.pcap', name: 'eth0' })
  const tap = ', tap: { capture: "web.*" }'
  const both = ['a out ACCEPT 1', 'b in ACCEPT 1']
  assert.deepEqual(one('10.0.0.1:1 > 10.0.0.2:80 tcp S'), both)
  assert.throws(() => assigner.change(version({ enis: [c, a + tap, b + tap] })), {
    code: 'TopologyInvalid',
    message: 'the taps of a and b both match web.pcap, interface eth0',
  })
  assert.deepEqual(one('10.0.0.1:1 > 10.0.0.2:80 tcp A'), both)
  assert.equal(assigner.enis.length, 2)
  assigner.change(version({ enis: [b + tap, a] }))
  assert.deepEqual(one('10.0.0.1:1 > 10.0.0.2:80 tcp A'), ['b in ACCEPT 1'])
  assert.deepEqual(assigner.coveredEnis(), [1])
})

const exporter = (address: string, ifIndex: number) => ({
  file: undefined,
  name: undefined,
  exporter: { address, ifIndex },
})

test("3: flows of a router's interface belong to the ENI whose tap names it, others are by address", () => {
  const { assigner, one } = started({
    enis: [
      `${a}, tap: { exporter: 192.0.2.1, ifIndex: 3 }`,
      `${b}, tap: { exporter: "2001:db8::1", ifIndex: 3 }`,
      `${c}, tap: { interface: veth0 }`,
    ],
  })
  assigner.addInterface(0, exporter('192.0.2.1', 3))
  assigner.addInterface(1, exporter('192.0.2.1', 4))
  assigner.addInterface(2, exporter('2001:db8:0::1', 3))
  const packet = '10.0.0.1:1 > 10.0.0.2:80 tcp S'
  assert.deepEqual(one(`${packet} if0`), ['a out ACCEPT 1'])
  assert.deepEqual(one(`${packet} if1`), ['a out ACCEPT 1', 'b in ACCEPT 1'])
  assert.deepEqual(one(`${packet} if2`), ['b in ACCEPT 1'])
  assert.deepEqual(assigner.coveredEnis(), [0, 1, 2])
})

test("3: one router's interface as the tap of two ENIs is a load error", () => {
  const taps = ['192.0.2.1, ifIndex: 3', '192.0.2.1, ifIndex: 4', '192.0.2.1, ifIndex: 3']
  const enis = [a, b, c].map((eni, i) => `${eni}, tap: { exporter: ${taps[i]} }`)
  assert.throws(() => version({ enis }), {
    code: 'TopologyInvalid',
    message: 'exporter 192.0.2.1, interface 3 is already the tap of ENI a',
    place: 'test.yaml:5:321',
  })
})
