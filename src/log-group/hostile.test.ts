import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomFrom } from '../../test/random-from.ts'
import { WeirError } from '../base/errors.ts'
import { ByteDictionary } from './byte-dictionary.ts'
import { decodeLogGroup, decodeLogGroupList, encodeLogGroup, encodeLogGroups } from './log-group.ts'
import type { LogGroup } from './log-group.ts'

const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const long = process.env['WEIR_LONG'] === '1'

const group = (logs: LogGroup['logs']): LogGroup => ({ topic: 't', source: 's', tags: [], logs })

/** Whether it was read; anything but PostBodyInvalid fails. */
function isRead(decode: () => unknown): boolean {
  try {
    decode()
    return true
  } catch (error) {
    assert.ok(error instanceof WeirError, String(error))
    assert.equal(error.code, 'PostBodyInvalid')
    assert.match(error.place ?? '', /^byte \d+ of the body$/)
    return false
  }
}

test(`a mutated body is read or refused with its place (WEIR_SEED=${seed})`, () => {
  const below = randomFrom(seed)
  const logs = Array.from({ length: 8 }, (_, i) => ({
    time: 1_700_000_000 + i,
    ...(i % 2 === 0 ? { timeNs: i } : {}),
    contents: ['srcaddr', 'n', 'é'].map((key) => [key, `${key}-${below(4)}`] as const),
  }))
  const tagged = { ...group(logs), tags: [['k', 'v'] as const] }
  const good = encodeLogGroup(tagged)
  const list = encodeLogGroups([tagged, tagged])
  let read = 0
  const rounds = long ? 300_000 : 10_000
  for (let round = 0; round < rounds; round++) {
    const body = Buffer.from(round % 4 === 0 ? list : good)
    const changes = 1 + below(4)
    for (let i = 0; i < changes; i++) {
      const at = below(body.length)
      const kind = below(4)
      if (kind === 0) body[at] = below(256)
      else if (kind === 1) body[at] = body[at]! ^ (1 << below(8))
      else if (kind === 2) body.copyWithin(at, below(body.length))
      else body[at] = 0xff
    }
    const cut = below(5) === 0 ? body.subarray(0, below(body.length)) : body
    if (isRead(() => (round % 4 === 0 ? decodeLogGroupList(cut) : decodeLogGroup(cut)))) read++
  }
  assert.ok(read > rounds / 100 && read < rounds, `${read} of ${rounds} were read`)
})

test('bytes of any kind are refused, or they are a log group', () => {
  const below = randomFrom(seed)
  for (let round = 0; round < 2000; round++) {
    const body = Buffer.from(Array.from({ length: round % 50 }, () => below(256)))
    isRead(() => decodeLogGroup(body))
  }
})

test('keys without end, and tiny logs under many keys, are refused before they take memory', () => {
  const keys = Array.from({ length: 5000 }, (_, i) => [`k${i}`, ''] as const)
  assert.throws(() => decodeLogGroup(encodeLogGroup(group([{ time: 1, contents: keys }]))), {
    code: 'PostBodyInvalid',
    message: 'a group has at most 4096 keys',
  })
  const tiny = Array.from({ length: 50_000 }, () => ({ time: 1, contents: [] }))
  const wide = { time: 1, contents: keys.slice(0, 4000) }
  const body = encodeLogGroup(group([...tiny, wide]))
  assert.throws(() => decodeLogGroup(body), {
    code: 'PostBodyInvalid',
    message: 'logs times keys are more than 16777216',
  })
  // 200 groups that each would be let through alone
  const some = group([...tiny.slice(0, 1000), { time: 1, contents: keys.slice(0, 1000) }])
  assert.equal(decodeLogGroupList(encodeLogGroups([some])).length, 1)
  assert.throws(() => decodeLogGroupList(encodeLogGroups(Array.from({ length: 20 }, () => some))), {
    code: 'PostBodyInvalid',
    message: 'logs times keys are more than 16777216',
  })
  const tags = Array.from({ length: 5000 }, () => ['k', 'v'] as const)
  assert.throws(() => decodeLogGroup(encodeLogGroup({ ...group([]), tags })), {
    code: 'PostBodyInvalid',
    message: 'a group has at most 4096 tags',
  })
})

test('texts made to fall on the same slots are all told apart', () => {
  // What flipping bits of a word does to the hash is undone by flipping bits of the next, whatever stands there.
  const pairs = 10
  const size = pairs * 8
  const count = 2 ** pairs
  const body = Buffer.alloc(size * count * 2, 'A')
  for (let n = 0; n < count; n++)
    for (let pair = 0; pair < pairs; pair++) {
      if (((n >> pair) & 1) === 0) continue
      const at = n * size + pair * 8
      body[at + 3]! ^= 0x80
      body[at + 6]! ^= 0x01
      body[at + 7]! ^= 0x80
    }
  body.copy(body, size * count, 0, size * count)
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const dictionary = new ByteDictionary(body, view)
  for (let n = 0; n < count * 2; n++)
    assert.equal(dictionary.codeOf(n * size, size), (n % count) + 1)
  assert.equal(dictionary.count, count)
})
