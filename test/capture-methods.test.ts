/** Offloaded and plain frames, at rings and counted in the kernel: numbers are the same, and the account adds up. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { openTcx } from '../src/sources/sources.ts'
import { WeirError } from '../src/base/errors.ts'
import { accountOf, metricWhen, packetsBy, sendUdp, storedRecords } from './live-traffic.ts'
import { temporaryFolder } from './logstore-rows.ts'
import { NamespacePair, noNamespaces } from './network-namespaces.ts'
import { sideBySide } from './side-by-side.ts'
import { metricsOf, weirSays, WeirServer } from './weir-process.ts'

const test = sideBySide()

const skip = noNamespaces()

/** Why flows cannot be counted in the kernel here, or false. */
function noTcx(): string | false {
  if (skip !== false) return skip
  try {
    openTcx({ interfaceName: 'lo', side: 'guest', mapEntries: 1 }).close()
    return false
  } catch (error) {
    if (error instanceof WeirError) return `not run: ${error.message}`
    throw error
  }
}

function prepare(t: TestContext, pair: NamespacePair, method: 'ring' | 'tcx') {
  const folder = temporaryFolder(t)
  const config = join(folder, 'weir.yaml')
  const data = join(folder, 'data')
  writeFileSync(
    join(folder, 'vpc.yaml'),
    `vpcs: [{ id: vpc-1, cidrs: [10.99.0.0/16, "fd99::/56"] }]
vSwitches: [{ id: vsw-1, vpc: vpc-1, cidrs: [10.99.0.0/24, "fd99::/64"] }]
enis:
  - { id: eni-1, vSwitch: vsw-1, privateIps: [10.99.0.1, "fd99::1"], tap: { interface: eth0, netns: ${pair.guest} } }
`,
  )
  writeFileSync(config, `sample: false\ntopology: vpc.yaml\ncapture: { method: ${method} }\n`)
  return { data, args: ['--config', config, '--data', data, '--port', '0'] }
}

const transferBytes = 8 * 1024 * 1024
const tcpServer = `
  require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
    socket.resume().on('end', () => socket.end()).on('close', () => process.exit(0))
  }).listen(7000, '10.99.0.2', () => console.log('ready'))`
const tcpClient = `
  const socket = require('node:net').connect({ port: 7000, host: '10.99.0.2', localPort: 6000 })
  socket.end(Buffer.alloc(${transferBytes}))
  socket.resume().on('close', (failed) => process.exit(failed ? 1 : 0))`

/** Packets that the TCP of a namespace says it has sent. */
function tcpSent(pair: NamespacePair, namespace: string): number {
  const read = `console.log(require('fs').readFileSync('/proc/net/snmp', 'utf8'))`
  const [names, values] = pair
    .node(namespace, read)
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '))
  const of = (name: string): number => Number(values![names!.indexOf(name)])
  return of('OutSegs') + of('RetransSegs')
}

/** Sends 8 MiB from the guest to the host. @returns packets out and in, as TCP counts them */
async function transfer(pair: NamespacePair): Promise<{ out: number; in: number }> {
  const program = ['netns', 'exec', pair.host, process.execPath, '-e', tcpServer]
  const listener = spawn('ip', program, { stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000 })
  const closed = once(listener, 'close')
  await once(listener.stdout, 'data')
  pair.node(pair.guest, tcpClient)
  assert.deepEqual(await closed, [0, null])
  return { out: tcpSent(pair, pair.guest), in: tcpSent(pair, pair.host) }
}

const labels = (pair: NamespacePair): string => `{eni="eni-1",interface="${pair.guest}/eth0"}`

