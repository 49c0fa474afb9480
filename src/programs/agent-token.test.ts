import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../../test/logstore-rows.ts'
import { readToken } from './agent-token.ts'

test('a token is one word that cannot be guessed, from a file', (t) => {
  const path = join(temporaryFolder(t), 'token')
  const written = (text: string): string => {
    writeFileSync(path, text)
    return readToken(path)
  }
  assert.equal(written('0123456789abcdef\n'), '0123456789abcdef')
  for (const wrong of ['', 'short', '0123456789abcde', 'two words of some length', 'ü'.repeat(20)])
    assert.throws(() => written(wrong), {
      name: 'ConfigInvalid',
      message: 'a token is one word of 16 characters or more',
      place: path,
      hint: 'Make one with: openssl rand -hex 32 > FILE',
    })
  assert.throws(() => readToken(`${path}.gone`), { name: 'FileUnreadable', place: `${path}.gone` })
})
