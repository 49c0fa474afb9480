import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { jsFunction, prime1 } from './udf-kinds.ts'
import type { JsFunction } from './udf-kinds.ts'

const mask = (1n << 64n) - 1n
const prime2 = 0xc2b2ae3d27d4eb4fn
const prime3 = 0x165667b19e3779f9n
const prime4 = 0x85ebca77c2b2ae63n
const prime5 = 0x27d4eb2f165667c5n

const times = (a: bigint, b: bigint): bigint => (a * b) & mask
const rotate = (value: bigint, bits: bigint): bigint =>
  ((value << bits) | (value >> (64n - bits))) & mask
const round = (accumulator: bigint, lane: bigint): bigint =>
  times(rotate((accumulator + times(lane, prime2)) & mask, 31n), prime1)

/** xxHash64 with seed 0, by its public specification. */
export function xxhash64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  let hash = prime5
  if (bytes.length >= 32) {
    const lanes = [(prime1 + prime2) & mask, prime2, 0n, (0n - prime1) & mask]
    for (; at + 32 <= bytes.length; at += 32) {
      for (const [index, lane] of lanes.entries()) {
        lanes[index] = round(lane, view.getBigUint64(at + index * 8, true))
      }
    }
    const [a, b, c, d] = lanes as [bigint, bigint, bigint, bigint]
    hash = (rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n)) & mask
    for (const lane of lanes) hash = (times(hash ^ round(0n, lane), prime1) + prime4) & mask
  }
  hash = (hash + BigInt(bytes.length)) & mask
  for (; at + 8 <= bytes.length; at += 8) {
    hash ^= round(0n, view.getBigUint64(at, true))
    hash = (times(rotate(hash, 27n), prime1) + prime4) & mask
  }
  if (at + 4 <= bytes.length) {
    hash ^= times(BigInt(view.getUint32(at, true)), prime1)
    hash = (times(rotate(hash, 23n), prime2) + prime3) & mask
    at += 4
  }
  for (; at < bytes.length; at++) {
    hash = times(rotate(hash ^ times(BigInt(bytes[at]!), prime5), 11n), prime1)
  }
  hash = times(hash ^ (hash >> 33n), prime2)
  hash = times(hash ^ (hash >> 29n), prime3)
  return hash ^ (hash >> 32n)
}

/** How Presto hashes a bigint, and a double by its bits. */
const hashOfLong = (value: bigint): bigint =>
  times(rotate(times(value & mask, prime2), 31n), prime1)

function bitsOf(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  return view.getBigUint64(0)
}

/** One value's share of Presto's `checksum`, which is their sum modulo 2^64; as signed 64 bits. */
const share = (hash: bigint): bigint => BigInt.asIntN(64, times(hash, prime1))
const encoder = new TextEncoder()

export const hashFunctions: readonly JsFunction[] = [
  jsFunction('sls_js_crc32', ['bytes'], 'bigint', (bytes) => BigInt(crc32(bytes))),
  jsFunction('sls_js_xxhash64', ['bytes'], 'text', (bytes) =>
    xxhash64(bytes).toString(16).padStart(16, '0'),
  ),
  jsFunction('sls_js_sha512', ['bytes'], 'text', (bytes) =>
    createHash('sha512').update(bytes).digest('hex'),
  ),
  jsFunction('sls_js_checksum_bigint', ['bigint'], 'bigint', (value) => share(hashOfLong(value))),
  jsFunction('sls_js_checksum_double', ['double'], 'bigint', (value) =>
    share(hashOfLong(bitsOf(value))),
  ),
  jsFunction('sls_js_checksum_text', ['text'], 'bigint', (value) =>
    share(xxhash64(encoder.encode(value))),
  ),
]
