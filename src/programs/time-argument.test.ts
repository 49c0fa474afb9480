import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WeirError } from '../base/errors.ts'
import { timeArgument } from './time-argument.ts'

const now = 1_795_368_863.75

test('times on a command line', () => {
  const is = (text: string, zone: string, want: number) =>
    assert.equal(timeArgument('--from', text, zone, now), want, `${text} in ${zone}`)

  is('0', 'UTC', 0)
  is('1700000000', 'Asia/Shanghai', 1_700_000_000)
  is('now', 'UTC', 1_795_368_863)
  is('-15m', 'UTC', 1_795_368_863 - 900)
  is('-1s', 'UTC', 1_795_368_862)
  is('-6h', 'UTC', 1_795_368_863 - 21_600)
  is('-7d', 'UTC', 1_795_368_863 - 604_800)
  is('-2w', 'UTC', 1_795_368_863 - 1_209_600)

  is('2026-11-22', 'UTC', 1_795_305_600)
  is('2026-11-22T10:00', 'UTC', 1_795_341_600)
  is('2026-11-22 10:00', 'UTC', 1_795_341_600)
  is(' 2026-11-22T10:00:30 ', 'UTC', 1_795_341_630)
  is('2026-11-22T10:00:30.999', 'UTC', 1_795_341_630)
  is('2026-11-22T10:00', 'Asia/Shanghai', 1_795_341_600 - 8 * 3600)
  is('2026-11-22T10:00', 'America/New_York', 1_795_341_600 + 5 * 3600)
  is('2026-07-22T10:00', 'America/New_York', Date.parse('2026-07-22T14:00Z') / 1000)
  // A time that names its offset means that, whatever the zone.
  is('2026-11-22T10:00Z', 'Asia/Shanghai', 1_795_341_600)
  is('2026-11-22 10:00:00+08:00', 'UTC', 1_795_341_600 - 8 * 3600)
  is('1969-12-31T23:59:59', 'UTC', -1)
})

test('what is no time', () => {
  for (const text of [
    '',
    'yesterday',
    '15m',
    '-15',
    '-15y',
    '-m',
    '2026-13-01',
    '2026-02-30',
    '22.11.2026',
    '-1.5h',
    '1e9',
  ])
    assert.throws(() => timeArgument('--to', text, 'UTC', now), {
      name: 'Usage',
      message: `--to is ${JSON.stringify(text)}, which is no time`,
      hint: 'Write Unix seconds, 2026-11-22T10:00, now, or a span back such as -15m, -6h, -7d',
    })
})

test('a zone that is none is not blamed on the time', () => {
  assert.throws(
    () => timeArgument('--from', '2026-11-22', 'Mars/Olympus', now),
    (error) => {
      assert.ok(error instanceof WeirError)
      assert.deepEqual(
        [error.code, error.message, error.hint],
        [
          'Usage',
          '--zone is "Mars/Olympus", which is no time zone',
          'Such as UTC or Asia/Shanghai',
        ],
      )
      return true
    },
  )
})
