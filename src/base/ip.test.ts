import assert from 'node:assert/strict'
import { isIPv6 } from 'node:net'
import { test } from 'node:test'
import { addressBytes } from '../packet/address-bytes.ts'
import { Random } from '../sample/random.ts'
import { ipv4Text, ipv6Text, writeIpv4, writeIpv6 } from './ip.ts'

/** Four words of an address in any spelling. */
function wordsOf(text: string): Int32Array {
  const bytes = addressBytes(text)
  return Int32Array.from({ length: 4 }, (_, i) => Buffer.from(bytes).readInt32BE(i * 4))
}

test('IPv4', () => {
  const text = (address: number, want: string): void => assert.equal(ipv4Text(address), want)
  text(0, '0.0.0.0')
  text(0x0a000001, '10.0.0.1')
  text(-1, '255.255.255.255')
  text(0xc0a80164 | 0, '192.168.1.100')
  text(0xc0a80164, '192.168.1.100')
  const random = new Random(4)
  for (let i = 0; i < 2000; i++) {
    const address = random.next()
    const octets = [24, 16, 8, 0].map((shift) => (address >>> shift) & 255)
    text(address | 0, octets.join('.'))
  }
})

// RFC 5952 §4 and §5, and its §2.2 for what else the same address may be called.
test('61 IPv6 as RFC 5952 writes it', () => {
  const text = (spelled: string, want: string): void =>
    assert.equal(ipv6Text(wordsOf(spelled)), want)
  text('2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1')
  text('2001:0db8::0001', '2001:db8::1')
  text('2001:db8:0:0:0:0:2:1', '2001:db8::2:1')
  text('2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1') // one group is not shortened
  text('2001:0:0:1:0:0:0:1', '2001:0:0:1::1') // the longest run
  text('2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1') // the first of equals
  text('2001:DB8::ABCD:EF01', '2001:db8::abcd:ef01') // lower case
  text('::', '::')
  text('::1', '::1')
  text('1::', '1::')
  text('0:1::', '0:1::')
  text('fe80:0:0:0:200:f8ff:fe21:67cf', 'fe80::200:f8ff:fe21:67cf')
  text('0:0:1:2:3:4:5:6', '::1:2:3:4:5:6')
  text('1:2:3:4:5:6:0:0', '1:2:3:4:5:6::')
  text('10:100:1000:f:ff:fff:ffff:f0', '10:100:1000:f:ff:fff:ffff:f0')
})

test('61 IPv4-mapped addresses are written with dots, others that end alike are not', () => {
  const text = (spelled: string, want: string): void =>
    assert.equal(ipv6Text(wordsOf(spelled)), want)
  text('::ffff:1.2.3.4', '::ffff:1.2.3.4')
  text('::ffff:0:0', '::ffff:0.0.0.0')
  text('::FFFF:FFFF:FFFF', '::ffff:255.255.255.255')
  text('::1.2.3.4', '::102:304')
  text('64:ff9b::1.2.3.4', '64:ff9b::102:304')
  text('::fffe:1.2.3.4', '::fffe:102:304')
  text('::1:ffff:1.2.3.4', '::1:ffff:102:304')
})

test('61 IPv6 as other software writes it', () => {
  const random = new Random(6)
  for (let i = 0; i < 20_000; i++) {
    const groups = Array.from({ length: 8 }, () =>
      random.whole(0, 2) > 0 ? 0 : random.next() >>> (16 + random.whole(0, 15)),
    )
    const words = Int32Array.from(
      { length: 4 },
      (_, k) => (groups[2 * k]! << 16) | groups[2 * k + 1]!,
    )
    const text = ipv6Text(words)
    assert.ok(isIPv6(text), text)
    assert.deepEqual(wordsOf(text), words)
    if (/^::ffff:\d+\./.test(text)) continue
    const spelled = groups.map((group) => group.toString(16)).join(':')
    assert.equal(`[${text}]`, new URL(`http://[${spelled}]`).hostname)
  }
})

test('bytes are written from where they are told, and the end is given', () => {
  const buffer = new Uint8Array(64).fill(0x2e)
  assert.equal(writeIpv4(buffer, 3, 0x01020304), 10)
  assert.equal(writeIpv6(buffer, 12, [9, 9, 0x20010db8, 0, 0, 1], 2), 23)
  assert.equal(Buffer.from(buffer.subarray(0, 25)).toString(), '...1.2.3.4..2001:db8::1..')
})
