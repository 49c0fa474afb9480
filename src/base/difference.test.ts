import assert from 'node:assert/strict'
import { test } from 'node:test'
import { differencesOf } from './difference.ts'

test('fields that are gone, new or other; equal ones in another order are the same', () => {
  const before = { a: '1', b: { c: 'x', d: 'y' }, e: 'gone', f: [1, { g: 1, h: 2 }] }
  const after = { f: [1, { h: 2, g: 1 }], b: { d: 'y', c: 'z' }, a: '1', i: null }
  assert.deepEqual(differencesOf(before, after), [
    { path: ['b', 'c'], before: 'x', after: 'z' },
    { path: ['e'], before: 'gone' },
    { path: ['i'], after: null },
  ])
  assert.deepEqual(differencesOf(before, before), [])
  assert.deepEqual(differencesOf(undefined, undefined), [])
  assert.deepEqual(differencesOf({ a: undefined }, {}), [])
})

test('entries of a list with ids are told by them, wherever they stand', () => {
  const before = [{ id: 'a', n: 1 }, { id: 'b' }]
  const after = [{ id: 'c' }, { id: 'b' }, { id: 'a', n: 2 }]
  assert.deepEqual(differencesOf(before, after, ['enis']), [
    { path: ['enis', 'a', 'n'], before: 1, after: 2 },
    { path: ['enis', 'c'], after: { id: 'c' } },
  ])
  assert.deepEqual(differencesOf([{ id: 'toString' }], []), [
    { path: ['toString'], before: { id: 'toString' } },
  ])
  assert.deepEqual(
    differencesOf([{ id: 'a' }, { id: 'a' }], [{ id: 'a' }]),
    [{ path: [], before: { id: 'a' } }],
    'the same id twice is none',
  )
})

test('other lists: each entry that is gone or new, as often; another order is one difference', () => {
  const rule = (port: number) => ({ port, policy: 'accept' })
  const path = ['rules']
  assert.deepEqual(differencesOf([rule(1), rule(2), rule(2)], [rule(3), rule(2), rule(1)], path), [
    { path, before: rule(2) },
    { path, after: rule(3) },
  ])
  assert.deepEqual(differencesOf(['x', 'y'], ['y', 'x'], path), [
    { path, before: ['x', 'y'], after: ['y', 'x'] },
  ])
  assert.deepEqual(differencesOf([1], { a: 1 }, path), [{ path, before: [1], after: { a: 1 } }])
})
