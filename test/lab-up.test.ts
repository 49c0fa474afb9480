/** `weir lab up`, `traffic` and `down`: what is there, what leads where, what is counted, what is left. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { waysOut } from '../src/lab/isolation.ts'
import type { TrafficReport } from '../src/lab/lab.ts'
import { labMissing, namespacesLike } from './lab-missing.ts'
import { temporaryFolder } from './logstore-rows.ts'
import { weir, WeirProcess, weirSays } from './weir-process.ts'

const skip = labMissing()
const name = `u${process.pid}`
const prefix = `weir-lab-${name}-`

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' })
const inside = (namespace: string, ...command: string[]): string =>
  ip('netns', 'exec', `${prefix}${namespace}`, ...command)

const up = (dir: string): Promise<string> => weirSays(['lab', 'up', '--dir', dir, '--name', name])
const down = (dir: string) => weir(['lab', 'down', '--dir', dir])

async function labIn(dir: string): Promise<AsyncDisposable> {
  await up(dir)
  return {
    async [Symbol.asyncDispose]() {
      await down(dir)
      assert.deepEqual(namespacesLike(prefix), [])
    },
  }
}

/** Received and sent frames of the ENI of a machine. */
function framesOf(machine: string): { rx: number; tx: number } {
  const [link] = JSON.parse(ip('-j', '-s', '-n', `${prefix}${machine}`, 'link', 'show', 'eth0'))
  return { rx: link.stats64.rx.packets, tx: link.stats64.tx.packets }
}

/** What the firewall of a machine rejected. */
function rejectedAt(machine: string, way: 'in' | 'out' = 'in'): { packets: number; bytes: number } {
  const rules = inside(machine, 'nft', 'list', 'ruleset')
  const counter = new RegExp(`counter packets (\\d+) bytes (\\d+) log prefix "R:${way}"`)
  const [, packets, bytes] = counter.exec(rules)!
  return { packets: Number(packets), bytes: Number(bytes) }
}

