/** `weir start`: what it says, serves, refuses and leaves behind. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { openLogStore } from '../src/logstore/logstore.ts'
import { temporaryFolder } from './logstore-rows.ts'
import { sideBySide } from './side-by-side.ts'
import {
  descendantsOf,
  getJson,
  healthOf,
  rowsByLogstore,
  weir,
  WeirServer,
} from './weir-process.ts'
import { signedFetch } from './signed-fetch.ts'

const test = sideBySide()

/** A folder and the command line of a server there that only answers. */
function quiet(t: TestContext): { folder: string; data: string; args: string[] } {
  const folder = temporaryFolder(t)
  const config = write(folder, 'weir.yaml', 'sample: false\ncapture: { enabled: false }\n')
  const data = join(folder, 'data')
  return { folder, data, args: ['--config', config, '--data', data, '--port', '0'] }
}

function write(folder: string, name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** Fails with this, and nothing on standard output. */
async function refused(args: readonly string[], wanted: number, said: string): Promise<void> {
  const { status, stdout, stderr } = await weir(['start', ...args])
  assert.deepEqual(
    { status, stdout, stderr },
    { status: wanted, stdout: '', stderr: `weir: ${said}\n` },
  )
}

const firstKey = `
AccessKey for the official SDKs, shown this once: KEY
Commands on this host need none; more are made by: npx weir key create
`

const bannerWithSample = (url: string, data: string, key: string): string[] =>
  `
Weir is running at ${url}, data in ${data}.
LIVE
${key}
SERVICE

Sample data: project sample, an hour of the use cases of VPC flow logs. Who knocked at port 80?

  npx weir query --server ${url} --project sample --logstore web \\
    "dstaddr:10.0.0.1 AND dstport:80 | SELECT srcaddr, action, count(*) AS records GROUP BY srcaddr, action"

Other logstores to ask: ecs, peering, nat, express, flow-log (all of them).
npx weir sample remove --server ${url} takes the sample away.

  npx weir query --server ${url} --project weir --logstore flow-log --reverse '*' shows the latest of your own records.

Health: ${url}/healthz   Metrics: ${url}/metrics   Stop: Ctrl-C
`.split('\n')

/** Without what differs from run to run, or from machine to machine. */
function plainBanner(lines: readonly string[]): string[] {
  const text = lines.join('\n')
  return text
    .replace(/(?<=once: )LTAI\w{20} \w{30}$/m, 'KEY')
    .replace(
      /^Log service for SDKs: endpoint localhost:\d+(\. Names below it .*\n  install .*)?$/m,
      'SERVICE',
    )
    .split('\n')
}

test('in an empty data directory: banner, health, projects; stopped and started again', async (t) => {
  const data = join(temporaryFolder(t), 'not', 'there', 'yet')
  const args = ['--data', data, '--port', '0']
  const sample = { web: 0, ecs: 0, peering: 0, nat: 0, express: 0, 'flow-log': 0 }
  let receivedAt: unknown
  {
    await using server = await WeirServer.start(args)
    const { url } = server
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/)
    const said = server.said('stdout').split('\n')
    assert.match(said[2]!, /^Live traffic/)
    said[2] = 'LIVE'
    assert.deepEqual(plainBanner(said), bannerWithSample(url, data, firstKey), 'the first start')
    assert.match(
      server.said('stderr'),
      /^\S+Z info the sample project is filled records=\d+ from=\S+ to=\S+\n$/,
    )
    assert.deepEqual(JSON.parse(readFileSync(join(data, 'server.json'), 'utf8')), {
      url,
      pid: server.child.pid,
    })

    assert.deepEqual(await healthOf(url), { status: 'ok', problems: [] })
    const { projects } = await getJson<{ projects: Record<string, unknown>[] }>(
      `${url}/weir/v1/projects`,
    )
    assert.deepEqual(
      projects.map(({ name, description, labels }) => ({ name, description, labels })),
      [
        {
          name: 'sample',
          description: 'Sample data: the use cases of VPC flow logs, made from generated packets',
          labels: { sample: 'true' },
        },
        { name: 'weir', description: 'Flow logs of this host', labels: {} },
      ],
    )
    const rows = (await rowsByLogstore(url))['sample']!
    assert.deepEqual(Object.keys(rows).sort(), Object.keys(sample).sort())
    Object.assign(sample, rows)
    assert.ok(sample.web > 0)
    receivedAt = await receiveTimes(url)
    const ended = await server.stop()
    assert.match(
      ended.stderr,
      /info stopping: windows are closed and the log is synced signal=SIGTERM\n$/,
    )
  }
  assert.equal(existsSync(join(data, 'server.json')), false)
  await (await openLogStore(data)).close() // throws when the lock is held

  await using again = await WeirServer.start(args)
  assert.equal(again.said('stderr'), '', 'the sample is not filled again')
  assert.deepEqual((await rowsByLogstore(again.url))['sample'], sample)
  assert.deepEqual(await receiveTimes(again.url), receivedAt)
  await again.stop()
})

