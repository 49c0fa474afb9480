/** `weir import`: other clouds' flow logs reach a running server; their records are asked with `weir query`. */
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { temporaryFolder } from './temporary-folder.ts'
import { weir, WeirServer, weirSays } from './weir-process.ts'

const samples = join(import.meta.dirname, '../../shared/samples')
const skip = existsSync(samples) ? false : 'not run: the samples are not beside the project'

const second = Math.floor(Date.now() / 1000) - 7200
const line = (i: number): string =>
  `2 123456789010 eni-1 10.0.${i >> 8}.${i & 255} 10.9.9.9 ${i} 443 6 2 ${i} ${second} ${second + 60} ACCEPT OK\n`
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => line(from + i)).join('')

function start(t: TestContext): Promise<WeirServer> {
  const folder = temporaryFolder(t)
  const config = join(folder, 'weir.yaml')
  writeFileSync(config, 'sample: false\ncapture: { enabled: false }\n')
  return WeirServer.start(['--config', config, '--data', join(folder, 'data'), '--port', '0'])
}

const importing = (url: string, ...args: readonly string[]): string[] =>
  ['import', '--into', 'weir/flow-log', '--server', url].concat(args)

const ask = async (url: string, query: string): Promise<Record<string, string>[]> => {
  const of = ['--server', url, '--project', 'weir', '--logstore', 'flow-log', '--json']
  return JSON.parse(await weirSays(['query', ...of, query])) as Record<string, string>[]
}

const totals = (url: string) =>
  ask(
    url,
    '* | SELECT count(*) AS records, count(DISTINCT srcaddr) AS sources, sum(packets) AS packets, sum(bytes) AS bytes',
  )

