import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DatabaseSync } from 'node:sqlite'
import { unixSeconds } from '../base/time.ts'
import { explainKept } from '../programs/explain-kept.ts'
import { TopologyVersions } from '../vpc/vpc.ts'
import { startServer } from '../../test/api-server.ts'
import { explainAtServer } from './client.ts'

const topology = (port: number): string => `vpcs: [ { id: v, cidrs: [10.0.0.0/16] } ]
vSwitches: [ { id: s, vpc: v, cidrs: [10.0.0.0/24] } ]
enis: [ { id: e, vSwitch: s, privateIps: [10.0.0.1], securityGroups: [g] } ]
securityGroups:
  - id: g
    rules: [ { direction: ingress, policy: accept, protocol: tcp, ports: ${port}/${port} } ]
`
const asked = { source: '1.2.3.4', destination: '10.0.0.1', protocol: 'tcp', destinationPort: 8443 }

/** A server whose topology let in port 443 from second 100 on, and port 8443 from 200 on. */
async function server(t: Parameters<typeof startServer>[0]) {
  const versions = new TopologyVersions(new DatabaseSync(':memory:'))
  versions.add(topology(443), 'v.yaml', unixSeconds(100))
  versions.add(topology(8443), 'v.yaml', unixSeconds(200))
  return await startServer(t, { explain: (request) => explainKept(versions, request) })
}

test('a packet is explained "with the rules that were in force"', async (t) => {
  const { url } = await server(t)
  const now = await explainAtServer(url, asked)
  assert.deepEqual(now.topology, { file: 'v.yaml', version: 2, since: 200 })
  assert.equal(now.enis[0]!.action, 'ACCEPT')
  assert.deepEqual(now.enis[0]!.checks[1]!.rule, {
    id: 'g',
    entry: 1,
    place: 'v.yaml:6:14',
    text: 'accept tcp port 8443 from anyone, priority 1',
    version: 2,
  })
  const then = await explainAtServer(url, { ...asked, at: 199 })
  assert.deepEqual(then.topology, { file: 'v.yaml', version: 1, since: 100, until: 200 })
  assert.equal(then.enis[0]!.action, 'REJECT')
  assert.deepEqual(then.enis[0]!.checks[1]!.nearest?.missed, ['port 8443, rule allows 443'])
  const before = await explainAtServer(url, { ...asked, at: 99 })
  assert.equal(before.topology.version, 1)
  assert.equal(
    before.notes[0],
    'No topology is known from before: this is what the first version says.',
  )
})

test('what is wrong with a question is said, as with every route', async (t) => {
  const { url } = await server(t)
  const refused = async (change: object, message: string, hint?: string): Promise<void> =>
    await assert.rejects(explainAtServer(url, { ...asked, ...change }), {
      code: 'ParameterInvalid',
      message,
      hint,
    })
  await refused({ eny: 'e' }, 'unknown key "eny"', 'Did you mean "eni"?')
  await refused({ eni: 'x' }, 'there is no ENI "x" in v.yaml')
  await refused({ destinationPort: '80' }, '"destinationPort" must be integer')
  await refused({ direction: 'sideways' }, '"direction" must be equal to one of the allowed values')
  await refused({ source: 'x' }, '"source" is "x", which is no IP address')
})

test('without a topology there is nothing to explain by', async (t) => {
  const versions = new TopologyVersions(new DatabaseSync(':memory:'))
  const { url } = await startServer(t, { explain: (request) => explainKept(versions, request) })
  await assert.rejects(explainAtServer(url, asked), {
    code: 'NotFound',
    message: 'no topology has been in force here',
    hint: 'Without one every packet is ACCEPT. Give one to the server: weir start --topology FILE',
  })
})
