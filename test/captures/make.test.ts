import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { madeFiles } from './make.ts'

test('the captures are those that make.ts writes, to the byte', () => {
  const made = madeFiles()
  const stored = readdirSync(import.meta.dirname).filter((name) => !name.endsWith('.ts'))
  assert.deepEqual(stored.sort(), [...made.keys()].sort())
  for (const [name, bytes] of made) {
    const file = readFileSync(new URL(name, import.meta.url))
    assert.ok(file.equals(bytes), `${name} differs: run test/captures/make.ts again`)
  }
})

test('they are small', () => {
  const captures = [...madeFiles()].filter(([name]) => !name.endsWith('.json'))
  for (const [name, bytes] of captures) assert.ok(bytes.length < 4096, `${name}: ${bytes.length}`)
  assert.ok(captures.reduce((total, [, bytes]) => total + bytes.length, 0) < 60_000)
})