suite('weir import', { concurrency: 3 }, () => {
  test('every sample of the four clouds, told by itself, in one run', { skip }, async (t) => {
    await using server = await start(t)
    const files = [
      'aws-v2-default.log',
      'aws-v3-custom-tcp-flags.log',
      'aws-v5-all-fields.log',
      'azure-nsg-v2.json',
      'gcp-vpc-flows.json',
      'alibaba-doc-examples.ndjson',
    ].map((name) => join(samples, name))
    const { status, stdout, stderr } = await weir(importing(server.url, ...files))
    assert.deepEqual(
      [status, stdout, stderr],
      [0, '', 'weir import: 19 records of 6 files are in weir/flow-log\n'],
    )
    assert.deepEqual(
      await ask(
        server.url,
        '* | SELECT "log-status" AS status, count(*) AS records, sum(packets) AS packets, sum(bytes) AS bytes GROUP BY "log-status" ORDER BY "log-status"',
      ),
      [
        { status: 'NODATA', records: '3', packets: 'null', bytes: 'null' },
        { status: 'OK', records: '13', packets: '269', bytes: '200421' },
        { status: 'SKIPDATA', records: '3', packets: 'null', bytes: 'null' },
      ],
    )
    const [record] = await ask(server.url, 'srcaddr:198.51.100.248')
    const { __receive_time__: _, ...rest } = record!
    assert.deepEqual(rest, {
      version: '1',
      'account-id': 'my-sample-project',
      'eni-id': '-',
      'vm-id': 'kibana',
      'vswitch-id': 'default',
      'vpc-id': 'default',
      type: 'IPv4',
      protocol: '6',
      srcaddr: '198.51.100.248',
      srcport: '9200',
      dstaddr: '10.87.40.76',
      dstport: '33970',
      direction: 'in',
      action: '-',
      packets: '68',
      bytes: '173663',
      start: '1560483608',
      end: '1560484191',
      'tcp-flags': '-',
      'log-status': 'OK',
      traffic_path: '-',
      __time__: '1560483608',
      __topic__: 'flow_log',
      __source__: rest['__source__'],
    })
    await server.stop()
  })

  test('many batches, compressed and from standard input; again is another run', async (t) => {
    await using server = await start(t)
    const folder = temporaryFolder(t)
    const [gzip, zstd] = ['a.log.gz', 'b.log.zst'].map((name) => join(folder, name))
    writeFileSync(gzip!, gzipSync(lines(0, 25_000)))
    writeFileSync(zstd!, zstdCompressSync(lines(25_000, 45_000)))
    for (const times of [1, 2]) {
      const { status, stderr } = await weir(
        importing(server.url, '--format', 'aws', '--strict', gzip!, '-', zstd!),
        { input: lines(45_000, 50_000) },
      )
      assert.deepEqual(
        [status, stderr],
        [0, 'weir import: 50000 records of 3 files are in weir/flow-log\n'],
      )
      assert.deepEqual(await totals(server.url), [
        {
          records: `${times * 50_000}`,
          sources: '50000',
          packets: `${times * 100_000}`,
          bytes: `${times * 1_249_975_000}`,
        },
      ])
    }
    await server.stop()
  })

  test('what is malformed is told and the rest imported; with --strict it ends', async (t) => {
    await using server = await start(t)
    const folder = temporaryFolder(t)
    const path = join(folder, 'a.log')
    writeFileSync(path, `${lines(0, 3)}hello\n${lines(3, 5)}`)
    const passed = await weir(importing(server.url, path))
    assert.equal(passed.status, 3)
    assert.deepEqual(passed.stderr.trimEnd().split('\n'), [
      `weir import: ${path}:4: its first value is not a version`,
      `weir import: ${path}: 1 malformed, passed over; 5 records imported`,
      'weir import: 5 records of 1 file are in weir/flow-log',
    ])
    const strict = await weir(importing(server.url, '--strict', path))
    assert.equal(strict.status, 2)
    assert.equal(
      strict.stderr,
      `weir: FlowLogInvalid: its first value is not a version (${path}:4). ` +
        'Without --strict it is passed over and counted\n',
    )
    const cut = join(folder, 'cut.gz')
    writeFileSync(cut, gzipSync(lines(5, 5000)).subarray(0, -200))
    const damaged = await weir(importing(server.url, cut))
    assert.equal(damaged.status, 3)
    assert.match(
      damaged.stderr,
      /cut\.gz is damaged: unexpected end of file\. The \d+ records before/,
    )
    await server.stop()
  })

  test('--create makes project and logstore; without it the message tells of it', async (t) => {
    await using server = await start(t)
    const key = join(temporaryFolder(t), 'writer.json')
    await weirSays(['key', 'create', 'w', '--server', server.url, '--write', 'x', '--file', key])
    const to = (...more: string[]) =>
      weir(['import', '--into', 'other-clouds/aws', '--server', server.url, ...more, '-'], {
        input: lines(0, 2),
      })
    const missing = await to()
    assert.deepEqual(
      [missing.status, missing.stderr],
      [2, 'weir: ProjectNotExist: there is no project other-clouds. --create makes it\n'],
    )
    const denied = await to('--create', '--key-file', key)
    assert.equal(denied.status, 5, denied.stderr)
    assert.match(denied.stderr, /AccessDenied: .*log:CreateLogStore/)
    for (const times of [1, 2]) {
      const made = await to('--create')
      const said = 'weir import: 2 records of 1 file are in other-clouds/aws\n'
      assert.deepEqual([made.status, made.stderr], [0, said])
      const of = [
        '--server',
        server.url,
        '--project',
        'other-clouds',
        '--logstore',
        'aws',
        '--json',
      ]
      const [row] = JSON.parse(
        await weirSays(['query', ...of, '* | SELECT count(*) AS n, sum(packets) AS p']),
      ) as unknown[]
      assert.deepEqual(row, { n: `${2 * times}`, p: `${4 * times}` })
    }
    await server.stop()
  })

  test('wrong use, and no server', async (t) => {
    const folder = temporaryFolder(t)
    const write = (name: string, text: string): string => {
      const path = join(folder, name)
      writeFileSync(path, text)
      return path
    }
    const aws = write('a.log', lines(0, 2))
    const ended = async (...args: string[]) => {
      const { status, stderr } = await weir(['import', ...args])
      return [status, stderr] as const
    }
    const into = ['--into', 'weir/flow-log', '--server', 'http://127.0.0.1:1']
    const cases = [
      [['--format', 'oci', ...into, aws], /--format is oci, not one of aws, azure, gcp, alibaba/],
      [['--into', 'weir', aws], /--into is "weir", not PROJECT\/LOGSTORE/],
      [[aws], /required option '--into/],
      [[...into, '-', '-'], /can be read once only/],
      [[...into, join(folder, 'none')], /FileUnreadable/],
      [[...into, write('x', 'hello\n')], /holds no flow log that Weir knows by its beginning/],
      [[...into, write('y', '')], /y is empty/],
      [['--format', 'gcp', ...into, aws], /holds no flow log of gcp\. It looks like --format aws/],
    ] as const
    for (const [args, message] of cases) {
      const [status, said] = await ended(...args)
      assert.equal(status, 2, said)
      assert.match(said, message)
    }
    const [status, said] = await ended(...into, aws)
    assert.equal(status, 6)
    assert.match(said, /^weir: ServerUnreachable/)
  })

  test('help teaches', async () => {
    const help = await weirSays(['import', '--help'])
    for (const word of ['--format', '--into', '--strict', '--fields', 'Exit status', 'gcloud'])
      assert.ok(help.includes(word), word)
  })
})
