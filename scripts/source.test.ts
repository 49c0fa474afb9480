import assert from 'node:assert/strict'
import { test } from 'node:test'
import { functionsIn, parseSource, referencesOf } from './source.ts'

test('a function is as long as from its first line to its last', () => {
  const text = `
function plain() {
  const arrow = () => {
    return 1
  }
  return arrow
}
class Table {
  grow(): number {
    return 2
  }
  get size() { return 3 }
}
export default [1].map((each) => each)
`
  const spans = functionsIn(parseSource('src/a/a.ts', text))
  assert.deepEqual(
    spans.map(({ name, line, lines }) => `${name} ${line} ${lines}`),
    ['plain 2 6', 'arrow 3 3', 'grow 9 3', 'size 12 1', 'map 14 1'],
  )
})

test('lines count from 1, and the last one need not end', () => {
  const lines = (text: string) => parseSource('src/a/a.ts', text).lines
  assert.deepEqual([lines(''), lines('a'), lines('a\n'), lines('a\nb')], [0, 1, 1, 2])
})

test('packages and node modules have no target, files have their path from the root', () => {
  const text = `import fs from 'node:fs'
import { z } from 'zod'
import { now } from '../base/time.ts'
const manifest = new URL('../../package.json', import.meta.url)
const worker = new URL('./worker.ts', import.meta.url)
`
  const references = referencesOf(parseSource('src/a/a.ts', text))
  assert.deepEqual(
    references.map(({ line, kind, target }) => ({ line, kind, target })),
    [
      { line: 1, kind: 'import', target: undefined },
      { line: 2, kind: 'import', target: undefined },
      { line: 3, kind: 'import', target: 'src/base/time.ts' },
      { line: 5, kind: 'url', target: 'src/a/worker.ts' },
    ],
  )
})

test('a file that does not parse is named with its line', () => {
  assert.throws(() => parseSource('src/a/a.ts', 'const a = 1\nconst = 2\n'), {
    message: /^src\/a\/a\.ts:2: /,
  })
})