for (const method of ['ring', 'tcx'] as const)
  for (const offload of [true, false])
    test(
      `conservation: zero after traffic stops, offload ${offload ? 'on' : 'off'}, ${method}`,
      { skip: method === 'tcx' ? noTcx() : skip },
      async (t) => {
        using pair = new NamespacePair({ ipv6: false })
        if (!offload)
          for (const [namespace, device] of [
            [pair.guest, 'eth0'],
            [pair.host, 'veth0'],
          ] as const)
            pair.ip(namespace, 'link', 'set', device, 'gso_max_segs', '1')
        const { data, args } = prepare(t, pair, method)
        await using server = await WeirServer.start(args)
        assert.doesNotMatch(server.said('stderr'), / warn /)
        const sent = await transfer(pair)
        const all = sent.out + sent.in
        // A kernel that counts itself is asked each ten seconds.
        const frames = `weir_capture_interface_frames_total${labels(pair)}`
        const counted = await metricWhen(server.url, frames, (it) => it > 0)
        await metricWhen(server.url, `weir_capture_ring_frames${labels(pair)}`, (it) => it === 0)
        const metrics = await metricsOf(server.url)
        assert.equal(metrics.get(`weir_capture_unexplained_frames${labels(pair)}`), 0)
        await server.stop()
        const stored = packetsBy(await storedRecords(data), (each) => each['direction']!)
        assert.deepEqual(stored, { in: sent.in, out: sent.out })
        const { ledgers, losses, problems } = await accountOf(data)
        assert.deepEqual([losses, problems, ledgers.length], [[], [], 1])
        const { records, interface: kernel, difference } = ledgers[0]!
        assert.deepEqual([difference, kernel.exact], [0, true])
        assert.equal(records.packets, all)
        assert.equal(records.frames, kernel.frames)
        assert.ok(counted <= kernel.frames)
        t.diagnostic(`${kernel.frames} frames, ${all} packets`)
        if (offload) assert.ok(records.frames < all / 4, `${records.frames} of ${all}`)
        else assert.equal(records.frames, all)
        const printed = await weirSays(['check', '--data', data])
        assert.match(printed, /^ {4}difference +0$/m)
        assert.match(printed, /\nAll is well\.\n$/)
      },
    )

for (const method of ['ring', 'tcx'] as const)
  test(
    `UDP over IPv4 and IPv6 is counted to the packet and byte: ${method}`,
    { skip: method === 'tcx' ? noTcx() : skip },
    async (t) => {
      using pair = new NamespacePair()
      const { data, args } = prepare(t, pair, method)
      await using server = await WeirServer.start(args)
      const many = { count: 500, payload: 100, port: 7001 }
      const few = { count: 7, payload: 0, port: 7002 }
      pair.node(
        pair.guest,
        sendUdp(
          { to: '10.99.0.9', ...many },
          { to: 'fd99::9', ...many },
          { to: '10.99.0.9', ...few },
          { to: 'fd99::9', ...few },
        ),
      )
      await server.stop()
      const records = (await storedRecords(data)).filter((each) => each['protocol'] === '17')
      const seen = new Map<string, [packets: number, bytes: number]>()
      for (const each of records) {
        const key = `${each['direction']} ${each['action']} ${each['type']} ${each['dstport']}`
        const [packets, bytes] = seen.get(key) ?? [0, 0]
        seen.set(key, [packets + Number(each['packets']), bytes + Number(each['bytes'])])
      }
      assert.deepEqual(Object.fromEntries(seen), {
        'out ACCEPT IPv4 7001': [500, 500 * 128],
        'out ACCEPT IPv6 7001': [500, 500 * 148],
        'out ACCEPT IPv4 7002': [7, 7 * 28],
        'out ACCEPT IPv6 7002': [7, 7 * 48],
      })
      const { ledgers, losses, problems } = await accountOf(data)
      assert.deepEqual([losses, problems, ledgers.length], [[], [], 1])
      assert.deepEqual([ledgers[0]!.difference, ledgers[0]!.interface.exact], [0, true])
    },
  )

test(
  'without the rights that counting in the kernel needs a ring is used, and why is said',
  { skip },
  async (t) => {
    using pair = new NamespacePair({ ipv6: false })
    const folder = temporaryFolder(t)
    const [config, data] = [join(folder, 'weir.yaml'), join(folder, 'data')]
    writeFileSync(config, 'sample: false\ncapture: { method: tcx }\n')
    // CAP_SYS_ADMIN has all that CAP_BPF and CAP_PERFMON have.
    const without = '-bpf,-perfmon,-sys_admin'
    const lacking = ['setpriv', '--bounding-set', without, '--inh-caps', without]
    const through = ['ip', 'netns', 'exec', pair.guest, ...lacking]
    await using server = await WeirServer.start(
      ['--config', config, '--data', data, '--port', '0'],
      { through },
    )
    const said = server.said('stderr').split('\n')
    assert.deepEqual(
      said
        .filter((line) => line.includes('AF_PACKET'))
        .map((line) => line.slice(line.indexOf(' '))),
      [
        ' warn captured in another way eni=eni-eth0 why="AF_PACKET instead of TCX: CaptureNotPermitted: ' +
          'counting in the kernel at interface \\"eth0\\" needs CAP_BPF, CAP_PERFMON. Run Weir as root, or give it ' +
          'the rights (under systemd: AmbientCapabilities=CAP_NET_RAW CAP_BPF CAP_NET_ADMIN CAP_PERFMON)"',
      ],
    )
    pair.node(pair.guest, sendUdp({ to: '10.99.0.9', port: 7000, count: 50, payload: 10 }))
    await server.stop()
    assert.deepEqual(
      packetsBy(await storedRecords(data), (each) => each['dstport']!),
      { 7000: 50 },
    )
  },
)
