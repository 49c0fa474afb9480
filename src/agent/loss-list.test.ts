import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lossAt, ledgerNamed } from '../../test/ledgers.ts'
import { LossList } from './loss-list.ts'

test('a loss that is found again takes the place of what was said of it', () => {
  const losses = new LossList([{ ...lossAt('eni-1', 60), opening: 'o' }])
  const loss = { eni: 'eni-1', opening: 'o', reason: 'restart', from: 120, to: 130 } as const
  losses.add(loss)
  losses.add({ ...loss, to: 133, frames: 7, bytes: 700 })
  losses.add({ ...loss, opening: 'another' })
  assert.deepEqual(losses.all, [
    { ...lossAt('eni-1', 60), opening: 'o' },
    { ...loss, to: 133, frames: 7, bytes: 700 },
    { ...loss, opening: 'another' },
  ])
})

test('of many losses the newest are remembered', () => {
  const losses = new LossList()
  const { opening } = ledgerNamed('eni-1')
  for (let i = 0; i < 1003; i++)
    losses.add({ eni: 'eni-1', opening, reason: 'ring', from: i, to: i + 1, frames: 1 })
  assert.deepEqual([losses.all.length, losses.all[0]!.from], [1000, 3])
})