suite('a lab', { skip }, () => {
  test('is built, told about, closed, and gone', async (t) => {
    const dir = join(temporaryFolder(t), 'lab')
    const linksBefore = ip('-o', 'link')
    {
      await using _lab = await labIn(dir)
      const state = JSON.parse(readFileSync(join(dir, 'lab.state.json'), 'utf8'))
      assert.deepEqual(state.namespaces.toSorted(), namespacesLike(prefix))
      assert.equal(state.namespaces.length, 18)
      assert.equal(ip('-o', 'link'), linksBefore, 'no interface in the namespace of the host')
      assert.deepEqual(waysOut(state.namespaces, [`${prefix}internet`, `${prefix}site`]), [])
      const topology = join(dir, 'lab.topology.yaml')
      const checked = await weirSays(['start', '--topology', topology, '--check'])
      assert.equal(checked, 'The configuration is good.\n')

      const again = await weir(['lab', 'up', '--dir', dir, '--name', name])
      assert.equal(again.status, 2)
      assert.equal(
        again.stderr,
        `weir: LabState: a lab is up already, since ${state.madeAt} (${join(dir, 'lab.state.json')}). ` +
          `Take it down with: weir lab down --dir ${dir}\n`,
      )
      const beside = await weir(['lab', 'up', '--dir', `${dir}2`, '--name', name])
      assert.equal(
        beside.stderr,
        `weir: LabState: another lab is up: 18 of its namespaces are there, ${prefix}vpc-web first. ` +
          'Take it down from the folder it was made in, or name this one: --name NAME\n',
      )
      assert.equal(existsSync(`${dir}2`), false)
    }
    assert.equal(existsSync(dir), false)
    const repeated = await down(dir)
    assert.deepEqual(
      [repeated.status, repeated.stderr],
      [0, `No lab is up from ${dir}: there is nothing to remove.\n`],
    )
  })

  test('a way out is found', async (t) => {
    await using _lab = await labIn(join(temporaryFolder(t), 'lab'))
    const foreign = `weir-test-${process.pid}-out`
    const all = namespacesLike(prefix)
    ip('netns', 'add', foreign)
    try {
      const wire = ['link', 'add', 'out', 'type', 'veth', 'peer', 'name', 'in', 'netns', foreign]
      ip('-n', `${prefix}internet`, ...wire)
      ip('-n', `${prefix}internet`, 'link', 'set', 'out', 'up')
      ip('-n', foreign, 'link', 'set', 'in', 'up')
      ip('-n', `${prefix}internet`, 'route', 'add', 'default', 'dev', 'out')
      assert.deepEqual(waysOut(all, [`${prefix}internet`]), [
        `out of ${prefix}internet leads out of the lab, to ${foreign}`,
        `${prefix}internet has a default route, by out`,
      ])
    } finally {
      ip('netns', 'del', foreign)
    }
  })

  test('what cannot be built is taken down again', async (t) => {
    const dir = join(temporaryFolder(t), 'lab')
    const failed = await weir(['lab', 'up', '--dir', dir, '--name', 'a-b'])
    assert.equal(failed.status, 2)
    assert.equal(
      failed.stderr,
      'weir: Usage: --name a-b: a name is up to 16 small letters and digits\n',
    )
    // The tool that makes firewalls fails: by then all namespaces are there.
    const tools = join(temporaryFolder(t), 'tools')
    execFileSync('mkdir', [tools])
    writeFileSync(join(tools, 'nft'), '#!/bin/sh\necho no such table >&2; exit 1\n', {
      mode: 0o755,
    })
    const path = `PATH=${tools}:${process.env['PATH']}`
    const broken = await weir(['lab', 'up', '--dir', dir, '--name', name], {
      through: ['env', path],
    })
    assert.equal(broken.status, 1)
    assert.equal(
      broken.stderr,
      `weir: LabFailed: ip netns exec ${prefix}vpc-web nft -f -: no such table\n`,
    )
    assert.deepEqual([namespacesLike(prefix), existsSync(dir)], [[], false])
  })

  test('a state file that names others is not obeyed', async (t) => {
    const dir = temporaryFolder(t)
    const path = join(dir, 'lab.state.json')
    const state = { version: 1, prefix: 'weir-lab-', madeAt: '', madeFolder: true }
    for (const namespaces of [['web1'], ['weir-lab-../x'], 'weir-lab-web1']) {
      writeFileSync(path, JSON.stringify({ ...state, namespaces }))
      const refused = await down(dir)
      assert.equal(refused.status, 2)
      assert.match(refused.stderr, /^weir: LabState: this is not the state file of a lab/)
      assert.deepEqual(readdirSync(dir), ['lab.state.json'])
    }
  })

  test('is not taken down under a process that runs in it', async (t) => {
    const dir = join(temporaryFolder(t), 'lab')
    await using _lab = await labIn(dir)
    const child = spawn('ip', ['netns', 'exec', `${prefix}ecs1`, 'cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const closed = once(child, 'close')
    child.stdin.write('x')
    await once(child.stdout, 'data')
    const refused = await down(dir)
    assert.equal(refused.status, 2)
    assert.equal(
      refused.stderr,
      `weir: LabState: processes run in the lab: ${prefix}ecs1 (${child.pid}). ` +
        'End them first (Ctrl-C ends weir lab traffic), then take the lab down\n',
    )
    assert.equal(namespacesLike(prefix).length, 18)
    child.stdin.end()
    await closed
  })

  test('counts what it sends as the kernel does, at both ends', async (t) => {
    const folder = temporaryFolder(t)
    const dir = join(folder, 'lab')
    await using _lab = await labIn(dir)
    const machines = ['ngw1', 'app1', 'app2', 'web1', 'ecs3'] as const
    const before = new Map(machines.map((each) => [each, framesOf(each)]))
    const file = join(folder, 'sent.json')
    const scenarios = ['web', 'nat', 'express', 'peering']
    const options = ['--seconds', '5', '--rate-scale', '2', '--report', file]
    await weirSays(['lab', 'traffic', ...scenarios, '--dir', dir, ...options])
    const { flows, connections, listeners, synsSentAgain } = JSON.parse(
      readFileSync(file, 'utf8'),
    ) as TrafficReport

    const sum = (wanted: typeof flows, key: 'packets' | 'bytes' | 'answers'): number =>
      wanted.reduce((total, each) => total + each[key], 0)
    const nat = flows.filter(({ scenario }) => scenario === 'nat')
    assert.equal(sum(nat, 'packets'), 30 + 20 + 10 + 10 + 10 + 2)
    assert.equal(sum(nat, 'answers'), sum(nat, 'packets'))
    // A NAT gateway with one ENI sees every packet twice, once with the instance's address, once with its own.
    const passed = sum(nat, 'packets') + sum(nat, 'answers')
    const frames = (machine: (typeof machines)[number], way: 'rx' | 'tx'): number =>
      framesOf(machine)[way] - before.get(machine)![way]
    assert.deepEqual([frames('ngw1', 'rx'), frames('ngw1', 'tx')], [passed, passed])
    const app2 = flows.filter(({ srcaddr }) => /^192\.168\.10\.|^2001:db8:52:/.test(srcaddr))
    assert.deepEqual(
      [frames('app2', 'tx'), frames('app2', 'rx')],
      [sum(app2, 'packets'), sum(app2, 'answers')],
    )
    for (const { protocol, address, port, received } of listeners)
      if (protocol === 'udp')
        assert.equal(
          received,
          sum(
            flows.filter((flow) => flow.dstaddr === address && flow.dstport === port),
            'packets',
          ),
        )

    const again = synsSentAgain['internet']!
    const knocks = connections.filter(({ answered }) => answered === 0)
    const fromWeb1 = knocks.filter(({ srcaddr }) => srcaddr === '10.0.0.1')
    const atWeb1 = knocks.filter((each) => each.scenario === 'web' && !fromWeb1.includes(each))
    const tries = (of: typeof knocks): number =>
      of.reduce((total, { attempts }) => total + attempts, 0)
    const echoes = sum(
      flows.filter(({ dstaddr, protocol }) => dstaddr === '47.96.0.1' && protocol === 'icmp'),
      'packets',
    )
    const overIpv6 = tries(atWeb1.filter(({ srcaddr }) => srcaddr.includes(':')))
    const wanted = tries(atWeb1) + echoes
    const rejected = rejectedAt('web1')
    assert.ok(rejected.packets >= wanted && rejected.packets <= wanted + again)
    if (again === 0) assert.equal(rejected.bytes, tries(atWeb1) * 60 + overIpv6 * 20 + echoes * 84)
    assert.equal(rejectedAt('web1', 'out').packets, 2 + synsSentAgain['web1']!)
    assert.equal(rejectedAt('ecs3').packets, 2 + synsSentAgain['far2']!)
  })

  test('stops sending when told to, and nothing is left running', async (t) => {
    const folder = temporaryFolder(t)
    const dir = join(folder, 'lab')
    await using _lab = await labIn(dir)
    const file = join(folder, 'sent.json')
    const sending = ['lab', 'traffic', 'ecs', '--dir', dir, '--seconds', '600']
    await using traffic = new WeirProcess([...sending, '--report', file])
    const pids = (): string => ip('netns', 'pids', `${prefix}ecs1`)
    while (framesOf('ecs2').rx < 20) await sleep(50)
    const { status, stdout } = await traffic.end('SIGINT')
    assert.equal(status, 130)
    assert.match(stdout, /, 600 s, cut short\.\n$/)
    const report = JSON.parse(readFileSync(file, 'utf8')) as TrafficReport
    assert.equal(report.complete, false)
    const [first] = report.flows
    assert.ok(first!.packets > 0 && first!.packets < 125 * 600, `${first!.packets} packets`)
    assert.equal(pids(), '')
  })
})

test('without a lab there is nothing to send through', { skip }, async (t) => {
  const dir = join(temporaryFolder(t), 'lab')
  const { status, stderr } = await weir(['lab', 'traffic', '--dir', dir])
  assert.equal(status, 2)
  assert.match(stderr, /weir: LabState: no lab is up \(.*\)\. Build it with: weir lab up\n$/)
  const wrong = await weir(['lab', 'traffic', 'wbe', '--dir', dir])
  assert.equal(
    wrong.stderr,
    'weir: Usage: there is no scenario wbe. Did you mean web? There are: web, ecs, peering, nat, express\n',
  )
})
