import assert from 'node:assert/strict'
import { test } from 'node:test'
import { csvFields } from './csv-line.ts'

test('fields of a line', () => {
  assert.deepEqual(csvFields(''), [''])
  assert.deepEqual(csvFields('a, b ,,c'), ['a', 'b', '', 'c'])
  assert.deepEqual(csvFields('"a,b", "say ""x""" ,c'), ['a,b', 'say "x"', 'c'])
  assert.deepEqual(csvFields('a,"b",'), ['a', 'b', ''])
  assert.deepEqual(csvFields('"",""'), ['', ''])
  assert.equal(csvFields('a,"b'), undefined)
  assert.equal(csvFields('"a"b,c'), undefined)
})
