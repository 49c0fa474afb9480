/** Every sample of the four clouds, as the vendors write them: each record, field by field. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { imported, type Row } from '../../test/imported.ts'
import { detectFormat, type FlowLogFormat } from './formats.ts'

const folder = join(import.meta.dirname, '../../../shared/samples')
const skip = existsSync(folder) ? false : 'not run: the samples are not beside the project'

const sample = async (file: string, format: FlowLogFormat): Promise<readonly Row[]> => {
  const text = readFileSync(join(folder, file), 'utf8')
  assert.equal(detectFormat(text.slice(0, 4096)), format)
  const { rows, malformed, problems } = await imported(text, format)
  assert.deepEqual([malformed, problems], [0, []])
  assert.deepEqual(await imported(text, format, {}, 7), {
    rows,
    malformed,
    problems,
    batches: [rows.length],
  })
  for (const row of rows) {
    assert.equal(row['__time__'], row['start'])
    assert.equal(row['version'], 1)
  }
  return rows.map(({ __time__: _, version: __, ...rest }) => rest)
}

const sums = (rows: readonly Row[]): Record<string, number> => {
  const sum = (name: string): number =>
    rows.reduce((total, row) => total + Number(row[name] ?? 0), 0)
  return { records: rows.length, packets: sum('packets'), bytes: sum('bytes') }
}

test('AWS default format, version 2, without a line of names', { skip }, async () => {
  const rows = await sample('aws-v2-default.log', 'aws')
  assert.deepEqual(sums(rows), { records: 7, packets: 102, bytes: 18_025 })
  assert.deepEqual(rows[0], {
    'account-id': '123456789010',
    'eni-id': 'eni-1235b8ca123456789',
    type: 'IPv6',
    protocol: 6,
    srcaddr: '2001:db8:1234:a100:8d6e:3477:df66:f105',
    srcport: 34_892,
    dstaddr: '2001:db8:1234:a102:3304:8879:34cf:4071',
    dstport: 22,
    action: 'ACCEPT',
    packets: 54,
    bytes: 8855,
    start: 1_477_913_708,
    end: 1_477_913_820,
    'log-status': 'OK',
  })
  assert.deepEqual(rows[2], {
    'account-id': '123456789010',
    'eni-id': 'eni-11111111aaaaaaaaa',
    start: 1_431_280_876,
    end: 1_431_280_934,
    'log-status': 'SKIPDATA',
  })
  assert.deepEqual(
    rows.map((row) => row['action'] ?? row['log-status']),
    ['ACCEPT', 'NODATA', 'SKIPDATA', 'ACCEPT', 'REJECT', 'ACCEPT', 'REJECT'],
  )
})

test('AWS custom format, with a line of names before each record', { skip }, async () => {
  const rows = await sample('aws-v3-custom-tcp-flags.log', 'aws')
  const eni = {
    'account-id': '123456789010',
    'eni-id': 'eni-1235b8ca123456789',
    'vm-id': 'i-01234567890123456',
    'vswitch-id': 'subnet-aaaaaaaa012345678',
    'vpc-id': 'vpc-abcdefab012345678',
    start: 1_566_848_875,
    end: 1_566_848_933,
  }
  assert.deepEqual(rows, [
    {
      ...eni,
      type: 'IPv4',
      protocol: 6,
      srcaddr: '52.213.180.42',
      srcport: 43_416,
      dstaddr: '10.0.0.62',
      dstport: 5001,
      action: 'ACCEPT',
      packets: 8,
      bytes: 568,
      'tcp-flags': 2,
      'log-status': 'OK',
    },
    { ...eni, 'log-status': 'SKIPDATA' },
    { ...eni, 'log-status': 'NODATA' },
  ])
})

test('AWS version 5, all fields, without a line of names', { skip }, async () => {
  // Its numbers were made unrecognisable: start is of 1975, and 52 packets have 1 byte.
  assert.deepEqual(await sample('aws-v5-all-fields.log', 'aws'), [
    {
      'account-id': '64111117617',
      'eni-id': 'eni-069xxxxxb7a490',
      'vm-id': 'i-0axxxxxx1ad77',
      'vswitch-id': 'subnet-02d645xxxxxxxdbc0',
      'vpc-id': 'vpc-09676f97xxxxxb8a7',
      type: 'IPv4',
      protocol: 17,
      srcaddr: '89.160.20.156',
      srcport: 50_041,
      dstaddr: '10.200.0.0',
      dstport: 33_004,
      direction: 'in',
      action: 'REJECT',
      packets: 52,
      bytes: 1,
      start: 164_000_066,
      end: 1_640_000_297,
      'tcp-flags': 1,
      'log-status': 'OK',
      traffic_path: 1,
    },
  ])
})

test('Azure NSG flow log, version 2: a tuple is a record each way', { skip }, async () => {
  const common = {
    'account-id': '00000000-0000-0000-0000-000000000000',
    'eni-id': '000D3AF87856',
    type: 'IPv4',
    protocol: 6,
    action: 'ACCEPT',
    packets: 1,
    bytes: 66,
    start: 1_542_110_379,
    end: 1_542_110_379,
    'log-status': 'OK',
  }
  assert.deepEqual(await sample('azure-nsg-v2.json', 'azure'), [
    {
      ...common,
      srcaddr: '1.128.0.0',
      srcport: 59_932,
      dstaddr: '1.128.0.1',
      dstport: 443,
      direction: 'out',
    },
    {
      ...common,
      srcaddr: '1.128.0.1',
      srcport: 443,
      dstaddr: '1.128.0.0',
      dstport: 59_932,
      direction: 'in',
    },
  ])
})

test('GCP VPC flow logs: the side that reported it', { skip }, async () => {
  const rows = await sample('gcp-vpc-flows.json', 'gcp')
  assert.deepEqual(sums(rows), { records: 2, packets: 75, bytes: 175_439 })
  const common = {
    'account-id': 'my-sample-project',
    'vm-id': 'kibana',
    'vswitch-id': 'default',
    'vpc-id': 'default',
    type: 'IPv4',
    protocol: 6,
    'log-status': 'OK',
  }
  assert.deepEqual(rows, [
    {
      ...common,
      srcaddr: '10.87.40.76',
      srcport: 5601,
      dstaddr: '203.0.113.12',
      dstport: 33_478,
      direction: 'out',
      packets: 7,
      bytes: 1776,
      start: 1_560_483_937,
      end: 1_560_483_937,
    },
    {
      ...common,
      srcaddr: '198.51.100.248',
      srcport: 9200,
      dstaddr: '10.87.40.76',
      dstport: 33_970,
      direction: 'in',
      packets: 68,
      bytes: 173_663,
      start: 1_560_483_608,
      end: 1_560_484_191,
    },
  ])
})

test(
  'Alibaba: the four samples of the page, whose last fields are shifted by one, put right',
  { skip },
  async () => {
    const rows = await sample('alibaba-doc-examples.ndjson', 'alibaba')
    assert.deepEqual(sums(rows), { records: 4, packets: 30, bytes: 6256 })
    const vpc = 'vpc-bp1qf0c43jb3maz******'
    assert.deepEqual(rows[0], {
      'account-id': '1210123456**',
      'eni-id': 'eni-bp166tg9uk1ryf**',
      'vpc-id': vpc,
      type: 'IPv4',
      protocol: 6,
      srcaddr: '172.31.16.139',
      srcport: 1332,
      dstaddr: '172.31.16.21',
      dstport: 80,
      direction: 'out',
      action: 'ACCEPT',
      packets: 10,
      bytes: 2048,
      start: 1_720_775_420,
      end: 1_720_775_480,
      'tcp-flags': 22,
      'log-status': 'OK',
    })
    assert.deepEqual(rows[2], {
      'account-id': '1210123456******',
      'eni-id': 'eni-bp1j7mmp34jlve******',
      'vpc-id': vpc,
      start: 1_721_011_940,
      end: 1_721_012_120,
      'log-status': 'NODATA',
    })
    assert.deepEqual(
      rows.map((row) => [row['log-status'], row['action'], row['vm-id'], row['vswitch-id']]),
      [
        ['OK', 'ACCEPT', undefined, undefined],
        ['OK', 'REJECT', undefined, undefined],
        ['NODATA', undefined, undefined, undefined],
        ['SKIPDATA', undefined, undefined, undefined],
      ],
    )
  },
)
