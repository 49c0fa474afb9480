/** `weir start` at real interfaces, in network namespaces of the test's own: packets in, records out. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from './logstore-rows.ts'
import { NamespacePair, noNamespaces } from './network-namespaces.ts'
import { sideBySide } from './side-by-side.ts'
import { WeirServer, weirSays } from './weir-process.ts'

const test = sideBySide()

const skip = noNamespaces()
const long = process.env['WEIR_LONG'] === '1'

type FlowRecord = Readonly<Record<string, string>>

const inside = (namespace: string) => ({ through: ['ip', 'netns', 'exec', namespace] })

/** Every record that is stored, asked of the data directory itself. */
async function recordsIn(data: string): Promise<FlowRecord[]> {
  const asked = ['query', '--data', data, '--project', 'weir', '--logstore', 'flow-log', '*']
  const lines = await weirSays([...asked, '--format', 'ndjson', '--line', '1000000'])
  return lines
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as FlowRecord)
}

/**
 * Packets and bytes by `ENI direction action path source:port > destination:port protocol`: a window may end
 * while a test runs, so records of one flow are added up.
 */
function totalsOf(records: readonly FlowRecord[]): Record<string, string> {
  const totals = new Map<string, { packets: number; bytes: number }>()
  for (const each of records) {
    if (each['log-status'] !== 'OK') continue
    const whose = `${each['eni-id']} ${each['direction']} ${each['action']} ${each['traffic_path']}`
    const from = `${each['srcaddr']}:${each['srcport']}`
    const key = `${whose} ${from} > ${each['dstaddr']}:${each['dstport']} ${each['protocol']}`
    const total = totals.get(key) ?? { packets: 0, bytes: 0 }
    total.packets += Number(each['packets'])
    total.bytes += Number(each['bytes'])
    totals.set(key, total)
  }
  return Object.fromEntries(
    [...totals].map(([key, { packets, bytes }]) => [key, `${packets} packets, ${bytes} bytes`]),
  )
}

interface Datagrams {
  readonly to: string
  readonly port: number
  readonly count: number
  readonly payload: number
  /** The source address, where it is not the first of the interface. */
  readonly from?: string
}

/** Sends datagrams from port 6000, one after the other was taken by the kernel. */
const sendUdp = (all: readonly Datagrams[]): string => `
  const send = async ({ to, port, count, payload, from }) => {
    const socket = require('node:dgram').createSocket(to.includes(':') ? 'udp6' : 'udp4')
    await new Promise((resolve) => socket.bind(6000, from, resolve))
    const bytes = Buffer.alloc(payload)
    for (let i = 0; i < count; i++)
      await new Promise((resolve, reject) =>
        socket.send(bytes, port, to, (error) => (error ? reject(error) : resolve())))
    await new Promise((resolve) => socket.close(resolve))
  }
  ;(async () => { for (const each of ${JSON.stringify(all)}) await send(each) })()`

/** A process inside a namespace that holds UDP ports open, so that nothing is said to be unreachable. */
async function listenUdp(namespace: string, ports: readonly number[]): Promise<AsyncDisposable> {
  const script = `
    let left = ${ports.length}
    for (const port of ${JSON.stringify(ports)})
      require('node:dgram').createSocket('udp6').bind(port, '::', () => --left || console.log('ready'))`
  const program = ['netns', 'exec', namespace, process.execPath, '-e', script]
  const child = spawn('ip', program, { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  await once(child.stdout, 'data')
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await closed
    },
  }
}

/** A configuration file of this text, a data directory, and the command line with both. */
function prepare(folder: string, config: string): { data: string; args: string[] } {
  const path = join(folder, 'weir.yaml')
  writeFileSync(path, `sample: false\n${config}`)
  const data = join(folder, 'data')
  return { data, args: ['--config', path, '--data', data, '--port', '0'] }
}

const hostRecord = {
  version: '1',
  'account-id': '-',
  'eni-id': 'eni-eth0',
  'vm-id': '-',
  'vswitch-id': '-',
  'vpc-id': 'vpc-host',
  action: 'ACCEPT',
  'log-status': 'OK',
  traffic_path: '-',
  __topic__: 'flow_log',
}

