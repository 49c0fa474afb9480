import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTopology, topologyEnis } from '../vpc/vpc.ts'
import { tapName, tapsOfTopology } from './tap-place.ts'
import { topologyOfTap } from './topology-of-tap.ts'

const text = `vpcs: [{ id: vpc-1, cidrs: [10.0.0.0/16] }]
vSwitches:
  - { id: vsw-1, vpc: vpc-1, cidrs: [10.0.0.0/24], networkAcl: acl-1 }
  - { id: vsw-2, vpc: vpc-1, cidrs: [10.0.1.0/24], networkAcl: acl-1 }
enis:
  - { id: eni-1, vSwitch: vsw-1, privateIps: [10.0.0.1], securityGroups: [sg-1], tap: { interface: eth0, netns: one } }
  - { id: eni-2, vSwitch: vsw-1, privateIps: [10.0.0.2], securityGroups: [sg-1], tap: { interface: eth0, netns: two, side: host, nflog: { group: 7 } } }
  - { id: eni-3, vSwitch: vsw-2, privateIps: [10.0.1.3], tap: { interface: veth3, netns: host, agent: b } }
  - { id: eni-4, vSwitch: vsw-2, privateIps: [10.0.1.4] }
securityGroups: [{ id: sg-1, rules: [] }]
networkAcls: [{ id: acl-1, ingress: [{ policy: accept }], egress: [{ policy: accept }] }]
`

test('the taps of a topology, by the agent they belong to', async () => {
  const topology = await parseTopology(text, 'vpc.yaml')
  const identities = topologyEnis(topology)
  const own = tapsOfTopology(topology)
  assert.deepEqual(own, [
    { eni: identities[0], interfaceName: 'eth0', netns: 'one', side: 'guest' },
    {
      eni: identities[1],
      interfaceName: 'eth0',
      netns: 'two',
      side: 'host',
      nflog: { group: 7, netns: 'two' },
    },
  ])
  assert.deepEqual(own.map(tapName), ['one/eth0', 'two/eth0'])
  const others = tapsOfTopology(topology, 'b')
  assert.deepEqual(others, [{ eni: identities[2], interfaceName: 'veth3', side: 'guest' }])
  assert.deepEqual(others.map(tapName), ['veth3'])
  assert.deepEqual(tapsOfTopology(topology, 'c'), [])
})

test('a thread’s topology has its own tap alone; where a firewall decides, no rule judges its ENI', async () => {
  const topology = await parseTopology(text, 'vpc.yaml')
  const [first, second] = tapsOfTopology(topology)
  const byRules = topologyOfTap(topology, first!)
  assert.deepEqual(
    byRules.enis.map(({ id, tap, securityGroups }) => [id, tap?.netns, securityGroups.length]),
    [
      ['eni-1', 'one', 1],
      ['eni-2', undefined, 1],
      ['eni-3', undefined, 0],
      ['eni-4', undefined, 0],
    ],
  )
  assert.deepEqual(byRules.vSwitches, topology.vSwitches)
  const byFirewall = topologyOfTap(topology, second!)
  assert.deepEqual(
    byFirewall.enis.map(({ id, tap, securityGroups }) => [id, tap?.netns, securityGroups.length]),
    [
      ['eni-1', undefined, 1],
      ['eni-2', 'two', 0],
      ['eni-3', undefined, 0],
      ['eni-4', undefined, 0],
    ],
  )
  const acls = byFirewall.vSwitches.map(({ networkAcl }) => networkAcl)
  assert.deepEqual(acls, [undefined, 'acl-1'])
  for (const { id } of topology.enis)
    assert.equal(
      byFirewall.byId.enis.get(id),
      byFirewall.enis.find((each) => each.id === id),
    )
})
