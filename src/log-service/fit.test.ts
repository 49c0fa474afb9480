import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uncompressSync } from 'lz4-napi'
import type { ColumnBatch, ColumnSpec } from '../base/columns.ts'
import { decodeLogGroup, encodeLogGroup } from '../log-group/log-group.ts'
import { flowRecordColumns } from '../record/columns.ts'
import { fitGroup } from './fit.ts'
import { restFields } from '../base/rest-fields.ts'

type Contents = Readonly<Record<string, string>>

const group = (logs: readonly Contents[], tags: readonly (readonly [string, string])[] = []) =>
  decodeLogGroup(
    encodeLogGroup({
      topic: '',
      source: '',
      tags,
      logs: logs.map((each, index) => ({
        time: 1_700_000_000 + index,
        contents: Object.entries(each),
      })),
    }),
  )

/** Absent values left out. */
const rowsOf = ({ rows, columns }: ColumnBatch): Record<string, string | number>[] =>
  Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(
      [...columns].flatMap(([name, column]): [string, string | number][] => {
        if (column.kind === 'text') {
          const code = column.codes[row]!
          return code === 0 ? [] : [[name, column.dictionary[code - 1]!]]
        }
        const value = column.values[row]!
        return Number.isNaN(value) ? [] : [[name, value]]
      }),
    ),
  )

const fitted = (logs: readonly Contents[], specs: readonly ColumnSpec[]) =>
  rowsOf(fitGroup(group(logs), specs).batch).map(({ __time__: _, ...row }) => row)

const bytes: readonly ColumnSpec[] = [{ name: 'bytes', kind: 'integer' }]

test('an integer column takes what is exactly an integer; all else is kept in __rest__', () => {
  const kept = ['0', '7', '-12', '9007199254740991', '-9007199254740991']
  assert.deepEqual(
    fitted(
      kept.map((text) => ({ bytes: text })),
      bytes,
    ),
    kept.map((text) => ({ bytes: Number(text) })),
  )
  const strays = [
    '',
    '-',
    '-0',
    '007',
    '+1',
    '1.0',
    '1e3',
    ' 1',
    '0x10',
    '9007199254740992',
    'ten',
    '١',
  ]
  assert.deepEqual(
    fitted(
      strays.map((text) => ({ bytes: text })),
      bytes,
    ),
    strays.map((text) => ({ __rest__: JSON.stringify({ bytes: text }) })),
  )
})

test('keys that are no columns become columns, those that cannot are kept in __rest__', () => {
  const long = 'k'.repeat(129)
  const log = {
    Bytes: '1',
    new: 'a',
    NEW: 'b',
    [long]: 'c',
    'a\u0001': 'd',
    '': 'e',
    __topic__: 'f',
  }
  const { batch, missing } = fitGroup(group([log]), bytes)
  const [row] = rowsOf(batch)
  assert.deepEqual(Object.keys(row!), ['__time__', 'new', '__rest__'])
  assert.deepEqual(Object.fromEntries(restFields(String(row!['__rest__']))), {
    Bytes: '1',
    NEW: 'b',
    [long]: 'c',
    'a\u0001': 'd',
    '': 'e',
    __topic__: 'f',
  })
  assert.deepEqual(missing, [
    { name: 'new', kind: 'text' },
    { name: '__rest__', kind: 'text' },
  ])
})

test('a logstore has at most 500 columns, and the last is kept for __rest__', () => {
  const specs = Array.from(
    { length: 497 },
    (_, index) => ({ name: `c${index}`, kind: 'text' }) as const,
  )
  const { batch, missing } = fitGroup(group([{ x1: '1', x2: '2', x3: '3', x4: '4' }]), specs)
  assert.deepEqual(
    missing.map(({ name }) => name),
    ['x1', 'x2', '__rest__'],
  )
  assert.deepEqual(rowsOf(batch), [
    { __time__: 1_700_000_000, x1: '1', x2: '2', __rest__: '{"x3":"3","x4":"4"}' },
  ])
})

