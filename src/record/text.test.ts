import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Random } from '../sample/random.ts'
import {
  type EniIdentity,
  FlowRecordBatch,
  logStatus,
  noTrafficPath,
  recordBatchRows,
} from './batch.ts'
import { flowLogTopic, flowRecordColumns, toColumns } from './columns.ts'
import { flowRecordFields } from './fields.ts'
import { parseRecords } from './parse.ts'
import { RecordTextWriter } from './text.ts'

const web: EniIdentity = {
  accountId: '1210123456789012',
  eniId: 'eni-web1',
  vmId: 'i-web1',
  vSwitchId: 'vsw-web',
  vpcId: 'vpc-shop',
}
const nobody: EniIdentity = {
  accountId: '-',
  eniId: 'eni-x',
  vmId: '-',
  vSwitchId: '-',
  vpcId: '-',
}

interface Row {
  readonly eni: number
  readonly status: number
  readonly direction: number
  readonly action: number
  readonly family: number
  readonly protocol: number
  readonly source: readonly number[]
  readonly destination: readonly number[]
  readonly sourcePort: number
  readonly destinationPort: number
  readonly packets: number
  readonly bytes: number
  readonly start: number
  readonly end: number
  readonly tcpFlags: number
  readonly path: number
}

const plain: Row = {
  eni: 0,
  status: 0,
  direction: 1,
  action: 1,
  family: 4,
  protocol: 6,
  source: [0x781a0001],
  destination: [0x0a000001],
  sourcePort: 52000,
  destinationPort: 80,
  packets: 10,
  bytes: 5000,
  start: 1_700_000_000,
  end: 1_700_000_060,
  tcpFlags: 27,
  path: 7,
}

function batchOf(rows: readonly Row[]): FlowRecordBatch {
  const batch = new FlowRecordBatch()
  // What a batch held before must not show.
  batch.source.fill(0x55555555)
  batch.destination.fill(0x55555555)
  for (const row of rows) {
    const at = batch.rows++
    for (const [name, value] of Object.entries(row) as [keyof Row, number | number[]][])
      if (typeof value === 'number') (batch[name] as Uint8Array)[at] = value
      else (batch[name] as Int32Array).set(value, at * 4)
  }
  return batch
}

function textOf(rows: readonly Row[], enis = [web, nobody], bufferBytes?: number): string {
  const parts: Buffer[] = []
  const writer = new RecordTextWriter(enis, (bytes) => parts.push(Buffer.from(bytes)), bufferBytes)
  for (let at = 0; at < rows.length; at += recordBatchRows)
    writer.write(batchOf(rows.slice(at, at + recordBatchRows)))
  writer.flush()
  writer.flush() // nothing is left
  return Buffer.concat(parts).toString()
}

const objectsOf = (text: string): Record<string, string>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>)