/** When the sample's records came, first and last. */
async function receiveTimes(url: string): Promise<unknown> {
  const query = '* | SELECT min(__receive_time__), max(__receive_time__), count(*)'
  const response = await signedFetch(`${url}/weir/v1/query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ project: 'sample', logstore: 'flow-log', query }),
  })
  const { rows } = (await response.json()) as { rows: unknown }
  return rows
}

const metricNames = `
counter weir_capture_filtered_frames_total
counter weir_capture_interface_bytes_total
counter weir_capture_interface_frames_total
counter weir_capture_lost_frames_total
counter weir_capture_malformed_frames_total
counter weir_capture_multicast_frames_total
counter weir_capture_non_ip_frames_total
counter weir_capture_record_bytes_total
counter weir_capture_record_frames_total
counter weir_capture_record_packets_total
counter weir_capture_refused_frames_total
counter weir_capture_unassigned_frames_total
counter weir_delivery_lost_records_total
counter weir_delivery_parcels_total
counter weir_delivery_records_total
counter weir_delivery_retries_total
counter weir_http_failures_total
counter weir_http_unparsed_total
counter weir_logstore_background_failures_total
counter weir_logstore_batches_total
counter weir_logstore_compactions_total
counter weir_logstore_duplicate_batches_total
counter weir_logstore_expired_segments_total
counter weir_logstore_flushes_total
counter weir_logstore_log_bytes_total
counter weir_logstore_refused_batches_total
counter weir_logstore_rows_total
counter weir_logstore_syncs_total
gauge weir_capture_open_frames
gauge weir_capture_ring_frames
gauge weir_capture_unexplained_frames
gauge weir_disk_days_left
gauge weir_free_quota_bytes_left
gauge weir_free_quota_days_left
gauge weir_logstore_hot_bytes
gauge weir_logstore_hot_rows
gauge weir_logstore_log_bytes
gauge weir_logstore_segment_bytes
gauge weir_logstore_segment_rows
gauge weir_logstore_segments
gauge weir_spool_bytes
gauge weir_spool_refused_windows
gauge weir_spool_windows
histogram weir_http_request_seconds`

test('metrics have these names, help and a content type that Prometheus reads', async (t) => {
  await using server = await WeirServer.start(quiet(t).args)
  const response = await fetch(`${server.url}/metrics`)
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  const text = await response.text()
  const types = [...text.matchAll(/^# TYPE (weir_\S+) (\S+)$/gm)]
  const names = types.map(([, name, type]) => `${type} ${name}`).sort()
  assert.deepEqual(names, metricNames.trim().split('\n'))
  for (const [, name] of types) assert.match(text, new RegExp(`^# HELP ${name} \\w`, 'm'))
  assert.match(text, /^process_cpu_seconds_total \d/m)
  await server.stop()
})

test('Ctrl-C stops it as SIGTERM does, and no process stays behind', async (t) => {
  const { args, data } = quiet(t)
  await using server = await WeirServer.start(args)
  const asked = ['--project', 'weir', '--logstore', 'flow-log', '* | SELECT count(*)', '--json']
  const counted = await weir(['query', '--server', server.url, ...asked])
  assert.equal(counted.stdout, '[\n{"_col0":"0"}\n]\n')
  const children = descendantsOf(server.child.pid!)
  assert.ok(children.length > 0, 'queries are answered by processes of their own')
  const { status, stderr } = await server.end('SIGINT')
  assert.deepEqual([status, stderr.endsWith('signal=SIGINT\n')], [0, true])
  assert.equal(existsSync(join(data, 'server.json')), false)
  assert.deepEqual(
    children.filter((pid) => existsSync(`/proc/${pid}`)),
    [],
  )
})

test('after kill -9 it starts again, whatever the dead one left', async (t) => {
  const { args, data } = quiet(t)
  {
    await using killed = await WeirServer.start(args)
    await killed.end('SIGKILL')
  }
  assert.equal(existsSync(join(data, 'server.json')), true)
  await using server = await WeirServer.start(args)
  assert.deepEqual(await healthOf(server.url), { status: 'ok', problems: [] })
  await server.stop()
})

test('a data directory has one server: the second names the first and ends with status 4', async (t) => {
  const { args, data } = quiet(t)
  await using server = await WeirServer.start(args)
  await refused(
    args,
    4,
    `DataDirLocked: another process (pid ${server.child.pid}) has this data directory open ` +
      `(${data}). stop it, or ask the running server instead`,
  )
  assert.deepEqual(await healthOf(server.url), { status: 'ok', problems: [] })
  assert.equal(existsSync(join(data, 'server.json')), true, 'the first one can still be found')
  await server.stop()
})

