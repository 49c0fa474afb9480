/** Addresses, prefixes and blocks against plain arithmetic on big integers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { about } from '../packet/packet.ts'
import { Random } from '../sample/random.ts'
import { cidr, parseAddress, parseCidr, type AddressWords, type Cidr } from './address.ts'
import { AddressTable } from './address-table.ts'
import { CidrSet } from './cidr-set.ts'
import { PrefixTable } from './prefix-table.ts'

test('addresses are read as words in host order', () => {
  const words = (text: string): AddressWords | undefined => parseAddress(text)?.words
  assert.deepEqual(words('10.0.0.1'), [0x0a000001, 0, 0, 0])
  assert.deepEqual(words('255.255.255.255'), [-1, 0, 0, 0])
  assert.deepEqual(words('::'), [0, 0, 0, 0])
  assert.deepEqual(words('::1'), [0, 0, 0, 1])
  assert.deepEqual(words('2001:db8:1:2:3:4:5:6'), [0x20010db8, 0x00010002, 0x00030004, 0x00050006])
  assert.deepEqual(words('fd00:10::'), [0xfd000010 | 0, 0, 0, 0])
  assert.deepEqual(words('1::8'), [0x00010000, 0, 0, 8])
  assert.deepEqual(words('::FFFF:1.2.3.4'), [0, 0, 0xffff, 0x01020304])
  for (const bad of ['', '10.0.0', '10.0.0.256', '010.0.0.1', ':', '1:::2', 'fe80::1%eth0', 'x'])
    assert.equal(words(bad), undefined, bad)
})

test('blocks: host bits are cleared, an address alone is that host', () => {
  const block = (text: string): unknown => {
    const parsed = parseCidr(text)
    return parsed && [...parsed.words, parsed.length]
  }
  assert.deepEqual(block('10.1.2.3/16'), [0x0a010000, 0, 0, 0, 16])
  assert.deepEqual(block('10.1.2.3'), [0x0a010203, 0, 0, 0, 32])
  assert.deepEqual(block('10.1.2.3/0'), [0, 0, 0, 0, 0])
  assert.deepEqual(block('2001:db8::ffff/33'), [0x20010db8, 0, 0, 0, 33])
  assert.deepEqual(block('::1'), [0, 0, 0, 1, 128])
  for (const bad of [
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '/8',
    '10.0.0.0/1e1',
  ])
    assert.equal(block(bad), undefined, bad)
})

/** Addresses that share long prefixes, so that blocks overlap and bounds are hit. */
function randomWords(random: Random, v6: boolean): [number, number, number, number] {
  const word = (): number => {
    const edges = [0, -1, 0x80000000 | 0, 0x7fffffff, 0x0a000000, 0x0a0000ff]
    return random.whole(0, 2) > 0
      ? edges[random.whole(0, 5)]! ^ random.whole(0, 3)
      : random.next() | 0
  }
  return v6 ? [word(), word(), word(), word()] : [word(), 0, 0, 0]
}

const numberOf = (words: ArrayLike<number>, v6: boolean): bigint => {
  let value = 0n
  for (let i = 0; i < (v6 ? 4 : 1); i++) value = (value << 32n) | BigInt(words[i]! >>> 0)
  return value
}

const inside = (block: Cidr, words: ArrayLike<number>, v6: boolean): boolean => {
  const shift = BigInt((v6 ? 128 : 32) - block.length)
  return (
    (block.family === 6) === v6 &&
    numberOf(block.words, v6) >> shift === numberOf(words, v6) >> shift
  )
}

const rounds = process.env['WEIR_LONG'] === '1' ? 20_000 : 1_000

test('prefix tables and block sets agree with a search through all blocks', () => {
  const seed = 7
  const random = new Random(seed)
  for (let round = 0; round < rounds; round++) {
    const blocks = Array.from({ length: random.whole(0, 12) }, (_, i) => {
      const v6 = random.whole(0, 1) === 1
      const words = randomWords(random, v6)
      const hex = words.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
      const text = v6
        ? hex.match(/.{4}/g)!.join(':')
        : hex
            .slice(0, 8)
            .match(/../g)!
            .map((byte) => Number.parseInt(byte, 16))
            .join('.')
      return { block: cidr(`${text}/${random.whole(0, v6 ? 128 : 32)}`), value: i + 1 }
    })
    const table = new PrefixTable(blocks)
    const set = new CidrSet(blocks.map(({ block }) => block))
    for (let i = 0; i < 20; i++) {
      const v6 = i % 2 === 1
      const near = blocks[random.whole(0, blocks.length - 1)]?.block.words
      const words = near && i % 3 ? ([...near] as const) : randomWords(random, v6)
      const holding = blocks.filter(({ block }) => inside(block, words, v6))
      const longest = Math.max(...holding.map(({ block }) => block.length))
      const want = holding.find(({ block }) => block.length === longest)?.value ?? 0
      const row = Int32Array.of(99, ...words)
      const message = `seed ${seed}, round ${round}, address ${i}`
      assert.equal(table.find(v6 ? about.ipv6 : 0, row, 1), want, message)
      assert.equal(set.has(v6 ? about.ipv6 : 0, row, 1), want !== 0, message)
    }
  }
})

test('an address table keeps scopes and families apart, and grows', () => {
  const table = new AddressTable()
  for (let i = 0; i < 1000; i++) {
    table.put(i % 7, parseAddress(`10.0.${i >> 8}.${i & 255}`)!, i + 1)
    table.put(i % 7, parseAddress(`a00::${i.toString(16)}`)!, i + 2001)
  }
  const find = (scope: number, text: string): number => {
    const { family, words } = parseAddress(text)!
    return table.find(scope, family === 6 ? about.ipv6 : 0, Int32Array.from(words), 0)
  }
  for (let i = 0; i < 1000; i++) {
    assert.equal(find(i % 7, `10.0.${i >> 8}.${i & 255}`), i + 1)
    assert.equal(find(i % 7, `a00::${i.toString(16)}`), i + 2001)
    assert.equal(find((i + 1) % 7, `10.0.${i >> 8}.${i & 255}`), 0)
  }
  assert.equal(find(0, 'a00::1000'), 0)
})