suite('59, 60: the exact lines', () => {
  test('59 an OK record of each family', () => {
    const six: Row = {
      ...plain,
      eni: 1,
      direction: 2,
      action: 2,
      family: 6,
      protocol: 58,
      source: [0x20010db8, 0, 0, 1],
      destination: [0, 0, 0xffff, 0x01020304],
      sourcePort: 0,
      destinationPort: 0,
      packets: 1,
      bytes: 48,
      tcpFlags: 0,
      path: noTrafficPath,
    }
    assert.equal(
      textOf([plain, six]),
      '{"version":"1","account-id":"1210123456789012","eni-id":"eni-web1","vm-id":"i-web1",' +
        '"vswitch-id":"vsw-web","vpc-id":"vpc-shop","type":"IPv4","protocol":"6",' +
        '"srcaddr":"120.26.0.1","srcport":"52000","dstaddr":"10.0.0.1","dstport":"80",' +
        '"direction":"in","action":"ACCEPT","packets":"10","bytes":"5000",' +
        '"start":"1700000000","end":"1700000060","tcp-flags":"27","log-status":"OK",' +
        '"traffic_path":"7"}\n' +
        '{"version":"1","account-id":"-","eni-id":"eni-x","vm-id":"-","vswitch-id":"-","vpc-id":"-",' +
        '"type":"IPv6","protocol":"58","srcaddr":"2001:db8::1","srcport":"0",' +
        '"dstaddr":"::ffff:1.2.3.4","dstport":"0","direction":"out","action":"REJECT",' +
        '"packets":"1","bytes":"48","start":"1700000000","end":"1700000060","tcp-flags":"0",' +
        '"log-status":"OK","traffic_path":"-"}\n',
    )
  })

  test('60 NODATA and SKIPDATA', () => {
    for (const [status, name] of [
      [logStatus.noData, 'NODATA'],
      [logStatus.skipData, 'SKIPDATA'],
    ] as const)
      assert.equal(
        textOf([{ ...plain, status }]),
        '{"version":"1","account-id":"1210123456789012","eni-id":"eni-web1","vm-id":"i-web1",' +
          '"vswitch-id":"vsw-web","vpc-id":"vpc-shop","type":"-","protocol":"-","srcaddr":"-",' +
          '"srcport":"-","dstaddr":"-","dstport":"-","direction":"-","action":"-","packets":"-",' +
          `"bytes":"-","start":"1700000000","end":"1700000060","tcp-flags":"-","log-status":"${name}",` +
          '"traffic_path":"-"}\n',
      )
  })

  test('59 the fields are those of the table, in its order', () => {
    for (const status of Object.values(logStatus))
      assert.deepEqual(
        Object.keys(objectsOf(textOf([{ ...plain, status }]))[0]!),
        flowRecordFields.map(({ name }) => name),
      )
  })
})

test('numbers of every length up to 2^53', () => {
  const numbers = [
    0,
    1,
    9,
    10,
    99,
    100,
    65_534,
    65_535,
    65_536,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
  ]
  for (let power = 2; power <= 15; power++)
    numbers.push(10 ** power - 1, 10 ** power, 10 ** power + 1, 5 * 10 ** power)
  for (let power = 17; power <= 53; power++) numbers.push(2 ** power - 1, 2 ** power)
  const random = new Random(53)
  for (let i = 0; i < 20_000; i++) numbers.push(Math.floor(2 ** random.real(0, 53)))
  const rows = numbers.map((value) => ({
    ...plain,
    packets: value,
    bytes: value,
    start: value,
    end: value,
  }))
  objectsOf(textOf(rows)).forEach((record, i) => {
    for (const name of ['packets', 'bytes', 'start', 'end'])
      assert.equal(record[name], String(numbers[i]), name)
  })
})

test('every value of the small fields', () => {
  const rows = Array.from({ length: 65_536 }, (_, value) => ({
    ...plain,
    protocol: value & 255,
    sourcePort: value,
    destinationPort: 65_535 - value,
    tcpFlags: value >> 8,
    path: value % 23,
    direction: value % 3,
    action: value % 3,
  }))
  objectsOf(textOf(rows)).forEach((record, value) => {
    const seen = ['protocol', 'srcport', 'dstport', 'tcp-flags', 'traffic_path'].map((name) =>
      Number(record[name]),
    )
    assert.deepEqual(seen, [value & 255, value, 65_535 - value, value >> 8, value % 23])
    assert.equal(record['direction'], ['-', 'in', 'out'][value % 3])
    assert.equal(record['action'], ['-', 'ACCEPT', 'REJECT'][value % 3])
  })
})

test('identities of any text and any length', () => {
  const names = ['"quoted"\\', 'line\nbreak', 'VPC 上海', '\u0000\u001f', 'x'.repeat(5000), '']
  const enis = names.map((name) => ({ ...web, eniId: name, vpcId: name }))
  const records = objectsOf(
    textOf(
      names.map((_, eni) => ({ ...plain, eni })),
      enis,
    ),
  )
  assert.deepEqual(
    records.map((record) => record['eni-id']),
    names,
  )
  assert.deepEqual(
    records.map((record) => record['vpc-id']),
    names,
  )
  assert.ok(records.every((record) => record['traffic_path'] === '7'))
})