const families = networkInterfaces()
const noIpv6 = Object.values(families).some((all) => all?.some(({ address }) => address === '::1'))
  ? false
  : 'this machine has no ::1'

for (const [listen, host, skip] of [
  ['0.0.0.0', '127.0.0.1', false],
  ['::', '[::1]', noIpv6],
  ['::1', '[::1]', noIpv6],
] as const)
  test(
    `listening on ${listen}, it says an address at which it can be asked`,
    { skip },
    async (t) => {
      const { args, data } = quiet(t)
      await using server = await WeirServer.start([...args, '--listen', listen])
      assert.equal(new URL(server.url).hostname, host)
      assert.deepEqual(await rowsByLogstore(server.url), { weir: { 'flow-log': 0 } })
      const asked = ['--data', data, '--project', 'weir', '--logstore', 'flow-log', '*']
      assert.equal((await weir(['query', ...asked, '--json'])).stdout, '[]\n')
      await server.stop()
    },
  )

test('a port in use', async (t) => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = other.address() as AddressInfo
    const { args, data } = quiet(t)
    await refused(
      [...args.slice(0, -1), String(port)],
      2,
      `ConfigInvalid: cannot listen on 127.0.0.1 port ${port}: it is in use. Choose another with --port N`,
    )
    assert.equal(existsSync(join(data, 'server.json')), false)
    await (await openLogStore(data)).close()
  } finally {
    other.close()
  }
})

test('a data directory that cannot be made', async (t) => {
  const { args, folder } = quiet(t)
  const file = write(folder, 'file', '')
  for (const data of [file, join(file, 'below')])
    await refused(
      [...args, '--data', data],
      4,
      `DataDirInvalid: the data directory cannot be made (${data}). choose another with --data`,
    )
})

test('--check reads configuration and topology, says what is wrong and where, and makes nothing', async (t) => {
  const { args, data, folder } = quiet(t)
  const good = await weir(['start', ...args, '--check'])
  assert.deepEqual([good.status, good.stdout, good.stderr], [0, 'The configuration is good.\n', ''])
  const topology = write(folder, 'vpc.yaml', 'vpcs:\n  - { id: vpc-1, cidr: [10.0.0.0/8] }\n')
  await refused(
    [...args, '--topology', topology, '--check'],
    2,
    `TopologyInvalid: 2 problems\n  ${topology}:2:5: "cidrs" is missing\n` +
      `  ${topology}:2:18: unknown key "cidr". Did you mean "cidrs"?\n (${topology}:2:5)`,
  )
  const config = write(folder, 'wrong.yaml', 'listen: 127.0.0.1\ncapture: { enabld: true }\n')
  await refused(
    ['--config', config, '--check'],
    2,
    `ConfigInvalid: unknown key enabld. Did you mean enabled? (${config}:2:12)`,
  )
  await refused(
    ['--config', join(folder, 'none.yaml'), '--check'],
    2,
    `FileUnreadable: ${join(folder, 'none.yaml')} cannot be read: ENOENT: no such file or directory, ` +
      `open '${join(folder, 'none.yaml')}'`,
  )
  assert.equal(existsSync(data), false)
})

test('without --check a bad file is refused all the same', async (t) => {
  const { args, data, folder } = quiet(t)
  const config = write(folder, 'wrong.yaml', 'prot: 8080\n')
  await refused(
    [...args, '--config', config],
    2,
    `ConfigInvalid: unknown key prot. Did you mean port? (${config}:1:1)`,
  )
  await refused(
    [...args, '--port', '70000'],
    2,
    'Usage: --port is 70000, not a number from 0 to 65535',
  )
  assert.equal(existsSync(data), false)
})

test(
  'without CAP_NET_RAW one line says what it lacks, and the rest works',
  { skip: process.getuid?.() === 0 ? false : 'needs root, which can give the right up' },
  async (t) => {
    const folder = temporaryFolder(t)
    const config = write(folder, 'weir.yaml', 'sample: false\n')
    const through = ['setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw']
    const args = ['--config', config, '--data', join(folder, 'data'), '--port', '0']
    await using server = await WeirServer.start(args, { through })
    assert.equal(
      server.said('stdout').split('\n')[2],
      'Live traffic is not captured. CaptureNotPermitted: capturing at this host needs the right CAP_NET_RAW. ' +
        'Run Weir as root, or give it the right: setpriv --inh-caps=+net_raw --ambient-caps=+net_raw weir start ' +
        '(under systemd: AmbientCapabilities=CAP_NET_RAW)',
    )
    assert.deepEqual(await healthOf(server.url), { status: 'ok', problems: [] })
    assert.deepEqual(await rowsByLogstore(server.url), { weir: { 'flow-log': 0 } })
    const { stderr } = await server.stop()
    assert.match(stderr, /^\S+ info stopping: [^\n]*\n$/)
  },
)
