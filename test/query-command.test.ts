/** `weir query`: what it asks, what it writes, how it ends. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { putRecords } from '../src/api/client.ts'
import { openLogStore } from '../src/logstore/logstore.ts'
import { temporaryFolder } from './logstore-rows.ts'
import { sideBySide } from './side-by-side.ts'
import { descendantsOf, weir, weirPath, WeirProcess, WeirServer, weirSays } from './weir-process.ts'

const test = sideBySide()

/** Yesterday at 22:13:20 UTC: a logstore keeps records for so many days from their own time on. */
const yesterday = Math.floor(Date.now() / 86_400_000) * 86_400 - 86_400
const dateOf = (second: number): string => new Date(second * 1000).toISOString().slice(0, 10)
const [day, nextDay] = [dateOf(yesterday), dateOf(yesterday + 86_400)]
const secondAt = (offset: number): string => String(yesterday + 80_000 + offset)

const fields = {
  version: '1',
  'account-id': '1210123456789012',
  'eni-id': 'eni-web1',
  'vm-id': 'i-web1',
  'vswitch-id': 'vsw-web',
  'vpc-id': 'vpc-shop',
  type: 'IPv4',
  protocol: '6',
  srcaddr: '120.26.0.1',
  srcport: '52000',
  dstaddr: '10.0.0.1',
  dstport: '80',
  direction: 'in',
  action: 'ACCEPT',
  packets: '10',
  bytes: '5200',
  start: secondAt(0),
  end: secondAt(60),
  'tcp-flags': '27',
  'log-status': 'OK',
  traffic_path: '15',
}
type Fields = Partial<Record<keyof typeof fields, string>>

const absent = 'type protocol srcaddr srcport dstaddr dstport direction action packets bytes'
/** Four records, at 22:13:20, 22:13:50, 22:14:50 and 22:15:00. */
const stored: readonly Fields[] = [
  {},
  { srcaddr: '121.43.0.1', action: 'REJECT', bytes: '60', packets: '1', start: secondAt(30) },
  {
    type: 'IPv6',
    srcaddr: '2001:db8::1',
    dstaddr: '2001:db8:10::1',
    'vm-id': '\u001b[2J i,"x"\n',
    bytes: '9007199254740991',
    start: secondAt(90),
  },
  {
    ...Object.fromEntries(`${absent} tcp-flags traffic_path`.split(' ').map((name) => [name, '-'])),
    'log-status': 'NODATA',
    start: secondAt(100),
    end: secondAt(160),
  },
]

const folder = mkdtempSync(join(tmpdir(), 'weir-query-command-'))
const data = join(folder, 'data')
let batches = 0
let server: WeirServer

const put = (to: WeirServer, records: readonly Fields[]) =>
  putRecords(
    to.url,
    { project: 'weir', logstore: 'flow-log', id: { flowLog: 'test', run: 'r', number: batches++ } },
    records.map((each) => `${JSON.stringify({ ...fields, ...each })}\n`).join(''),
  )

/** The command line of a server that only answers. */
function quietArgs(dataDir: string, config: string): string[] {
  const path = `${dataDir}.yaml`
  writeFileSync(path, `sample: false\ncapture: { enabled: false }\n${config}`)
  return ['--config', path, '--data', dataDir, '--port', '0']
}

before(async () => {
  server = await WeirServer.start(quietArgs(data, ''))
  await put(server, stored)
})
after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const logstore = ['--project', 'weir', '--logstore', 'flow-log']
const at = (...more: string[]) => ['query', '--server', server.url, ...logstore, ...more]
const ask = (...more: string[]): Promise<string> => weirSays(at(...more))

/** Ends like this, with nothing on standard output. */
async function fails(args: readonly string[], wanted: number, said: string): Promise<void> {
  const { status, stdout, stderr } = await weir(args)
  assert.deepEqual(
    { status, stdout, stderr },
    { status: wanted, stdout: '', stderr: `weir: ${said}\n` },
  )
}