test(
  'UDP at an interface of the host: every packet up to the moment of the stop',
  { skip },
  async (t) => {
    using pair = new NamespacePair()
    const { data, args } = prepare(temporaryFolder(t), '')
    await using _ears = await listenUdp(pair.guest, [7000])
    await using server = await WeirServer.start(args, inside(pair.guest))
    const said = server.said('stdout').split('\n')
    assert.equal(
      said[2],
      'Live traffic of eth0 goes into weir/flow-log, a record per flow and window.',
    )
    pair.node(
      pair.guest,
      sendUdp([
        { to: '10.99.0.9', port: 7001, count: 500, payload: 100 },
        { to: 'fd99::9', port: 7002, count: 300, payload: 200 },
      ]),
    )
    pair.node(
      pair.host,
      sendUdp([
        { to: '10.99.0.1', port: 7000, count: 7, payload: 40 },
        { to: 'fd99::1', port: 7000, count: 5, payload: 0 },
      ]),
    )
    await server.stop()
    const records = await recordsIn(data)
    assert.deepEqual(totalsOf(records), {
      'eni-eth0 out ACCEPT - 10.99.0.1:6000 > 10.99.0.9:7001 17': `500 packets, ${500 * 128} bytes`,
      'eni-eth0 out ACCEPT - fd99::1:6000 > fd99::9:7002 17': `300 packets, ${300 * 248} bytes`,
      'eni-eth0 in ACCEPT - 10.99.0.2:6000 > 10.99.0.1:7000 17': `7 packets, ${7 * 68} bytes`,
      'eni-eth0 in ACCEPT - fd99::2:6000 > fd99::1:7000 17': `5 packets, ${5 * 48} bytes`,
    })
    for (const each of records.filter((record) => record['log-status'] === 'OK')) {
      assert.deepEqual({ ...each, ...hostRecord }, each)
      assert.equal(each['type'], each['srcaddr']!.includes(':') ? 'IPv6' : 'IPv4')
      assert.equal(each['tcp-flags'], '0')
      const [start, end] = [Number(each['start']), Number(each['end'])]
      assert.equal(each['__time__'], each['start'])
      assert.equal(end, start - (start % 60) + 60, 'the end of its window')
    }
  },
)

const transferBytes = 100_000
const tcpServer = (address: string): string => `
  require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
    socket.resume().on('end', () => socket.end()).on('close', () => process.exit(0))
  }).listen(7000, '${address}', () => console.log('ready'))`
const tcpClient = (address: string): string => `
  const socket = require('node:net').connect({ port: 7000, host: '${address}', localPort: 6000 })
  socket.end(Buffer.alloc(${transferBytes}))
  socket.resume().on('close', (failed) => process.exit(failed ? 1 : 0))`

/** What the TCP of a namespace counts, by name (/proc/net/snmp). */
function tcpCounters(pair: NamespacePair, namespace: string): (name: string) => number {
  const text = pair.node(
    namespace,
    `console.log(require('fs').readFileSync('/proc/net/snmp', 'utf8'))`,
  )
  const [names, values] = text
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '))
  return (name) => Number(values![names!.indexOf(name)])
}

