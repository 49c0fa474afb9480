/** `weir explain` as it is run: by a file, by a data directory with and without a server, and by a server. */
import { sideBySide } from './side-by-side.ts'
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import type { Explanation } from '../src/api/contract.ts'
import { weir, weirSays, WeirServer } from './weir-process.ts'

const test = sideBySide()

const rules = (port: number): string => `vpcs: [ { id: v, cidrs: [10.0.0.0/16], routeTable: r } ]
vSwitches: [ { id: s, vpc: v, cidrs: [10.0.0.0/24], networkAcl: n } ]
enis: [ { id: eni-web1, vSwitch: s, privateIps: [10.0.0.1], securityGroups: [g] } ]
securityGroups:
  - id: g
    rules:
      - { direction: ingress, policy: accept, protocol: tcp, ports: ${port}/${port}, peer: 120.26.0.0/16 }
networkAcls:
  - { id: n, ingress: [ { policy: accept, peer: 1.0.0.0/8 } ], egress: [ { policy: accept } ] }
routeTables: [ { id: r, entries: [ { destination: 0.0.0.0/0, nextHop: igw } ] } ]
gateways: [ { id: igw, type: ipv4Gateway } ]
`

let folder: string
let file: string
let data: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-explain-'))
  file = join(folder, 'v.yaml')
  data = join(folder, 'data')
  writeFileSync(file, rules(443))
})
after(() => rmSync(folder, { recursive: true }))

const packet = '--source 1.2.3.4 --source-port 1234 --destination 10.0.0.1 --destination-port 8443'
const explain = (...more: string[]): string[] => ['explain', ...packet.split(' '), ...more]

test('by a topology file, as a person reads it', async () => {
  const said = await weirSays(
    explain('--topology', file, '--eni', 'eni-web1', '--direction', 'in', '--tcp-flags', '2'),
  )
  assert.equal(
    said,
    `1.2.3.4:1234 > 10.0.0.1:8443 tcp

eni-web1 in: REJECT
  network ACL      accept  entry 1 of n decides: accept all from 1.0.0.0/8
                           ${file}:9:25
  security groups  drop    no rule matches: default ingress drop
                           nearest is rule 1 of g: accept tcp port 443 from 120.26.0.0/16, priority 1 (${file}:7:9)
                             port 8443, rule allows 443
                             source 1.2.3.4, rule allows 120.26.0.0/16
  traffic path     13      ipv4Gateway: entry 1 of r leads 0.0.0.0/0 to ipv4Gateway igw
                           ${file}:10:36

This is the verdict on the first packet of a connection. Of an accepted one, security groups let replies and later packets pass until 910 s after the last; network ACLs judge every packet.

topology ${file}
`,
  )
})

test('by a server, by its data directory beside it, and by that alone: the versions it had', async () => {
  const config = join(folder, 'weir.yaml')
  writeFileSync(config, 'capture: { enabled: false }\nsample: false\n')
  const start = ['--config', config, '--topology', file, '--data', data, '--port', '0']
  const ask = async (...more: string[]): Promise<Explanation> =>
    JSON.parse(await weirSays(explain('--json', ...more))) as Explanation
  const first = await WeirServer.start(start)
  const asked = await ask('--server', first.url)
  assert.equal(asked.topology.version, 1)
  assert.equal(asked.enis[0]!.action, 'REJECT')
  assert.deepEqual(await ask('--data', data), asked)
  await first.stop()
  assert.deepEqual(await ask('--data', data), asked)

  writeFileSync(file, rules(8443))
  const second = await WeirServer.start(start)
  const changed = await ask('--server', second.url)
  await versionsOf(second.url)
  await second.stop()
  assert.equal(changed.topology.version, 2)
  assert.deepEqual(changed.enis[0]!.checks[1]!.nearest?.missed, [
    'source 1.2.3.4, rule allows 120.26.0.0/16',
  ])
  assert.deepEqual(await ask('--data', data), changed)
  const then = await ask('--data', data, '--at', String(asked.topology.since))
  const until = changed.topology.since
  if (until > asked.topology.since)
    assert.deepEqual(then, { ...asked, topology: { ...asked.topology, until } })
  const early = await ask('--data', data, '--at', '-7d')
  assert.equal(early.topology.version, 1)
  const said = await weirSays(explain('--data', data))
  const since = new Date(until * 1000).toISOString().replace('.000Z', 'Z')
  assert.ok(said.endsWith(`\ntopology ${file}, version 2, in force from ${since}\n`), said)
})

