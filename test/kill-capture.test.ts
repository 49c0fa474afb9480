/**
 * kill -9 of whoever captures, under traffic: "every window closed into the spool arrives exactly once. What the
 * agent had only in memory, and what passed while it was away, is lost and must be said": packets sent = packets in
 * records + frames counted as lost, every time.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import { difference, type Ledger, type Loss } from '../src/ledger/ledger.ts'
import { SteadySender } from './live-traffic.ts'
import { temporaryFolder } from './logstore-rows.ts'
import { NamespacePair, noNamespaces } from './network-namespaces.ts'
import { sideBySide } from './side-by-side.ts'
import { WeirProcess, WeirServer, weirSays } from './weir-process.ts'

const test = sideBySide()

const skip = noNamespaces()
const kills = process.env['WEIR_LONG'] === '1' ? 30 : 1
const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
/** Between two kills: long enough to start, short enough for many. */
const aliveMilliseconds = { least: 1500, more: process.env['WEIR_LONG'] === '1' ? 9000 : 2500 }

/** Numbers from 0 to 1 that the seed alone decides (a linear congruence, its high bits). */
function randomFrom(state: number): () => number {
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return (state >>> 8) / 2 ** 24
  }
}

interface Setup {
  readonly data: string
  readonly agentData: string
  readonly config: string
}

/** @param agent the tap's agent; without one it is the server's own */
function prepare(t: TestContext, pair: NamespacePair, agent?: string): Setup {
  const folder = temporaryFolder(t)
  const topology = join(folder, 'vpc.yaml')
  writeFileSync(
    topology,
    `vpcs: [{ id: vpc-1, cidrs: [10.99.0.0/16] }]
vSwitches: [{ id: vsw-1, vpc: vpc-1, cidrs: [10.99.0.0/24] }]
enis: [{ id: eni-1, vSwitch: vsw-1, privateIps: [10.99.0.1], tap: { interface: eth0, netns: ${pair.guest}${agent === undefined ? '' : `, agent: ${agent}`} } }]
`,
  )
  const config = join(folder, 'weir.yaml')
  writeFileSync(
    config,
    `sample: false\ntopology: vpc.yaml\ncapture: { enabled: ${agent === undefined} }\n`,
  )
  return { data: join(folder, 'data'), agentData: join(folder, 'agent'), config }
}

const order = (server: string): Promise<string> =>
  weirSays(
    `flow-log create --server ${server} --vpc vpc-1 --window 60 --project weir --logstore flow-log`.split(
      ' ',
    ),
  )

interface Account {
  readonly ledgers: readonly Ledger[]
  readonly losses: readonly Loss[]
}

type Totals = { readonly status: string; readonly records: string; readonly packets: string }

/** What is stored and what is said to be lost must be what was sent. */
async function assertConserved(data: string, sent: number): Promise<void> {
  const account = JSON.parse(await weirSays(['check', '--data', data, '--json'])) as Account
  assert.equal(account.ledgers.length, 1, 'one account over all restarts')
  const ledger = account.ledgers[0]!
  const lost = ledger.lost.restart?.frames ?? 0
  assert.equal(ledger.interface.exact, true)
  assert.equal(difference(ledger), 0)
  assert.equal(ledger.interface.frames, sent)
  assert.equal(ledger.records.packets + lost, sent, `${ledger.records.packets} kept, ${lost} lost`)
  const sql = `* | SELECT "log-status" AS status, count(*) AS records, sum(packets) AS packets
    GROUP BY "log-status" ORDER BY status`
  const asked = ['query', '--data', data, '--project', 'weir', '--logstore', 'flow-log', sql]
  const totals = JSON.parse(await weirSays([...asked, '--json'])) as Totals[]
  const ok = totals.find(({ status }) => status === 'OK')
  assert.equal(Number(ok?.packets ?? 0), ledger.records.packets, 'what is stored is what is told')
  if (lost === 0) return
  const skipped = `log-status:SKIPDATA | SELECT DISTINCT start AS start ORDER BY start`
  const query = ['query', '--data', data, '--project', 'weir', '--logstore', 'flow-log', skipped]
  const starts = (JSON.parse(await weirSays([...query, '--json'])) as { start: string }[]).map(
    ({ start }) => Number(start),
  )
  for (const { reason, from, to, frames } of account.losses)
    if (reason === 'restart' && frames! > 0)
      for (let window = from - (from % 60); window <= to; window += 60)
        assert.ok(
          starts.includes(window),
          `${window} of ${from} to ${to} says SKIPDATA: ${starts.join()}`,
        )
}