const bySource = `type:IPv4 or type:IPv6 | SELECT srcaddr, action, sum(bytes) AS total, "vm-id"
  GROUP BY srcaddr, action, "vm-id" ORDER BY total DESC`

test('a table, and below it on standard error how it came about', async () => {
  const { status, stdout, stderr } = await weir(at(bySource))
  assert.equal(status, 0)
  assert.deepEqual(stdout.split('\n'), [
    ' srcaddr       action              total   vm-id                 ',
    '───────────── ──────── ────────────────── ───────────────────────',
    ' 2001:db8::1   ACCEPT   9007199254740991   \\u001b[2J i,"x"\\u000a ',
    ' 120.26.0.1    ACCEPT               5200   i-web1                ',
    ' 121.43.0.1    REJECT                 60   i-web1                ',
    '',
  ])
  assert.match(stderr, /^3 rows; 4 records read in \d+ ms\n$/)
})

test('json, ndjson and csv hold what was stored, and standard error is silent', async () => {
  const wanted = [
    {
      srcaddr: '2001:db8::1',
      action: 'ACCEPT',
      total: '9007199254740991',
      'vm-id': '\u001b[2J i,"x"\n',
    },
    { srcaddr: '120.26.0.1', action: 'ACCEPT', total: '5200', 'vm-id': 'i-web1' },
    { srcaddr: '121.43.0.1', action: 'REJECT', total: '60', 'vm-id': 'i-web1' },
  ]
  const json = await weir(at(bySource, '--format', 'json'))
  assert.deepEqual([JSON.parse(json.stdout), json.stderr], [wanted, ''])
  assert.equal(await ask(bySource, '--json'), json.stdout)
  const ndjson = await ask(bySource, '--format', 'ndjson')
  assert.equal(ndjson, wanted.map((each) => `${JSON.stringify(each)}\n`).join(''))
  assert.equal(
    await ask(bySource, '--format', 'csv'),
    'srcaddr,action,total,vm-id\n' +
      '2001:db8::1,ACCEPT,9007199254740991,"\u001b[2J i,""x""\n"\n' +
      '120.26.0.1,ACCEPT,5200,i-web1\n121.43.0.1,REJECT,60,i-web1\n',
  )
})

test('parquet has types and values that another reader finds', async () => {
  const query = `* | SELECT __time__, srcaddr, bytes, avg(bytes) OVER () > 0 AS positive, bytes / 16.0 AS x,
    from_unixtime(__time__) AS at ORDER BY __time__`
  const { status, bytes, stderr } = await weir(at(query, '--format', 'parquet'))
  assert.deepEqual([status, stderr], [0, ''])
  const path = join(folder, 'result.parquet')
  writeFileSync(path, bytes)
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const reader = await connection.runAndReadAll(`SELECT * FROM '${path}'`)
  const columns = reader.columnNames().map((name, i) => `${name} ${String(reader.columnType(i))}`)
  const rows = reader.getRowsJson()
  connection.closeSync()
  instance.closeSync()
  assert.deepEqual(columns, [
    '__time__ BIGINT',
    'srcaddr VARCHAR',
    'bytes BIGINT',
    'positive BOOLEAN',
    'x DOUBLE',
    'at TIMESTAMP',
  ])
  assert.deepEqual(rows, [
    [secondAt(0), '120.26.0.1', '5200', true, 325, `${day} 22:13:20`],
    [secondAt(30), '121.43.0.1', '60', true, 3.75, `${day} 22:13:50`],
    [secondAt(90), '2001:db8::1', '9007199254740991', true, 562949953421311.94, `${day} 22:14:50`],
    [secondAt(100), null, null, true, null, `${day} 22:15:00`],
  ])
})

const noTerminal =
  spawnSync('script', ['--version']).status === 0
    ? false
    : 'script, which makes a terminal, is not there'

