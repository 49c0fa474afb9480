import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { UnixSeconds } from '../base/time.ts'
import type { CaptureWindow } from '../window/window.ts'
import { WindowStatus } from './window-status.ts'

const minutes = (second: number): CaptureWindow => ({
  start: (second - (second % 60)) as UnixSeconds,
  seconds: 60,
})

const told = (status: WindowStatus, bound: number, stoppedAt?: number): string[] =>
  status.due(bound, stoppedAt).map(({ window, lost }) => `${window.start}${lost ? ' lost' : ''}`)

test('each whole window is told of once; the one that capture began in is not', () => {
  const status = new WindowStatus(minutes, 1010, 1010)
  assert.deepEqual(told(status, 1020), [])
  assert.deepEqual(told(status, 1140), ['1020', '1080'])
  assert.deepEqual(told(status, 1140), [])
  assert.deepEqual(told(status, 1200), ['1140'])
})

test('a loss is told of in every window that it touches, whole or not', () => {
  const status = new WindowStatus(minutes, 1010, 1010)
  status.lose(1019, 1020)
  assert.deepEqual(told(status, 1080), ['960 lost', '1020 lost'])
  status.lose(1080, 1080)
  status.lose(1081, 1139)
  assert.deepEqual(told(status, 1200), ['1080 lost', '1140'])
})

test('after a restart the windows before it are told of only where something was lost', () => {
  const status = new WindowStatus(minutes, 900, 1150)
  status.lose(970, 1150)
  assert.deepEqual(told(status, 1260), ['960 lost', '1020 lost', '1080 lost', '1140 lost', '1200'])
})

test('the window that capture ended in is not told to be silent', () => {
  const status = new WindowStatus(minutes, 960, 960)
  assert.deepEqual(told(status, 1080, 1030), ['960'])
  status.lose(1090, 1090)
  assert.deepEqual(told(status, 1140, 1100), ['1080 lost'])
})

test('windows change their length', () => {
  const lengths = (second: number): CaptureWindow =>
    second < 1200
      ? minutes(second)
      : { start: (second - (second % 300)) as UnixSeconds, seconds: 300 }
  const status = new WindowStatus(lengths, 1080, 1080)
  assert.deepEqual(told(status, 1800), ['1080', '1140', '1200', '1500'])
})