test('kill -9 of an agent under traffic', { skip }, async (t) => {
  t.diagnostic(`seed ${seed}, ${kills} kills`)
  const random = randomFrom(seed)
  using pair = new NamespacePair({ ipv6: false })
  const { data, agentData, config } = prepare(t, pair, 'a')
  await using server = await WeirServer.start(['--config', config, '--data', data, '--port', '0'])
  await order(server.url)
  const agent = ['agent', '--server', server.url, '--name', 'a', '--data', agentData]
  const start = async (): Promise<WeirProcess> => {
    const process = new WeirProcess(agent)
    await process.until('stdout', /^Captured: /m)
    return process
  }
  let running = await start()
  try {
    await using sender = new SteadySender(pair.guest, '10.99.0.9')
    for (let kill = 0; kill < kills; kill++) {
      await sleep(aliveMilliseconds.least + random() * aliveMilliseconds.more)
      await running.end('SIGKILL')
      running = await start()
    }
    await sleep(aliveMilliseconds.least)
    const sent = await sender.stop()
    await sleep(2500) // a quiet second of the interface settles the last gap
    assert.equal((await running.end('SIGTERM')).status, 0)
    await server.stop()
    await assertConserved(data, sent)
  } finally {
    await running[Symbol.asyncDispose]()
  }
})

test('kill -9 of the server while an agent captures: nothing is lost', { skip }, async (t) => {
  t.diagnostic(`seed ${seed}, ${kills} kills`)
  const random = randomFrom(seed + 1)
  using pair = new NamespacePair({ ipv6: false })
  const { data, agentData, config } = prepare(t, pair, 'a')
  const args = ['--config', config, '--data', data, '--port']
  let server = await WeirServer.start([...args, '0'])
  const port = new URL(server.url).port
  await order(server.url)
  const agent = ['agent', '--server', server.url, '--name', 'a', '--data', agentData]
  await using running = new WeirProcess(agent)
  try {
    await running.until('stdout', /^Captured: /m)
    await using sender = new SteadySender(pair.guest, '10.99.0.9')
    for (let kill = 0; kill < kills; kill++) {
      await sleep(aliveMilliseconds.least + random() * aliveMilliseconds.more)
      await server.end('SIGKILL')
      await sleep(random() * 2000)
      server = await WeirServer.start([...args, port])
    }
    const sent = await sender.stop()
    await sleep(2500)
    assert.equal((await running.end('SIGTERM')).status, 0)
    await server.stop()
    await assertConserved(data, sent)
    const account = JSON.parse(await weirSays(['check', '--data', data, '--json'])) as Account
    assert.deepEqual(account.ledgers[0]!.lost, {})
  } finally {
    await server[Symbol.asyncDispose]()
  }
})

test('kill -9 of a server that captures itself', { skip }, async (t) => {
  t.diagnostic(`seed ${seed}, ${kills} kills`)
  const random = randomFrom(seed + 2)
  using pair = new NamespacePair({ ipv6: false })
  const { data, config } = prepare(t, pair)
  const args = ['--config', config, '--data', data, '--port', '0']
  let server = await WeirServer.start(args)
  try {
    await using sender = new SteadySender(pair.guest, '10.99.0.9')
    for (let kill = 0; kill < kills; kill++) {
      await sleep(aliveMilliseconds.least + random() * aliveMilliseconds.more)
      await server.end('SIGKILL')
      server = await WeirServer.start(args)
    }
    const sent = await sender.stop()
    await sleep(2500)
    await server.stop()
    await assertConserved(data, sent)
  } finally {
    await server[Symbol.asyncDispose]()
  }
})