for (const [version, guest, host, header] of [
  [4, '10.99.0.1', '10.99.0.2', 20],
  [6, 'fd99::1', 'fd99::2', 40],
] as const)
  test(
    `a TCP connection over IPv${version}: what TCP sent, and when it was closed`,
    { skip },
    async (t) => {
      using pair = new NamespacePair()
      // Which acknowledgements are longer for what came out of order is not foreseen.
      const noSack = `require('fs').writeFileSync('/proc/sys/net/ipv4/tcp_sack', '0')`
      for (const each of [pair.guest, pair.host]) pair.node(each, noSack)
      const { data, args } = prepare(temporaryFolder(t), '')
      await using server = await WeirServer.start(args, inside(pair.guest))
      const program = ['netns', 'exec', pair.host, process.execPath, '-e', tcpServer(host)]
      const listener = spawn('ip', program, {
        stdio: ['ignore', 'pipe', 'inherit'],
        timeout: 60_000,
      })
      const closed = once(listener, 'close')
      await once(listener.stdout, 'data')
      pair.node(pair.guest, tcpClient(host))
      assert.deepEqual(await closed, [0, null])
      const [near, far] = [tcpCounters(pair, pair.guest), tcpCounters(pair, pair.host)]
      await server.stop()

      const records = (await recordsIn(data)).filter((each) => each['protocol'] === '6')
      const sum = (direction: string, field: string) =>
        records
          .filter((each) => each['direction'] === direction)
          .reduce((total, each) => total + Number(each[field]), 0)
      const flags = (direction: string) =>
        records
          .filter((each) => each['direction'] === direction)
          .reduce((all, each) => all | Number(each['tcp-flags']), 0)
      // The server answers nobody, so all that the TCP of the namespace has sent is of this connection.
      const again = near('RetransSegs')
      assert.equal(sum('out', 'packets'), near('OutSegs') + again)
      assert.equal(sum('in', 'packets'), far('OutSegs') + far('RetransSegs'))
      // SYN with 20 bytes of options, all else with the 12 of the timestamp.
      const headers = header + 40 + (sum('out', 'packets') - 1) * (header + 32)
      const twice = sum('out', 'bytes') - headers - transferBytes
      assert.ok(
        twice >= 0 && twice <= again * (1500 - header - 32),
        `${again} again, ${twice} bytes`,
      )
      assert.equal(sum('in', 'bytes'), header + 40 + (sum('in', 'packets') - 1) * (header + 32))
      assert.deepEqual([flags('out') & 19, flags('in') & 19], [19, 19], 'SYN, ACK and FIN')
      const ends = { guest: `${guest}:6000`, host: `${host}:7000` }
      assert.deepEqual(Object.keys(totalsOf(records)).sort(), [
        `eni-eth0 in ACCEPT - ${ends.host} > ${ends.guest} 6`,
        `eni-eth0 out ACCEPT - ${ends.guest} > ${ends.host} 6`,
      ])
      // "the time when a short-lived connection was closed"
      for (const each of records.filter((record) => (Number(record['tcp-flags']) & 1) === 1)) {
        const [start, end] = [Number(each['start']), Number(each['end'])]
        assert.ok(end >= start && end <= Date.now() / 1000, `${start} to ${end}`)
      }
    },
  )

const topology = `
account: "1210123456789012"
vpcs: [{ id: vpc-lab, cidrs: [10.99.0.0/16, "fd99::/56"], routeTable: vtb-lab }]
vSwitches: [{ id: vsw-lab, vpc: vpc-lab, cidrs: [10.99.0.0/24, "fd99::/64"] }]
instances: [{ id: i-lab1 }, { id: i-lab2 }]
enis:
  - id: eni-lab1
    vSwitch: vsw-lab
    instance: i-lab1
    privateIps: [10.99.0.1, "fd99::1"]
    securityGroups: [sg-lab]
    tap: { interface: veth0, side: host }
  - { id: eni-lab2, vSwitch: vsw-lab, instance: i-lab2, privateIps: [10.99.0.2, "fd99::2"] }
  - { id: eni-gone, vSwitch: vsw-lab, privateIps: [10.99.0.7], tap: { interface: veth7 } }
securityGroups:
  - id: sg-lab
    rules:
      - { direction: ingress, policy: accept, protocol: udp, ports: 7000/7000, peer: 10.99.0.0/24 }
      - { direction: egress, policy: drop, protocol: udp, ports: 7009/7009 }
routeTables: [{ id: vtb-lab, entries: [{ destination: 0.0.0.0/0, nextHop: ngw-lab }] }]
gateways: [{ id: ngw-lab, type: natGateway, vpc: vpc-lab }]
`

