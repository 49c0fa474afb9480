import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FairQueue } from './fair-queue.ts'

test('who has least under way is next, of those who waits longest', () => {
  const queue = new FairQueue<string>()
  for (const item of ['a1', 'a2', 'a3', 'b1', 'b2', 'c1']) queue.add(item[0]!, item)
  const taken = [queue.take(), queue.take(), queue.take(), queue.take()]
  assert.deepEqual(taken, ['a1', 'b1', 'c1', 'a2'])
  queue.done('b')
  assert.deepEqual([queue.take(), queue.take(), queue.take()], ['b2', 'a3', undefined])
  assert.equal(queue.admitted('a'), 3)
})

test('what waits can be taken out, one or all', () => {
  const queue = new FairQueue<string>()
  for (const item of ['a1', 'a2', 'b1']) queue.add(item[0]!, item)
  queue.remove('a', 'a1')
  queue.remove('a', 'a1')
  queue.remove('c', 'c1')
  assert.deepEqual([queue.size, queue.admitted('a'), queue.admitted('b')], [2, 1, 1])
  assert.deepEqual(queue.clear(), ['a2', 'b1'])
  assert.deepEqual([queue.size, queue.take(), queue.admitted('a')], [0, undefined, 0])
})