/** "Every change of a flow log or of the topology is kept with who and when, and can be listed." */
async function versionsOf(server: string): Promise<void> {
  const asked = ['--server', server] as const
  const list = JSON.parse(await weirSays(['topology', 'history', '--json', ...asked])) as {
    readonly since: number
  }[]
  const by = userInfo().username
  assert.deepEqual(
    list.map(({ since, ...version }) => ({ ...version, isTime: since > 1.7e9 })),
    [443, 8443].map((port, index) => ({
      number: index + 1,
      file,
      sha256: createHash('sha256').update(rules(port)).digest('hex'),
      by,
      isTime: true,
    })),
  )
  const table = await weirSays(['topology', 'history', ...asked])
  assert.match(table, /^ version +in force since +by +file +sha256/m)
  assert.match(table, new RegExp(`^ 2 +\\d{4}-\\d\\d-\\d\\dT\\S+Z +${by} +\\S+v.yaml`, 'm'))
  assert.equal(await weirSays(['topology', 'show', '1', ...asked]), rules(443))
  assert.equal(await weirSays(['topology', 'show', ...asked]), rules(8443))
  const difference = await weirSays(['topology', 'diff', ...asked])
  assert.match(difference, new RegExp(`^--- 1, \\S+Z, by ${by}, ${file}$`, 'm'))
  assert.match(difference, new RegExp(`^\\+\\+\\+ 2, \\S+Z, by ${by}, ${file}$`, 'm'))
  const [, , place, gone, fresh] = difference.split('\n')
  assert.equal(place, 'securityGroups g rules')
  assert.match(gone!, /^- \{.*"ports":"443\/443".*\}$/)
  assert.match(fresh!, /^\+ \{.*"ports":"8443\/8443".*\}$/)
  const missing = await weir(['topology', 'show', '3', ...asked])
  assert.match(missing.stderr, /^weir: NotFound: there is no version 3 of the topology/)
  const wrong = await weir(['topology', 'show', 'x', ...asked])
  assert.deepEqual([wrong.status, wrong.stderr], [2, 'weir: Usage: x is no number of a version\n'])
}

test('wrong use is said', async () => {
  const refused = async (args: string[], stderr: string, status = 2): Promise<void> => {
    const ended = await weir(args)
    assert.deepEqual([ended.status, ended.stderr, ended.stdout], [status, `weir: ${stderr}\n`, ''])
  }
  await refused(
    explain('--topology', file, '--data', data),
    'Usage: one of --topology, --data and --server says whose rules are asked',
  )
  await refused(
    explain('--topology', file, '--at', '5'),
    'Usage: --at is for the versions that --data and --server have. A file is one version',
  )
  await refused(explain('--direction', 'up'), 'Usage: --direction is up, not in or out')
  await refused(explain('--tcp-flags', 'S'), 'Usage: --tcp-flags is S, not a whole number')
  await refused(
    explain('--topology', file, '--eni', 'eni-web2'),
    `ParameterInvalid: there is no ENI "eni-web2" in ${file}. Did you mean "eni-web1"?`,
  )
  const gone = join(folder, 'gone.yaml')
  await refused(
    explain('--topology', gone),
    `FileUnreadable: cannot read the topology file: ENOENT (${gone})`,
  )
  await refused(
    explain('--data', folder),
    `DataDirInvalid: there is no data directory ${folder}. Give the folder that weir start --data has, ./data unless told`,
    4,
  )
})