test(
  'a tap at the far side of a veth: directions turn, groups judge, routes tell the path',
  { skip },
  async (t) => {
    using pair = new NamespacePair()
    const folder = temporaryFolder(t)
    const { data, args } = prepare(folder, 'topology: vpc.yaml\n')
    writeFileSync(join(folder, 'vpc.yaml'), topology)
    pair.ip(pair.guest, 'addr', 'add', '10.99.0.50/24', 'dev', 'eth0')
    pair.ip(pair.guest, 'route', 'add', '198.51.100.0/24', 'via', '10.99.0.9')
    await using _ears = await listenUdp(pair.guest, [7000, 7001])
    await using _others = await listenUdp(pair.host, [7000, 7001])
    await using server = await WeirServer.start(args, inside(pair.host))
    assert.deepEqual(server.said('stdout').split('\n').slice(2, 4), [
      'Live traffic of veth0 goes into weir/flow-log, a record per flow and window.',
      'veth7 is not there; it is captured as soon as it comes: there is no interface veth7',
    ])
    const health = pair.node(
      pair.host,
      `fetch('${server.url}/healthz').then(async (it) => console.log(it.status, await it.text()))`,
    )
    assert.match(health, /^200 \{"status":"ok","problems":\[\],/, 'interfaces may come and go')
    const small = { count: 3, payload: 12 }
    pair.node(
      pair.host,
      sendUdp([
        { to: '10.99.0.1', port: 7000, ...small },
        { to: '10.99.0.1', port: 7001, ...small },
        { to: 'fd99::1', port: 7000, ...small },
      ]),
    )
    pair.node(
      pair.guest,
      sendUdp([
        { to: '10.99.0.2', port: 7001, from: '10.99.0.1', ...small },
        { to: '10.99.0.9', port: 7009, from: '10.99.0.1', ...small },
        { to: '10.99.0.9', port: 7008, from: '10.99.0.1', ...small },
        { to: '198.51.100.7', port: 7008, from: '10.99.0.1', ...small },
        // Neither address is the ENI's: only the side of the tap tells the direction.
        { to: '10.99.0.9', port: 7008, from: '10.99.0.50', ...small },
      ]),
    )
    await server.stop()
    const records = await recordsIn(data)
    const [v4, v6] = ['3 packets, 120 bytes', '3 packets, 180 bytes']
    assert.deepEqual(totalsOf(records), {
      'eni-lab1 in ACCEPT 2 10.99.0.2:6000 > 10.99.0.1:7000 17': v4,
      'eni-lab1 in REJECT 2 10.99.0.2:6000 > 10.99.0.1:7001 17': v4,
      'eni-lab1 in REJECT 2 fd99::2:6000 > fd99::1:7000 17': v6,
      'eni-lab1 out ACCEPT 2 10.99.0.1:6000 > 10.99.0.2:7001 17': v4,
      'eni-lab1 out REJECT 1 10.99.0.1:6000 > 10.99.0.9:7009 17': v4,
      'eni-lab1 out ACCEPT 1 10.99.0.1:6000 > 10.99.0.9:7008 17': v4,
      'eni-lab1 out ACCEPT 7 10.99.0.1:6000 > 198.51.100.7:7008 17': v4,
      'eni-lab1 out ACCEPT 1 10.99.0.50:6000 > 10.99.0.9:7008 17': v4,
    })
    const identity = {
      'account-id': '1210123456789012',
      'vm-id': 'i-lab1',
      'vswitch-id': 'vsw-lab',
      'vpc-id': 'vpc-lab',
    }
    for (const each of records) assert.deepEqual({ ...each, ...identity }, each)
  },
)

test('what was sent before the stop is counted, however short before', { skip }, async (t) => {
  using pair = new NamespacePair()
  const { data, args } = prepare(temporaryFolder(t), '')
  await using server = await WeirServer.start(args, inside(pair.guest))
  // The stop comes while traffic flows: the ring then holds a part of a block.
  const send = sendUdp([{ to: '10.99.0.9', port: 7000, count: 20_000, payload: 10 }])
  pair.node(pair.guest, `${send}.then(() => process.kill(${server.child.pid}, 'SIGTERM'))`)
  assert.equal((await server.ended).status, 0)
  assert.deepEqual(totalsOf(await recordsIn(data)), {
    'eni-eth0 out ACCEPT - 10.99.0.1:6000 > 10.99.0.9:7000 17': `20000 packets, ${20_000 * 38} bytes`,
  })
})

/** The value of a series of /metrics, asked inside the server's namespace. */
function metric(pair: NamespacePair, namespace: string, url: string, series: string): number {
  const text = pair.node(
    namespace,
    `fetch('${url}/metrics').then(async (it) => console.log(await it.text()))`,
  )
  const line = text.split('\n').find((each) => each.startsWith(`${series} `))
  return Number(line?.slice(series.length + 1))
}

test(
  'a ring too small for a flood: what was lost is counted, and the window says SKIPDATA',
  { skip },
  async (t) => {
    using pair = new NamespacePair({ ipv6: false })
    const { data, args } = prepare(temporaryFolder(t), 'capture: { ringMebibytes: 1 }\n')
    await using server = await WeirServer.start(args, inside(pair.guest))
    const sent = 30_000
    server.child.kill('SIGSTOP') // nobody reads the ring while the flood lasts
    pair.node(pair.guest, sendUdp([{ to: '10.99.0.9', port: 7000, count: sent, payload: 10 }]))
    server.child.kill('SIGCONT')
    const labels = 'eni="eni-eth0",interface="eth0"'
    const counted = (name: string, more = '') =>
      metric(pair, pair.guest, server.url, `weir_capture_${name}{${labels}${more}}`)
    while (!(counted('interface_frames_total') >= sent))
      await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(counted('interface_frames_total'), sent)
    const dropped = counted('lost_frames_total', ',reason="ring"')
    assert.equal(counted('unexplained_frames'), 0)
    assert.ok(dropped > 0 && dropped < sent, `${dropped} of ${sent}`)
    await server.stop()

    const records = await recordsIn(data)
    const key = 'eni-eth0 out ACCEPT - 10.99.0.1:6000 > 10.99.0.9:7000 17'
    const kept = sent - dropped
    assert.deepEqual(totalsOf(records), { [key]: `${kept} packets, ${kept * 38} bytes` })
    // "SKIPDATA: Some flow log records were skipped during the capture window".
    const skipped = records.filter((each) => each['log-status'] !== 'OK')
    const start = Number(records.find((each) => each['log-status'] === 'OK')!['start'])
    assert.ok(skipped.some((each) => each['start'] === String(start - (start % 60))))
    for (const each of skipped) {
      assert.equal(each['log-status'], 'SKIPDATA')
      assert.equal(Number(each['end']) - Number(each['start']), 60)
      assert.deepEqual([each['eni-id'], each['packets'], each['srcaddr']], ['eni-eth0', '-', '-'])
    }
  },
)

test('interfaces of two namespaces that are called the same', { skip }, async (t) => {
  using one = new NamespacePair({ ipv6: false })
  using two = new NamespacePair({ ipv6: false })
  const folder = temporaryFolder(t)
  const { data, args } = prepare(folder, 'topology: vpc.yaml\n')
  const eni = (id: string, last: number, netns: string) =>
    `  - { id: ${id}, vSwitch: vsw-1, privateIps: [10.98.0.${last}], tap: { interface: eth0, netns: ${netns} } }`
  writeFileSync(
    join(folder, 'vpc.yaml'),
    [
      'vpcs: [{ id: vpc-1, cidrs: [10.98.0.0/15] }]',
      'vSwitches: [{ id: vsw-1, vpc: vpc-1, cidrs: [10.98.0.0/15] }]',
      'enis:',
      eni('eni-one', 1, one.guest),
      eni('eni-two', 2, two.guest),
    ].join('\n'),
  )
  await using server = await WeirServer.start(args, inside(one.host))
  assert.equal(
    server.said('stdout').split('\n').slice(2, 4).join('\n').trimEnd(),
    `Live traffic of ${one.guest}/eth0, ${two.guest}/eth0 goes into weir/flow-log, a record per flow and window.`,
  )
  one.node(one.guest, sendUdp([{ to: '10.99.0.9', port: 7000, count: 3, payload: 10 }]))
  two.node(two.guest, sendUdp([{ to: '10.99.0.9', port: 7000, count: 5, payload: 10 }]))
  const frames = (of: NamespacePair) => {
    const labels = `eni="${of === one ? 'eni-one' : 'eni-two'}",interface="${of.guest}/eth0"`
    return metric(one, one.host, server.url, `weir_capture_interface_frames_total{${labels}}`)
  }
  while (!(frames(one) >= 3 && frames(two) >= 5))
    await new Promise((resolve) => setTimeout(resolve, 50))
  assert.deepEqual([frames(one), frames(two)], [3, 5])
  await server.stop()
  assert.deepEqual(totalsOf(await recordsIn(data)), {
    'eni-one out ACCEPT 1 10.99.0.1:6000 > 10.99.0.9:7000 17': '3 packets, 114 bytes',
    'eni-two out ACCEPT 1 10.99.0.1:6000 > 10.99.0.9:7000 17': '5 packets, 190 bytes',
  })
})

test(
  'verdicts of the firewall itself: accepted is what was seen less what it rejected',
  { skip },
  async (t) => {
    using pair = new NamespacePair()
    const folder = temporaryFolder(t)
    const { data, args } = prepare(folder, 'topology: vpc.yaml\n')
    // The topology would let everything in and nothing out: it is not asked.
    writeFileSync(
      join(folder, 'vpc.yaml'),
      `
vpcs: [{ id: vpc-1, cidrs: [10.99.0.0/16, "fd99::/64"] }]
vSwitches: [{ id: vsw-1, vpc: vpc-1, cidrs: [10.99.0.0/24, "fd99::/64"] }]
securityGroups:
  - { id: sg-1, rules: [{ direction: egress, policy: drop }, { direction: ingress, policy: accept }] }
enis:
  - id: eni-1
    vSwitch: vsw-1
    privateIps: [10.99.0.1, "fd99::1"]
    securityGroups: [sg-1]
    tap: { interface: eth0, netns: ${pair.guest}, nflog: { group: 10 } }
`,
    )
    const rules = `
table inet sg {
  chain in {
    type filter hook input priority 0; policy accept
    udp dport 7001 limit rate over 1/hour burst 3 packets log prefix "R:in" group 10 drop
    udp dport 7002 log prefix "R:in" group 10 drop
  }
  chain out {
    type filter hook output priority 0; policy accept
    udp dport 7003 log prefix "R:out" group 10 drop
  }
}
`
    execFileSync('ip', ['netns', 'exec', pair.guest, 'nft', '-f', '-'], { input: rules })
    await using _ears = await listenUdp(pair.guest, [7000, 7001, 7002])
    await using server = await WeirServer.start(args, inside(pair.host))
    const udp = (to: string, port: number, count: number) => ({ to, port, count, payload: 10 })
    pair.node(
      pair.host,
      sendUdp([udp('10.99.0.1', 7000, 4), udp('10.99.0.1', 7001, 10), udp('fd99::1', 7002, 6)]),
    )
    // A socket is told that its packet was dropped on the way out.
    pair.node(pair.guest, sendUdp([udp('10.99.0.9', 7004, 2)]))
    pair.node(
      pair.guest,
      `const socket = require('node:dgram').createSocket('udp4')
     socket.bind(6000, async () => {
       for (let i = 0; i < 5; i++)
         await new Promise((resolve) => socket.send(Buffer.alloc(10), 7003, '10.99.0.9', resolve))
       socket.close()
     })`,
    )
    await server.stop()
    assert.deepEqual(totalsOf(await recordsIn(data)), {
      'eni-1 in ACCEPT 1 10.99.0.2:6000 > 10.99.0.1:7000 17': '4 packets, 152 bytes',
      'eni-1 in ACCEPT 1 10.99.0.2:6000 > 10.99.0.1:7001 17': '3 packets, 114 bytes',
      'eni-1 in REJECT 1 10.99.0.2:6000 > 10.99.0.1:7001 17': '7 packets, 266 bytes',
      'eni-1 in REJECT 1 fd99::2:6000 > fd99::1:7002 17': '6 packets, 348 bytes',
      'eni-1 out ACCEPT 1 10.99.0.1:6000 > 10.99.0.9:7004 17': '2 packets, 76 bytes',
      'eni-1 out REJECT 1 10.99.0.1:6000 > 10.99.0.9:7003 17': '5 packets, 190 bytes',
    })
  },
)

// Waits for a whole minute.
if (long)
  test(
    'a silent interface has one NODATA record for each whole window, and none for a part of one',
    { skip },
    async (t) => {
      using pair = new NamespacePair()
      const { data, args } = prepare(temporaryFolder(t), '')
      await using server = await WeirServer.start(args, inside(pair.guest))
      const begun = Math.ceil(Date.now() / 1000)
      const rows = () => metric(pair, pair.guest, server.url, 'weir_delivery_records_total')
      while (rows() < 1) await new Promise((resolve) => setTimeout(resolve, 500))
      await server.stop()
      const first = Math.ceil(begun / 60) * 60
      const records = await recordsIn(data)
      assert.deepEqual(
        records.map((each) => [each['log-status'], each['eni-id'], each['start'], each['end']]),
        [['NODATA', 'eni-eth0', String(first), String(first + 60)]],
      )
    },
  )