test('parquet is not for a terminal', { skip: noTerminal }, () => {
  // The refusal needs no answer, but the command asks first.
  const line = [weirPath, ...at("'*'", '--format', 'parquet')].join(' ')
  const { status, stdout } = spawnSync('script', ['-qec', line, '/dev/null'], { encoding: 'utf8' })
  assert.deepEqual(
    [status, stdout],
    [
      2,
      'weir: Usage: a Parquet file is not for a terminal. Send it into a file: --format parquet > result.parquet\r\n',
    ],
  )
})

const times = async (...more: string[]): Promise<string[]> => {
  const lines = await ask('*', '--format', 'ndjson', ...more)
  return lines
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { start: string }).start)
}
const starts = stored.map((each) => each.start ?? fields.start)

test('a search gives records: all fields in the order of the page, "-" where nothing applies', async () => {
  const [last] = JSON.parse(await ask('log-status:NODATA', '--json')) as Record<string, string>[]
  const { __receive_time__: received, ...rest } = last!
  assert.ok(Math.abs(Number(received) - Date.now() / 1000) < 600)
  assert.deepEqual(Object.keys(last!), [
    '__time__',
    ...Object.keys(fields),
    '__receive_time__',
    '__topic__',
    '__source__',
  ])
  assert.deepEqual(rest, {
    ...fields,
    ...stored[3],
    __time__: secondAt(100),
    __topic__: 'flow_log',
    __source__: '-',
  })
})

test('--line, --offset and --reverse', async () => {
  assert.deepEqual(await times(), starts)
  assert.deepEqual(await times('--reverse'), starts.toReversed())
  assert.deepEqual(await times('--line', '2'), starts.slice(0, 2))
  assert.deepEqual(await times('--line', '2', '--offset', '1'), starts.slice(1, 3))
  assert.deepEqual(await times('--line', '1', '--offset', '3', '--reverse'), starts.slice(0, 1))
  assert.deepEqual(await times('--offset', '4'), [])
  const { stderr } = await weir(at('*', '--line', '3'))
  assert.match(stderr, /^3 rows, there are more; 4 records read in \d+ ms\n$/)
})

test('--from and --to, in every form, bound the time: from is in, to is not', async () => {
  assert.deepEqual(await times('--from', secondAt(30)), starts.slice(1))
  assert.deepEqual(await times('--to', secondAt(30)), starts.slice(0, 1))
  assert.deepEqual(await times('--from', secondAt(30), '--to', secondAt(100)), starts.slice(1, 3))
  assert.deepEqual(
    await times('--from', `${day}T22:13:50`, '--to', `${day} 22:15`),
    starts.slice(1, 3),
  )
  const shanghai = ['--zone', 'Asia/Shanghai', '--from', `${nextDay}T06:14`]
  assert.deepEqual(await times(...shanghai), starts.slice(2))
  assert.deepEqual(await times('--from', `${day}T23:14:50+01:00`), starts.slice(2))
  assert.deepEqual(await times('--from', '-1h'), [])
  assert.deepEqual(await times('--from', day, '--to', 'now'), starts)
  assert.deepEqual(await times('--to', '-15m'), starts)
})

test('--zone is the zone of dates in the answer', async () => {
  const query = "* | SELECT date_format(from_unixtime(min(__time__)), '%H:%i') AS at"
  assert.equal(await ask(query, '--json'), '[\n{"at":"22:13"}\n]\n')
  assert.equal(await ask(query, '--json', '--zone', 'Asia/Shanghai'), '[\n{"at":"06:13"}\n]\n')
})

