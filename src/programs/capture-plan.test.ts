import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { UnixSeconds } from '../base/time.ts'
import type { FlowLog } from '../flow-log/flow-log.ts'
import { hostInterfaces } from '../sources/sources.ts'
import { hostIdentity, parseTopology } from '../vpc/vpc.ts'
import { captureTasks, tapsOf, vpcsOf } from './capture-plan.ts'
import { readStartConfig, type StartConfig } from './start-config.ts'

const defaults = readStartConfig({})
const withCapture = (capture: Partial<StartConfig['capture']>): StartConfig => ({
  ...defaults,
  capture: { ...defaults.capture, ...capture },
})

const network = `
account: "1210"
vpcs:
  - { id: vpc-1, cidrs: [10.0.0.0/16] }
  - { id: vpc-2, cidrs: [10.1.0.0/16] }
vSwitches:
  - { id: vsw-1, vpc: vpc-1, cidrs: [10.0.0.0/24] }
  - { id: vsw-2, vpc: vpc-2, cidrs: [10.1.0.0/24] }
enis:
  - { id: eni-1, vSwitch: vsw-1, privateIps: [10.0.0.1], tap: { interface: veth1, side: host } }
  - { id: eni-2, vSwitch: vsw-1, privateIps: [10.0.0.2], tap: { interface: eth0, netns: guest } }
  - { id: eni-3, vSwitch: vsw-2, privateIps: [10.1.0.3], tap: { interface: veth3, netns: host } }
  - { id: eni-4, vSwitch: vsw-2, privateIps: [10.1.0.4] }
  - { id: eni-5, vSwitch: vsw-2, privateIps: [10.1.0.5], tap: { capture: a.pcap, interface: x } }
`

const flowLog = (change: Partial<FlowLog>): FlowLog => ({
  id: 'fl-1',
  name: 'all',
  description: '',
  resourceType: 'VPC',
  resourceId: 'vpc-1',
  trafficType: 'All',
  scope: ['all'],
  ipVersion: 'DualStack',
  windowSeconds: 600,
  project: 'weir',
  logstore: 'flow-log',
  status: 'Active',
  createdAt: 0 as UnixSeconds,
  changedAt: 0 as UnixSeconds,
  startedAt: 0 as UnixSeconds,
  earlier: [],
  ...change,
})

test('live taps are those of the topology; captures and ENIs without a tap are none', async () => {
  const taps = tapsOf(defaults, await parseTopology(network, 'vpc.yaml'))
  assert.deepEqual(
    taps.map(({ eni, ...tap }) => ({ eni: eni.eniId, ...tap })),
    [
      { eni: 'eni-1', interfaceName: 'veth1' },
      { eni: 'eni-2', interfaceName: 'eth0', netns: 'guest' },
      { eni: 'eni-3', interfaceName: 'veth3' },
    ],
  )
  assert.deepEqual(vpcsOf(taps), ['vpc-1', 'vpc-2'])
})

test('without a topology every interface of the host is one, or those that are named', () => {
  const there = hostInterfaces()
  const names = (config: StartConfig) => tapsOf(config, undefined).map((tap) => tap.interfaceName)
  assert.deepEqual(names(defaults), there)
  for (const interfaceName of there) {
    const taps = tapsOf(withCapture({ interfaces: [interfaceName] }), undefined)
    assert.deepEqual(taps, [{ interfaceName, eni: hostIdentity(interfaceName) }])
    assert.deepEqual(vpcsOf(taps), ['vpc-host'])
  }
  assert.throws(() => names(withCapture({ interfaces: ['weir-none0'] })), {
    name: 'ConfigInvalid',
    message: 'there is no interface weir-none0 that is up',
    hint: `There are: ${there.join(', ') || 'none'}`,
  })
})

test('"the shortest window among the flow logs that cover an ENI"; no flow log, no capture', async () => {
  const taps = tapsOf(defaults, await parseTopology(network, 'vpc.yaml'))
  const flowLogs = [
    flowLog({}),
    flowLog({
      id: 'fl-2',
      resourceType: 'NetworkInterface',
      resourceId: 'eni-2',
      windowSeconds: 60,
    }),
    flowLog({ id: 'fl-3', windowSeconds: 60, status: 'Inactive' }),
  ]
  const tasks = captureTasks(taps, flowLogs, { ...defaults, topology: '/etc/vpc.yaml' })
  assert.deepEqual(
    tasks.map(({ tap, windowSeconds, topologyPath }) => [
      tap.eni.eniId,
      windowSeconds,
      topologyPath,
    ]),
    [
      ['eni-1', 600, '/etc/vpc.yaml'],
      ['eni-2', 60, '/etc/vpc.yaml'],
    ],
  )
  assert.deepEqual(captureTasks(taps, [], defaults), [])
})

test('the ring memory is shared between the interfaces, whatever its size', () => {
  const bytes = (ringMebibytes: number, count: number): number[] => {
    const eni = { ...hostIdentity('eth0'), vpcId: 'vpc-1' }
    const taps = Array.from({ length: count }, (_, i) => {
      return { interfaceName: `eth${i}`, eni }
    })
    const config = withCapture({ ringMebibytes })
    return captureTasks(taps, [flowLog({})], config).map(({ ringBytes }) => ringBytes)
  }
  const mebibyte = 2 ** 20
  assert.deepEqual(bytes(64, 1), [64 * mebibyte])
  assert.deepEqual(
    bytes(64, 4),
    Array.from({ length: 4 }, () => 16 * mebibyte),
  )
  assert.deepEqual(bytes(1, 2), [mebibyte, mebibyte], 'a mebibyte each is the least')
  assert.deepEqual(bytes(2048, 1), [2048 * mebibyte])
  assert.deepEqual(bytes(4096, 2), [2048 * mebibyte, 2048 * mebibyte])
})
