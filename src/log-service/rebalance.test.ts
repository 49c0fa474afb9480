import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomFrom } from '../../test/random-from.ts'
import { type GroupShards, rebalance } from './rebalance.ts'

const newGroup = (): GroupShards => ({ holders: new Map(), leaving: new Set() })

test('one consumer reads all shards; a second takes half, one after the other is let go', () => {
  const group = newGroup()
  const shards = [0, 1, 2, 3]
  assert.deepEqual(rebalance(group, shards, ['a'], 'a', []), [0, 1, 2, 3])
  const both = ['a', 'b']
  assert.deepEqual(rebalance(group, shards, both, 'b', []), [])
  assert.deepEqual(rebalance(group, shards, both, 'a', [0, 1, 2, 3]), [0, 1, 2])
  assert.deepEqual(rebalance(group, shards, both, 'b', []), [], 'a has not let go of 3 yet')
  assert.deepEqual(rebalance(group, shards, both, 'a', [0, 1, 2]), [0, 1, 2])
  assert.deepEqual(rebalance(group, shards, both, 'b', []), [3])
  assert.deepEqual(rebalance(group, shards, both, 'a', [0, 1, 2]), [0, 1])
  assert.deepEqual(rebalance(group, shards, both, 'a', [0, 1]), [0, 1])
  assert.deepEqual(rebalance(group, shards, both, 'b', [3]), [2, 3])
})

test('the shards of a consumer that is not heard any more are others’', () => {
  const group = newGroup()
  rebalance(group, [0, 1], ['a', 'b'], 'a', [])
  rebalance(group, [0, 1], ['a', 'b'], 'b', [])
  assert.deepEqual(rebalance(group, [0, 1], ['b'], 'b', [1]), [0, 1])
})

test('after a restart of the server, what a consumer holds stays its own', () => {
  assert.deepEqual(rebalance(newGroup(), [0, 1, 2], ['a'], 'a', [2]), [0, 1, 2])
  const group: GroupShards = { holders: new Map([[2, 'b']]), leaving: new Set() }
  assert.deepEqual(rebalance(group, [0, 1, 2], ['a', 'b'], 'a', []), [0, 1])
})

test('a shard that is gone is nobody’s', () => {
  const group = newGroup()
  rebalance(group, [0, 1], ['a'], 'a', [])
  assert.deepEqual(rebalance(group, [1], ['a'], 'a', [0, 1]), [1])
})

test('consumers come, die and are slow: never do two read one shard, and loads even out', () => {
  const seed = Number(process.env['WEIR_SEED'] ?? 20261122)
  console.log(`seed ${seed}`)
  const next = randomFrom(seed)
  const names = ['a', 'b', 'c', 'd', 'e']
  for (let round = 0; round < 200; round++) {
    const group = newGroup()
    const shards = Array.from({ length: 1 + next(12) }, (_, index) => index)
    /** What each living consumer reads now. */
    const reads = new Map<string, number[]>([['a', []]])
    /** What it was told and has not yet carried out. */
    const told = new Map<string, number[]>()
    const beat = (name: string): void => {
      const answer = rebalance(group, shards, [...reads.keys()], name, reads.get(name)!)
      told.set(name, answer)
    }
    const obey = (name: string): void => {
      const answer = told.get(name)
      if (answer !== undefined) reads.set(name, answer)
      const all = [...reads.values()].flat()
      assert.equal(new Set(all).size, all.length, `round ${round}: ${JSON.stringify([...reads])}`)
    }
    for (let step = 0; step < 60; step++) {
      const name = names[next(names.length)]!
      if (!reads.has(name)) reads.set(name, [])
      else if (next(10) === 0 && reads.size > 1) {
        reads.delete(name)
        told.delete(name)
      } else if (next(2) === 0) beat(name)
      else obey(name)
    }
    for (let step = 0; step < 40; step++)
      for (const name of reads.keys()) {
        beat(name)
        obey(name)
      }
    const loads = [...reads.values()].map(({ length }) => length)
    assert.equal(
      loads.reduce((sum, load) => sum + load, 0),
      shards.length,
    )
    assert.ok(Math.max(...loads) - Math.min(...loads) <= 1, JSON.stringify([...reads]))
  }
})