test('what cannot be asked is refused with its place and what to do', async () => {
  await fails(at('srcaddr:'), 2, 'QuerySyntax: expected a value after "srcaddr:" (line 1:9)')
  await fails(
    at('* |\nSELECT srcadr'),
    2,
    'QuerySyntax: column srcadr cannot be resolved (line 2:8). did you mean srcaddr?',
  )
  const unknown = ['query', '--server', server.url, '--project', 'weir', '--logstore']
  await fails(
    [...unknown, 'flowlog', '*'],
    2,
    'LogStoreNotExist: there is no logstore flowlog in project weir. Did you mean flow-log?',
  )
  await fails(
    ['query', '--server', server.url, '--project', 'wier', '--logstore', 'flow-log', '*'],
    2,
    'ProjectNotExist: there is no project wier. Did you mean weir?',
  )
  await fails(at('*', '--from', '20', '--to', '20'), 2, emptyRange('20', '20'))
  const hint = 'Write Unix seconds, 2026-11-22T10:00, now, or a span back such as -15m, -6h, -7d'
  await fails(at('*', '--from', 'noon'), 2, `Usage: --from is "noon", which is no time. ${hint}`)
  await fails(
    at('*', '--zone', 'Mars'),
    2,
    'ParameterInvalid: "Mars" is not a time zone. as in UTC or Asia/Shanghai',
  )
  await fails(at('*', '--line', 'x'), 2, 'Usage: --line is x, not a whole number')
  await fails(
    at('*', '--format', 'xml'),
    2,
    'Usage: --format is xml, not one of table, json, ndjson, csv, parquet',
  )
  const { status, stderr } = await weir(['query', '*', '--project', 'weir'])
  assert.deepEqual(
    [status, stderr],
    [
      2,
      "error: required option '--logstore <name>' not specified\n(weir COMMAND --help shows the options)\n",
    ],
  )
})

const emptyRange = (from: string, to: string): string =>
  `InvalidTimeRange: the range ${from} to ${to} is empty. from and to are Unix seconds, and to is after from`

test('no server, something that is no server, and no URL', async () => {
  const other = createServer((_, response) => response.writeHead(404).end('<html>'))
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const args = ['query', ...logstore, '*', '--server']
  await fails(
    [...args, url],
    1,
    `ServerError: ${url} answered with HTTP status 404. Is it a Weir server?`,
  )
  other.close()
  await once(other, 'close')
  await fails(
    [...args, url],
    6,
    `ServerUnreachable: no answer from ${url}: connect ECONNREFUSED 127.0.0.1:${port}. ` +
      'Is it running? Start one with: weir start',
  )
  await fails(
    [...args, 'localhost'],
    2,
    'Usage: "localhost" is not the URL of a server. Write it like http://127.0.0.1:8080',
  )
})

test('--data beside a running server answers through it, and misses nothing acknowledged', async (t) => {
  const own = join(temporaryFolder(t), 'data')
  await using beside = await WeirServer.start(quietArgs(own, ''))
  const count = ['query', '--data', own, ...logstore, '* | SELECT count(*) AS n', '--json']
  for (let n = 1; n <= 3; n++) {
    assert.deepEqual(await put(beside, [{}]), { rows: 1, stored: true })
    assert.equal(await weirSays(count), `[\n{"n":"${n}"}\n]\n`)
  }
})

test('--data without a server, and what is no data directory', async (t) => {
  const alone = join(temporaryFolder(t), 'data')
  {
    await using writer = await WeirServer.start(quietArgs(alone, ''))
    await put(writer, stored)
    await writer.end('SIGKILL') // what was acknowledged is in the log, whatever happens
  }
  const asked = ['query', '--data', alone, ...logstore]
  const count = '[\n{"n":"4"}\n]\n'
  assert.equal(await weirSays([...asked, '* | SELECT count(*) AS n', '--json']), count)
  assert.equal(await weirSays([...asked, '* | SELECT count(*) AS n', '--json']), count)
  const other = temporaryFolder(t)
  const hint = 'Give the folder that weir start --data has, ./data unless told'
  for (const none of [join(other, 'none'), other, join(`${alone}.yaml`)]) {
    const args = ['--data', none, ...logstore, '*']
    await fails(
      ['query', ...args],
      4,
      `DataDirInvalid: there is no data directory ${none}. ${hint}`,
    )
  }
  await fails(
    ['sample', 'remove', '--data', other],
    4,
    `DataDirInvalid: there is no data directory ${other}. ${hint}`,
  )
  assert.equal(existsSync(join(other, 'lock.db')), false, 'a question leaves nothing behind')
})

