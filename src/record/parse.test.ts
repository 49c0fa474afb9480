import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ColumnBatch } from '../base/columns.ts'
import { WeirError } from '../base/errors.ts'
import { FlowRecordBatch } from './batch.ts'
import { toColumns } from './columns.ts'
import { flowRecordFields } from './fields.ts'
import { parseRecords, recordsMax } from './parse.ts'
import { RecordTextWriter } from './text.ts'

const sample: Readonly<Record<string, string>> = {
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
  bytes: '9007199254740991',
  start: '1700000000',
  end: '1700000060',
  'tcp-flags': '27',
  'log-status': 'OK',
  traffic_path: '-',
}

const parse = (...records: unknown[]): ColumnBatch =>
  parseRecords(Buffer.from(records.map((record) => JSON.stringify(record)).join('\n')))

/** A batch as rows of values, null where absent. */
function rowsOf(batch: ColumnBatch): Record<string, string | number | null>[] {
  return Array.from({ length: batch.rows }, (_, row) =>
    Object.fromEntries(
      [...batch.columns].map(([name, column]) => {
        if (column.kind === 'text') {
          const code = column.codes[row]!
          return [name, code === 0 ? null : column.dictionary[code - 1]!]
        }
        const value = column.values[row]!
        return [name, Number.isNaN(value) ? null : value]
      }),
    ),
  )
}

test('values become typed columns: "-" is null, __time__ is start', () => {
  const [row] = rowsOf(parse(sample))
  assert.deepEqual(row, {
    ...sample,
    version: 1,
    protocol: 6,
    srcport: 52000,
    dstport: 80,
    packets: 10,
    bytes: 9007199254740991,
    start: 1700000000,
    end: 1700000060,
    'tcp-flags': 27,
    traffic_path: null,
    __time__: 1700000000,
  })
})

test('what text.ts writes is read back as what columns.ts gives', () => {
  const batch = new FlowRecordBatch()
  batch.rows = 3
  batch.family.set([4, 6, 0])
  batch.status.set([0, 0, 1])
  batch.direction.set([1, 2, 0])
  batch.action.set([1, 2, 0])
  batch.protocol.set([6, 58, 0])
  batch.source.set([0x0a000001, 0, 0, 0, 0x20010db8, 0, 0, 1])
  batch.destination.set([0x0a000002, 0, 0, 0, 0x20010db8, 0, 0, 2])
  batch.sourcePort.set([443, 0, 0])
  batch.destinationPort.set([65535, 0, 0])
  batch.packets.set([1, 4294967297, 0])
  batch.bytes.set([40, 9007199254740991, 0])
  batch.start.set([1700000000, 1700000001, 1700000040])
  batch.end.set([1700000059, 1700000060, 1700000100])
  batch.tcpFlags.set([255, 0, 0])
  batch.path.set([22, 255, 255])
  const eni = { accountId: '-', eniId: 'eni-"1"', vmId: 'i-1', vSwitchId: '-', vpcId: 'vpc-1' }
  const chunks: Uint8Array[] = []
  const writer = new RecordTextWriter([eni], (bytes) => chunks.push(Uint8Array.from(bytes)))
  writer.write(batch)
  writer.flush()
  assert.deepEqual(
    rowsOf(parseRecords(Buffer.concat(chunks))),
    rowsOf(toColumns(batch, [eni], Uint32Array.of(0, 1, 2), 3)).map((row) =>
      Object.fromEntries(
        [...flowRecordFields.map(({ name }) => name), '__time__'].map((name) => [name, row[name]]),
      ),
    ),
  )
})

test('empty lines and Windows line ends are passed over', () => {
  const line = JSON.stringify(sample)
  assert.equal(parseRecords(Buffer.from(`\n${line}\r\n\r\n${line}\n`)).rows, 2)
})

test('what is wrong is said, with the line', () => {
  const f = (change: Record<string, unknown>, message: string, hint?: string) => {
    const record = Object.fromEntries(
      Object.entries({ ...sample, ...change }).filter(([, value]) => value !== undefined),
    )
    assert.throws(
      () => parse(sample, record),
      (error) => {
        assert.ok(error instanceof WeirError)
        assert.deepEqual(
          [error.code, error.message, error.place, error.hint],
          ['ParameterInvalid', message, 'line 2', hint],
        )
        return true
      },
    )
  }
  f({ srcadr: '1.2.3.4' }, 'unknown field "srcadr"', 'Did you mean "srcaddr"?')
  f({ nothing_like_it: '' }, 'unknown field "nothing_like_it"')
  f({ bytes: undefined }, '"bytes" is missing')
  f({ bytes: 5 }, '"bytes" is 5', 'Values are strings')
  f({ bytes: null }, '"bytes" is null', 'Values are strings')
  f({ bytes: '-5' }, '"bytes" is "-5"', 'It is an integer of 0 to 9007199254740991')
  f({ bytes: '05' }, '"bytes" is "05"', 'It is an integer of 0 to 9007199254740991')
  f({ bytes: '1e3' }, '"bytes" is "1e3"', 'It is an integer of 0 to 9007199254740991')
  f(
    { bytes: '9007199254740992' },
    '"bytes" is "9007199254740992"',
    'It is an integer of 0 to 9007199254740991',
  )
  f({ bytes: '' }, '"bytes" is ""', 'It is an integer of 0 to 9007199254740991')
  f({ bytes: '-' }, '"bytes" of an OK record is a number, not "-"')
  f({ srcport: '65536' }, '"srcport" is "65536"', 'It is an integer of 0 to 65535')
  f({ traffic_path: '23' }, '"traffic_path" is "23"', 'It is an integer of 0 to 22')
  f({ version: '2' }, '"version" is "2"', 'It is 1')
  f({ version: '0' }, '"version" is "0"', 'It is 1')
  f({ start: '-' }, '"start" may not be "-"')
  f({ action: 'accept' }, '"action" is "accept"', 'It may be -, ACCEPT, REJECT')
  f({ 'log-status': '-' }, '"log-status" is "-"', 'It may be OK, NODATA, SKIPDATA')
  f({ type: 'x'.repeat(100) }, `"type" is "${'x'.repeat(79)}...`, 'It may be IPv4, IPv6, -')
})

test('lines that are no record', () => {
  const f = (text: string | Buffer, message: string, place?: string) =>
    assert.throws(
      () => parseRecords(Buffer.from(text)),
      (error) => {
        assert.ok(error instanceof WeirError)
        assert.deepEqual([error.message, error.place], [message, place])
        return true
      },
    )
  f('', 'there is no record in the request')
  f('\n'.repeat(1_000_000), 'there is no record in the request')
  f('{}\n'.repeat(recordsMax + 1), 'there are more than 100000 records')
  f('[]', 'a record is a JSON object', 'line 1')
  f('\nnull', 'a record is a JSON object', 'line 2')
  f('"x"', 'a record is a JSON object', 'line 1')
  f('{"__proto__": {}}', 'unknown field "__proto__"', 'line 1')
  f(Buffer.of(0x7b, 0xff, 0x7d), 'the records are not UTF-8 text')
  assert.throws(() => parseRecords(Buffer.from('{"a"')), /^ParameterInvalid: not JSON: /)
})
