/** A connected agent captures when its order is answered: not a packet of after is missed. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { agentsOfServer, createFlowLog, switchFlowLog } from '../src/api/client.ts'
import { packetsBy, sendUdp, storedRecords } from './live-traffic.ts'
import { NamespacePair, noNamespaces } from './network-namespaces.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { WeirProcess, WeirServer } from './weir-process.ts'

const skip = noNamespaces()
/** After which an order is answered anyhow. */
const boundMilliseconds = 5000
const into = { project: 'weir', logstore: 'flow-log', windowSeconds: 60 } as const

test('"Activating" ends when an agent captures', { skip }, async (t) => {
  using pair = new NamespacePair({ ipv6: false })
  const folder = temporaryFolder(t)
  const [config, data] = [join(folder, 'weir.yaml'), join(folder, 'data')]
  const tap = `{ interface: eth0, netns: ${pair.guest}, agent: a }`
  writeFileSync(
    join(folder, 'vpc.yaml'),
    `vpcs: [{ id: vpc-1, cidrs: [10.99.0.0/16] }]
vSwitches: [{ id: vsw-1, vpc: vpc-1, cidrs: [10.99.0.0/24] }]
enis: [{ id: eni-1, vSwitch: vsw-1, privateIps: [10.99.0.1], tap: ${tap} }]
`,
  )
  writeFileSync(config, 'sample: false\ntopology: vpc.yaml\ncapture: { enabled: false }\n')
  await using server = await WeirServer.start(['--config', config, '--data', data, '--port', '0'])
  const { url } = server
  // One that is stopped: none is made by itself then, and the agent has nothing open. This minute is due to it too.
  const vpc = { resourceType: 'VPC', resourceId: 'vpc-1', logstore: 'other' } as const
  const stopped = await createFlowLog(url, { ...into, ...vpc, createMissing: true })
  await switchFlowLog(url, stopped.id, 'stop')
  const its = ['--name', 'a', '--data', join(folder, 'agent')]
  await using agent = new WeirProcess(['agent', '--server', url, ...its])
  while ((await agentsOfServer(url))[0]?.taps[0]?.state !== 'not ordered') await sleep(50)

  const eni = { resourceType: 'NetworkInterface', resourceId: 'eni-1' } as const
  const asked = performance.now()
  assert.equal((await createFlowLog(url, { ...into, ...eni })).status, 'Active')
  if (performance.now() - asked >= boundMilliseconds)
    return t.skip('the agent took so long to begin that the answer did not wait for it')
  pair.node(pair.guest, sendUdp({ to: '10.99.0.9', port: 7000, count: 20, payload: 32 }))
  assert.equal((await agent.end('SIGTERM')).status, 0)
  await server.stop()
  const packets = packetsBy(await storedRecords(data), (each) => each['dstaddr']!)
  assert.deepEqual(packets, { '10.99.0.9': 20 })
})