test('a small buffer is handed on whole lines at a time', () => {
  const rows = Array.from({ length: 300 }, (_, i) => ({
    ...plain,
    status: i % 3,
    bytes: 10 ** (i % 16),
  }))
  const sizes: number[] = []
  const parts: string[] = []
  const writer = new RecordTextWriter(
    [web],
    (bytes) => {
      sizes.push(bytes.length)
      parts.push(Buffer.from(bytes).toString())
    },
    1,
  )
  writer.write(batchOf(rows))
  writer.flush()
  assert.ok(sizes.length > 10)
  assert.ok(parts.every((part) => part.endsWith('}\n')))
  assert.equal(parts.join(''), textOf(rows))
})

suite('typed columns', () => {
  const random = new Random(21)
  const word = (): number => (random.whole(0, 3) === 0 ? 0 : random.next() | 0)
  const rows = Array.from({ length: 3000 }, (): Row => {
    const six = random.whole(0, 1) === 1
    const address = (): number[] => (six ? [word(), word(), word(), word()] : [word()])
    const status = random.whole(0, 9) > 7 ? random.whole(1, 2) : 0
    const start = random.next()
    return {
      eni: random.whole(0, 1),
      status,
      direction: status === 0 ? random.whole(0, 2) : 0,
      action: status === 0 ? random.whole(1, 2) : 0,
      family: status === 0 ? (six ? 6 : 4) : 0,
      protocol: random.whole(0, 255),
      source: address(),
      destination: address(),
      sourcePort: random.whole(0, 65_535),
      destinationPort: random.whole(0, 65_535),
      packets: Math.floor(2 ** random.real(0, 53)),
      bytes: Math.floor(2 ** random.real(0, 53)),
      start,
      end: start + random.whole(0, 600),
      tcpFlags: random.whole(0, 255),
      path: random.whole(0, 3) === 0 ? noTrafficPath : random.whole(0, 22),
    }
  })

  test('hold what the text holds: read back from it they are the same', () => {
    const order = Uint32Array.from(rows, (_, i) => rows.length - 1 - i)
    const columns = toColumns(batchOf(rows), [web, nobody], order, rows.length)
    const parsed = parseRecords(Buffer.from(textOf([...rows].reverse())))
    assert.equal(columns.rows, parsed.rows)
    assert.deepEqual([...columns.columns.keys()].sort(), [...parsed.columns.keys()].sort())
    for (const [name, column] of columns.columns) {
      const other = parsed.columns.get(name)!
      for (let row = 0; row < rows.length; row++)
        if (column.kind === 'text' && other.kind === 'text')
          assert.equal(
            column.dictionary[column.codes[row]! - 1],
            other.dictionary[other.codes[row]! - 1],
            name,
          )
        else if (column.kind === 'integer' && other.kind === 'integer')
          assert.equal(column.values[row], other.values[row], name)
        else assert.fail(`${name} is ${column.kind} and ${other.kind}`)
    }
  })

  test('take the rows they are told to, and name each text once', () => {
    const batch = batchOf([plain, { ...plain, status: 1 }, { ...plain, eni: 1, sourcePort: 7 }])
    const { rows: count, columns } = toColumns(batch, [web, nobody], Uint32Array.of(2, 0, 0), 2)
    assert.equal(count, 2)
    const port = columns.get('srcport')!
    assert.deepEqual(port.kind === 'integer' && [...port.values], [7, 52000])
    const address = columns.get('dstaddr')!
    assert.deepEqual(address.kind === 'text' && [...address.codes, ...address.dictionary], [
      1,
      1,
      '10.0.0.1',
    ])
    const vm = columns.get('vm-id')!
    assert.deepEqual(vm.kind === 'text' && [...vm.codes, ...vm.dictionary], [0, 1, 'i-web1'])
    const times = columns.get('__time__')!
    assert.deepEqual(times.kind === 'integer' && [...times.values], [1_700_000_000, 1_700_000_000])
  })

  test('their names and kinds are the field table', () => {
    assert.deepEqual(
      flowRecordColumns.map(({ name }) => name),
      flowRecordFields.map(({ name }) => name),
    )
    assert.equal(flowLogTopic, 'flow_log')
  })
})
