/** Fields without a column of their own are shown as those that have one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { QueryAnswer } from '../api/contract.ts'
import { unfoldRest } from './unfold-rest.ts'

const answer: QueryAnswer = {
  columns: [
    { name: 'bytes', type: 'bigint' },
    { name: '__rest__', type: 'varchar' },
    { name: 'action', type: 'varchar' },
  ],
  rows: [
    ['1', null, 'ACCEPT'],
    [null, '{"bytes":"many","note":"a"}', 'REJECT'],
    ['3', '{"\\u0001":"b"}', null],
  ],
  hasSql: false,
  exact: true,
  scannedRows: 3,
  scannedFiles: 1,
  elapsedMs: 1,
  limited: false,
}

test('a search shows records as they were sent', () => {
  assert.deepEqual(unfoldRest(answer), {
    ...answer,
    columns: ['bytes', 'action', 'note', '\u0001'].map((name) => ({
      name,
      type: name === 'bytes' ? 'bigint' : 'varchar',
    })),
    rows: [
      ['1', 'ACCEPT', null, null],
      ['many', 'REJECT', 'a', null],
      ['3', null, null, 'b'],
    ],
  })
})

test('an answer of SQL, and one without such fields, stay as they are', () => {
  const sql = { ...answer, hasSql: true }
  assert.equal(unfoldRest(sql), sql)
  const plain = { ...answer, columns: [], rows: [] }
  assert.equal(unfoldRest(plain), plain)
})
