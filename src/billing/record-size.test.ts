import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomFrom } from '../../test/random-from.ts'
import { FlowRecordBatch } from '../record/batch.ts'
import { toColumns } from '../record/columns.ts'
import { flowRecordFields } from '../record/fields.ts'
import { RecordTextWriter } from '../record/text.ts'
import { recordSizes, sumByTexts } from './record-size.ts'

const fields = flowRecordFields.map(({ name }) => name)

/** Names and values of each line as it is delivered. */
function textSizes(text: string): number[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const entries = Object.entries(JSON.parse(line) as Record<string, string>)
      assert.equal(entries.length, 21)
      return entries.reduce(
        (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value),
        0,
      )
    })
}

const enis = ['eni-1', 'eni-"2"\n', 'eni-网卡'].map((eniId, i) => ({
  accountId: i === 0 ? '-' : `121012345678901${i}`,
  eniId,
  vmId: '-',
  vSwitchId: 'vsw-1',
  vpcId: i === 2 ? '-' : `vpc-${i}`,
}))

test('a record weighs the UTF-8 of its 21 names and values as they are delivered', () => {
  const seed = 20_261_122
  const random = randomFrom(seed)
  const batch = new FlowRecordBatch()
  const rows = 4000
  batch.rows = rows
  for (let row = 0; row < rows; row++) {
    batch.eni[row] = random(enis.length)
    batch.status[row] = random(8) === 0 ? 1 + random(2) : 0
    const ok = batch.status[row] === 0
    batch.family[row] = ok ? (random(3) === 0 ? 6 : 4) : 0
    batch.direction[row] = ok ? 1 + random(2) : 0
    batch.action[row] = ok ? 1 + random(2) : 0
    batch.protocol[row] = random(256)
    for (let word = 0; word < 4; word++) {
      batch.source[row * 4 + word] = random(2 ** 32) | 0
      batch.destination[row * 4 + word] = random(3) === 0 ? 0 : random(2 ** 32) | 0
    }
    batch.sourcePort[row] = random(65536)
    batch.destinationPort[row] = random(random(2) === 0 ? 10 : 65536)
    batch.packets[row] = random(10 ** (1 + random(9)))
    batch.bytes[row] = ok ? [0, 9, 10, 99, 100, 999_999_999_999_999, 2 ** 53 - 1][random(7)]! : 0
    batch.start[row] = 1_700_000_000 + random(600)
    batch.end[row] = batch.start[row]! + random(600)
    batch.tcpFlags[row] = random(256)
    batch.path[row] = random(4) === 0 ? 255 : random(23)
  }
  const chunks: Uint8Array[] = []
  const writer = new RecordTextWriter(enis, (bytes) => chunks.push(Uint8Array.from(bytes)))
  writer.write(batch)
  writer.flush()
  const wanted = textSizes(Buffer.concat(chunks).toString())
  const all = Uint32Array.from({ length: rows }, (_, row) => row)
  const columns = toColumns(batch, enis, all, rows)
  const sizes = recordSizes(columns, fields)
  assert.deepEqual([...sizes], wanted, `seed ${seed}`)

  const sums = sumByTexts(columns, sizes, ['account-id', 'vpc-id'])
  const sumOf = (eni: number): number =>
    wanted.reduce((sum, size, row) => (batch.eni[row] === eni ? sum + size : sum), 0)
  assert.deepEqual(
    sums.toSorted((a, b) => (a.values[0] ?? '').localeCompare(b.values[0] ?? '')),
    [
      { values: [undefined, 'vpc-0'], bytes: sumOf(0) },
      { values: ['1210123456789011', 'vpc-1'], bytes: sumOf(1) },
      { values: ['1210123456789012', undefined], bytes: sumOf(2) },
    ],
  )
})

test('every length of number, and what a batch lacks is "-"', () => {
  const values = [0, 9, 10, 99, 100, 2 ** 53 - 1, 10 ** 15, 10 ** 15 - 1, -1, -10, Number.NaN]
  const batch = {
    rows: values.length,
    columns: new Map([
      ['n', { kind: 'integer' as const, values: Float64Array.from([...values, 12345]) }],
    ]),
  }
  assert.deepEqual(
    [...recordSizes(batch, ['n', 'no'])],
    values.map(
      (value) => 'n'.length + 'no-'.length + (Number.isNaN(value) ? '-' : `${value}`).length,
    ),
  )
})
