/** "Raw results page with line, offset, reverse": a page reads the files that its rows can be in, and no more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomFrom } from '../../test/random-from.ts'
import { PageFiles } from './page-files.ts'

const seed = Number(process.env['WEIR_SEED'] ?? 20_260_105)
const range = { from: 0, to: 100_000 }

interface File {
  readonly span?: { readonly rows: number; readonly timeMin: number; readonly timeMax: number }
  readonly times: readonly number[]
}

const fileOf = (times: readonly number[], rows: number): File => ({
  times,
  span: { rows, timeMin: Math.min(...times), timeMax: Math.max(...times) },
})

/** What the pages of a search find, and how many rows were looked into. */
function look(files: readonly File[], rows: number, reverse: boolean) {
  const looked = new PageFiles(files, { rows, reverse })
  const inOrder = (all: readonly number[]) => all.toSorted((a, b) => (reverse ? b - a : a - b))
  let read = 0
  for (let some = looked.next(); some !== undefined; some = looked.next()) {
    read += some.reduce((sum, { span }) => sum + (span?.rows ?? 0), 0)
    looked.found(inOrder(some.flatMap(({ times }) => times)).slice(0, rows))
  }
  const page = looked.page(range)
  const within = (time: number) =>
    page !== undefined && time >= page.range.from && time < page.range.to
  const found = (page?.files ?? []).flatMap(({ times }) => times.filter(within))
  return { read, files: page?.files.length ?? 0, rows: inOrder(found).slice(0, rows) }
}

test('hour after hour until the page is full, from either end', () => {
  const hours = Array.from({ length: 24 }, (_, hour) =>
    fileOf([hour * 3600, hour * 3600 + 10, hour * 3600 + 3599], 300_000),
  )
  assert.deepEqual(look(hours, 3, false), { read: 300_000, files: 1, rows: [0, 10, 3599] })
  assert.deepEqual(look(hours, 2, true), { read: 300_000, files: 1, rows: [86_399, 82_810] })
  assert.deepEqual(look(hours, 4, false).rows, [0, 10, 3599, 3600])
  assert.deepEqual(look(hours, 1000, false), {
    read: 24 * 300_000,
    files: 24,
    rows: hours.flatMap(({ times }) => times),
  })
  assert.deepEqual(look([], 10, false), { read: 0, files: 0, rows: [] })
})

test('rows that are rare: files around them, and their part of the range', () => {
  const none = { rows: 1_000_000, timeMin: 0, timeMax: 50 }
  const files: File[] = [
    { times: [], span: none },
    fileOf([60, 61], 10),
    { times: [], span: { ...none, timeMin: 70, timeMax: 90 } },
  ]
  for (const reverse of [false, true]) {
    const found = look(files, 100, reverse)
    assert.deepEqual([found.files, found.rows.length], [1, 2])
    const looked = new PageFiles(files, { rows: 100, reverse })
    while (looked.next() !== undefined) looked.found([])
    assert.equal(looked.page(range), undefined)
    looked.found([60, 61])
    assert.deepEqual(looked.page(range)?.range, { from: 60, to: 62 })
  }
})

test('a file that begins at the last second of the page may have rows of it', () => {
  const files = [fileOf([5, 5, 9], 1_000_000), fileOf([9, 9], 1_000_000), fileOf([10], 1_000_000)]
  assert.deepEqual(look(files, 3, false), { read: 2_000_000, files: 2, rows: [5, 5, 9] })
})

test('pages are those of all rows, however files lie (seed in WEIR_SEED)', (context) => {
  context.diagnostic(`seed ${seed}`)
  const below = randomFrom(seed)
  for (let round = 0; round < 500; round++) {
    const files = Array.from({ length: 1 + below(20) }, (): File => {
      const [begin, length] = [below(1000), 1 + below(300)]
      const times = Array.from({ length: below(30) }, () => begin + below(length))
      const span = { rows: below(200_000), timeMin: begin, timeMax: begin + length - 1 }
      return below(10) === 0 ? { times } : { times, span }
    })
    const [rows, reverse] = [1 + below(60), below(2) === 0]
    const all = files.flatMap(({ times }) => times)
    const wanted = all.toSorted((a, b) => (reverse ? b - a : a - b)).slice(0, rows)
    assert.deepEqual(look(files, rows, reverse).rows, wanted)
  }
})
