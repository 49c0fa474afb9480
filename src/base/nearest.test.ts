import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearest } from './nearest.ts'

test('the nearest name, if one is near', () => {
  const f = (written: string, names: string[], want: string | undefined) =>
    assert.equal(nearest(written, names), want, written)
  f('srcadr', ['srcaddr', 'dstaddr'], 'srcaddr')
  f('SRCADDR', ['srcaddr', 'dstaddr'], 'srcaddr')
  f('qurey', ['query', 'quota'], 'query')
  f('form', ['from', 'to'], 'from')
  f('zone', ['from', 'to'], undefined)
  f('x', ['to'], undefined)
  f('', ['to'], undefined)
  f('anything', [], undefined)
  f('a'.repeat(10_000), ['a'.repeat(64)], 'a'.repeat(64))
})