test('--data asks no server that a dead one only left a word of', async (t) => {
  const alone = join(temporaryFolder(t), 'data')
  {
    await using first = await WeirServer.start(quietArgs(alone, ''))
    await first.stop()
  }
  // Whoever has the directory now is no server; the port is another server's by now.
  writeFileSync(join(alone, 'server.json'), JSON.stringify({ url: server.url, pid: 4_194_303 }))
  const holder = await openLogStore(alone)
  try {
    await fails(
      ['query', '--data', alone, ...logstore, '*'],
      4,
      `DataDirLocked: another process (pid ${process.pid}) has this data directory open (${alone}). ` +
        'stop it, or ask the running server instead',
    )
  } finally {
    await holder.close()
  }
})

/** Clock ticks of processor time that a process has used. */
function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return Number(stat[11]) + Number(stat[12])
}

/** Resolves when a process below `parent` works on something long. */
async function untilBusy(parent: WeirProcess): Promise<void> {
  const before = new Map(descendantsOf(parent.child.pid!).map((pid) => [pid, ticksOf(pid)]))
  const busy = (pid: number) => ticksOf(pid) - (before.get(pid) ?? 0) > 100
  while (!descendantsOf(parent.child.pid!).some(busy))
    await new Promise((resolve) => setTimeout(resolve, 20))
}

const endless =
  '* | SELECT count(*) FROM log a CROSS JOIN log b CROSS JOIN log c CROSS JOIN log d ' +
  'WHERE a.bytes + b.bytes + c.bytes > d.bytes * a.packets'
const many = Array.from({ length: 2000 }, (_, i): Fields => ({ bytes: String(i) }))

test('Ctrl-C cancels a query, with a server and without; a server may limit its time', async (t) => {
  const alone = join(temporaryFolder(t), 'data')
  {
    // One worker and an hour: only a query that is cancelled makes room for the next.
    await using one = await WeirServer.start(
      quietArgs(alone, 'query: { workers: 1, seconds: 3600 }\n'),
    )
    await put(one, many)
    const where = ['--server', one.url, ...logstore]
    await weirSays(['query', ...where, '* | SELECT 1'])
    await using asking = new WeirProcess(['query', ...where, endless])
    await untilBusy(one)
    const { status, stdout, stderr } = await asking.end('SIGINT')
    assert.deepEqual(
      [status, stdout, stderr],
      [130, '', 'weir: QueryCancelled: the query was cancelled\n'],
    )
    const counted = await weirSays(['query', ...where, '* | SELECT count(*) AS n', '--json'])
    assert.equal(counted, '[\n{"n":"2000"}\n]\n')
    await one.stop()
  }
  {
    await using asking = new WeirProcess(['query', '--data', alone, ...logstore, endless])
    await untilBusy(asking)
    const children = descendantsOf(asking.child.pid!)
    const { status, stderr } = await asking.end('SIGINT')
    assert.deepEqual([status, stderr], [130, 'weir: QueryCancelled: the query was cancelled\n'])
    assert.deepEqual(
      children.filter((pid) => existsSync(`/proc/${pid}`)),
      [],
    )
  }
  await using hasty = await WeirServer.start(
    quietArgs(alone, 'query: { workers: 1, seconds: 1 }\n'),
  )
  const { status, stderr } = await weir(['query', '--server', hasty.url, ...logstore, endless])
  assert.equal(status, 1)
  assert.match(stderr, /^weir: QueryTimeout: /)
  await hasty.stop()
})
