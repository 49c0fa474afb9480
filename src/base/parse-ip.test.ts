import assert from 'node:assert/strict'
import { isIPv4, isIPv6 } from 'node:net'
import { test } from 'node:test'
import { ipv6Text } from './ip.ts'
import { parseIp } from './parse-ip.ts'

const words = new Uint32Array(4)
const parsed = (text: string) => [parseIp(text, words), ...words]

test('addresses into words', () => {
  assert.deepEqual(parsed('1.2.3.255'), [4, 0x010203ff, 0, 0, 0])
  assert.deepEqual(parsed('255.255.255.255'), [4, 0xffffffff, 0, 0, 0])
  assert.deepEqual(parsed('::'), [6, 0, 0, 0, 0])
  assert.deepEqual(parsed('2001:DB8::1'), [6, 0x20010db8, 0, 0, 1])
  assert.deepEqual(parsed('1:2:3:4:5:6:7:8'), [6, 0x10002, 0x30004, 0x50006, 0x70008])
  assert.deepEqual(parsed('1:2:3:4:5:6:7::'), [6, 0x10002, 0x30004, 0x50006, 0x70000])
  assert.deepEqual(parsed('fe80::1:0:2'), [6, 0xfe800000, 0, 1, 2])
  assert.deepEqual(parsed('::ffff:1.2.3.4'), [6, 0, 0, 0xffff, 0x01020304])
  assert.deepEqual(parsed('64:ff9b::192.0.2.33'), [6, 0x64ff9b, 0, 0, 0xc0000221])
})

test('what is an address is what node:net says, of texts near to one', () => {
  const seed = 20_261_122
  console.log(`seed ${seed}`)
  let state = seed
  const next = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const good = ['1.2.3.4', '10.20.30.255', '2001:db8::1', '::', '::1', '1:2:3:4:5:6:7:8', 'fe80::']
  good.push('::ffff:1.2.3.4', '1:2:3:4:5:6:1.2.3.4', 'a:b::c:d', '1::2:3:4:5:6:7')
  const letters = '0123456789abcfF:.::..gx-/ '
  const counts = { good: 0, bad: 0 }
  for (let i = 0; i < 200_000; i++) {
    let text = good[next(good.length)]!
    for (let edits = next(4); edits > 0; edits--) {
      const at = next(text.length + 1)
      text = text.slice(0, at) + letters[next(letters.length)]! + text.slice(at + next(2))
    }
    const family = parseIp(text, words)
    const told = isIPv4(text) ? 4 : isIPv6(text) ? 6 : 0
    assert.equal(family, told, text)
    counts[told === 0 ? 'bad' : 'good']++
    if (told === 6) {
      const before = Array.from(words)
      assert.equal(parseIp(ipv6Text(words), words), 6)
      assert.deepEqual(Array.from(words), before, text)
    }
  }
  assert.ok(counts.good > 10_000 && counts.bad > 10_000, JSON.stringify(counts))
})

test('what is no address', () => {
  for (const text of ['', '-', '1.2.3', '1.2.3.04', 'fe80::1%eth0', '1'.repeat(100), ':', ':::'])
    assert.equal(parseIp(text, words), 0, text)
})