test('"-" means not applicable in a logstore of flow logs, and is a value in any other', () => {
  const log = { 'eni-id': 'eni-1', 'vm-id': '-', srcport: '-', bytes: '52', note: '-' }
  assert.deepEqual(fitted([log, { 'vm-id': 'i-1' }], flowRecordColumns), [
    { 'eni-id': 'eni-1', bytes: 52, note: '-' },
    { 'vm-id': 'i-1' },
  ])
  assert.deepEqual(fitted([log], [{ name: 'srcport', kind: 'integer' }]), [
    { 'eni-id': 'eni-1', 'vm-id': '-', bytes: '52', note: '-', __rest__: '{"srcport":"-"}' },
  ])
})

test('tags are columns; what the server adds comes first, and a log may not replace it', () => {
  const sent = group(
    [{ a: '1', '__tag__:k': 'log' }],
    [
      ['k', 'v'],
      ['__client_ip__', 'forged'],
    ],
  )
  const { batch } = fitGroup(sent, [], [['__client_ip__', '192.0.2.1']])
  assert.deepEqual(rowsOf(batch), [
    {
      __time__: 1_700_000_000,
      '__tag__:__client_ip__': '192.0.2.1',
      '__tag__:k': 'v',
      a: '1',
      __rest__: '{"__tag__:__client_ip__":"forged","__tag__:k":"log"}',
    },
  ])
})

test('Time_ns is the integer column __time_ns_part__', () => {
  const body = encodeLogGroup({
    topic: '',
    source: '',
    tags: [],
    logs: [{ time: 1_700_000_000, timeNs: 123_456_789, contents: [['a', '1']] }],
  })
  const { batch, missing } = fitGroup(decodeLogGroup(body), [])
  assert.deepEqual(rowsOf(batch), [
    { __time__: 1_700_000_000, __time_ns_part__: 123_456_789, a: '1' },
  ])
  assert.deepEqual(missing[0], { name: '__time_ns_part__', kind: 'integer' })
  const text = fitGroup(decodeLogGroup(body), [{ name: '__time_ns_part__', kind: 'text' }])
  assert.deepEqual(rowsOf(text.batch), [
    { __time__: 1_700_000_000, a: '1', __rest__: '{"__time_ns_part__":"123456789"}' },
  ])
})

// alibaba-api.md 3.2, vectors (b) and (c)
test('the captured bodies of @alicloud/log and of Python hold the logs that were sent', () => {
  const node = Buffer.from(
    '0a280880e2cfaa0612130a0773726361646472120831302e302e302e3112060a016e12013125050000001a027470220373726332090a0474616731120176',
    'hex',
  )
  const first = decodeLogGroup(node)
  assert.deepEqual([first.topic, first.source, first.tags], ['tp', 'src', [['tag1', 'v']]])
  assert.deepEqual(rowsOf(fitGroup(first, [{ name: 'n', kind: 'integer' }]).batch), [
    {
      __time__: 1_700_000_000,
      '__tag__:tag1': 'v',
      __time_ns_part__: 5,
      srcaddr: '10.0.0.1',
      n: 1,
    },
  ])
  const python = Buffer.from(
    '3f000000f0300a2c0880e2cfaa0612130a0773726361646472120831302e302e302e31120a0a05627974657312013125009fe4161a027470220373726332060a016b120176',
    'hex', // after the size, which the library wants there
  )
  const second = decodeLogGroup(uncompressSync(python))
  assert.deepEqual([second.topic, second.source, second.tags], ['tp', 'src', [['k', 'v']]])
  assert.deepEqual(rowsOf(fitGroup(second, bytes).batch), [
    {
      __time__: 1_700_000_000,
      '__tag__:k': 'v',
      __time_ns_part__: 384_081_664,
      srcaddr: '10.0.0.1',
      bytes: 1,
    },
  ])
})
