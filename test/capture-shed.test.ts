/** `weir agent` above its CPU budget: what it does not tell it counts. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AgentEntry } from '../src/api/contract.ts'
import { accountOf, packetsBy, SteadySender, storedRecords } from './live-traffic.ts'
import { temporaryFolder } from './logstore-rows.ts'
import { NamespacePair, noNamespaces } from './network-namespaces.ts'
import { weir, WeirProcess, WeirServer, weirSays } from './weir-process.ts'

const skip = noNamespaces()

const eni = (number: number, pair: NamespacePair): string =>
  `  - { id: eni-${number}, vSwitch: vsw-1, privateIps: [10.98.0.${number}], ` +
  `tap: { interface: eth0, netns: ${pair.guest}, agent: a } }\n`

const topologyOf = (...pairs: readonly NamespacePair[]): string => `vpcs:
  - { id: vpc-1, cidrs: [10.98.0.0/15] }
vSwitches: [{ id: vsw-1, vpc: vpc-1, cidrs: [10.98.0.0/15] }]
enis:
${pairs.map((pair, i) => eni(i + 1, pair)).join('')}`

const listed = async (url: string): Promise<AgentEntry[]> =>
  JSON.parse(await weirSays(['agent', 'list', '--server', url, '--json'])) as AgentEntry[]

test(
  'above its CPU budget an agent sheds ENIs, the last first, to the frame',
  { skip },
  async (t) => {
    using one = new NamespacePair({ ipv6: false })
    using two = new NamespacePair({ ipv6: false })
    const folder = temporaryFolder(t)
    const [config, data] = [join(folder, 'weir.yaml'), join(folder, 'data')]
    writeFileSync(join(folder, 'vpc.yaml'), topologyOf(one, two))
    writeFileSync(config, 'sample: false\ntopology: vpc.yaml\ncapture: { enabled: false }\n')
    await using server = await WeirServer.start(['--config', config, '--data', data, '--port', '0'])
    const { url } = server
    const order = `flow-log create --server ${url} --vpc vpc-1 --window 60 --project weir --logstore flow-log`
    await weirSays(order.split(' '))
    // No program runs on so little: which ENIs are shed does not hang on the machine.
    const budget = ['--cpu-budget', '0.01%', '--name', 'a', '--data', join(folder, 'agent')]
    await using agent = new WeirProcess(['agent', '--server', url, ...budget])
    await agent.until('stdout', /^Captured: /m)
    await using first = new SteadySender(one.guest, '10.99.0.9', 5)
    await using second = new SteadySender(two.guest, '10.99.0.9', 3)
    const shed = / warn an ENI is shed for the CPU budget eni=(\S+) budget="0\.01 %"/
    await agent.until('stderr', new RegExp(`${shed.source}[^]*${shed.source}`))
    const inOrder = [...agent.said('stderr').matchAll(new RegExp(shed, 'g'))].map(([, id]) => id)
    assert.deepEqual(inOrder, ['eni-2', 'eni-1'])
    let entry: AgentEntry | undefined
    while (entry?.taps.some(({ state }) => state !== 'shed') !== false) [entry] = await listed(url)
    assert.deepEqual(
      [entry.name, entry.cpuBudget, entry.problems, entry.taps.map(({ tap }) => tap)],
      ['a', 0.0001, [], [`${one.guest}/eth0`, `${two.guest}/eth0`]],
    )
    const text = await weir(['agent', 'list', '--server', url])
    assert.match(text.stdout, /^ a +\S+ +(127\.0\.0\.1|::1) +\d+ s ago +0 of 2 +\d+ +\d+\.\d % *$/m)
    assert.equal(
      text.stderr,
      `a: ${one.guest}/eth0 (eni-1) shed\na: ${two.guest}/eth0 (eni-2) shed\n`,
    )
    const sent = { 'eni-1': await first.stop(), 'eni-2': await second.stop() }
    assert.equal((await agent.end('SIGTERM')).status, 0)
    await server.stop()
    const { ledgers, losses, problems } = await accountOf(data)
    assert.deepEqual([problems, ledgers.map(({ eni }) => eni)], [[], ['eni-1', 'eni-2']])
    const records = await storedRecords(data)
    const stored = packetsBy(records, (each) => each['eni-id']!)
    for (const { eni, interface: counted, records: kept, lost, difference } of ledgers) {
      const all = sent[eni as keyof typeof sent]
      assert.deepEqual([difference, counted.exact, counted.frames], [0, true, all])
      assert.deepEqual(Object.keys(lost), ['shed'])
      assert.ok(lost.shed!.frames > 0)
      assert.deepEqual([kept.packets, all - lost.shed!.frames], [stored[eni], stored[eni]])
      const own = losses.filter((each) => each.eni === eni)
      assert.deepEqual(
        own.map(({ reason, frames, bytes }) => [reason, frames, bytes]),
        [['shed', lost.shed!.frames, lost.shed!.bytes]],
      )
      const skipped = records
        .filter((each) => each['eni-id'] === eni && each['log-status'] === 'SKIPDATA')
        .map((each) => Number(each['start']))
      for (let start = own[0]!.from - (own[0]!.from % 60); start < own[0]!.to; start += 60)
        assert.ok(skipped.includes(start), `${start} says SKIPDATA: ${skipped.join()}`)
    }
  },
)
