/**
 * A log that is only appended to, and cut off at the front, as the log store and the spool keep one.
 * One record of it, little endian:
 *
 *      0  u32  magic "WLR1"; "WLR2" when it is written and synced together with the record before it
 *      4  u32  length of the body
 *      8  u64  sequence: one higher than the record before it, in this file or the last
 *     16  u32  stream: its owner's, such as the number of a logstore
 *     20  f64  time, Unix seconds
 *     28  u32  CRC-32 of bytes 0 to 27 and the body, begun with the file's salt
 *     32       body
 *
 * A file holds nothing else. Its name, `0000000000000042-9f3c01aa.log`, gives the sequence of its
 * first record and the salt: a random number, so that the bytes of a record inside a text somebody
 * stored are never taken for a record.
 */
import { crc32 } from 'node:zlib'

export interface LogRecord {
  readonly sequence: number
  readonly stream: number
  readonly time: number
  readonly body: Buffer
}

/** A record as it was read. */
export interface ReadRecord extends LogRecord {
  /** It was written and synced together with the record before it. */
  readonly continues: boolean
}

/** What a file holds from one byte on: a record, or bytes that are none. */
export type LogSpan =
  | { readonly at: number; readonly record: ReadRecord }
  | { readonly at: number; readonly record: undefined }

/** Where a record begins. */
export interface LogPlace {
  readonly path: string
  readonly at: number
}

export interface LogFileName {
  readonly firstSequence: number
  readonly salt: number
}

const magicBegin = Buffer.from('WLR')
const firstOfGroup = '1'.charCodeAt(0)
const laterInGroup = '2'.charCodeAt(0)
const crcAt = 28
export const logHeaderBytes = 32

export const logFileName = ({ firstSequence, salt }: LogFileName): string =>
  `${String(firstSequence).padStart(16, '0')}-${salt.toString(16).padStart(8, '0')}.log`

export function parseLogFileName(name: string): LogFileName | undefined {
  const found = /^(\d{16})-([0-9a-f]{8})\.log$/.exec(name)
  return found === null
    ? undefined
    : { firstSequence: Number(found[1]), salt: Number.parseInt(found[2] ?? '', 16) }
}

/** The bytes of some records, one after the other, to be written and synced together. */
export function encodeRecords(records: readonly LogRecord[], salt: number): Buffer {
  let bytes = 0
  for (const { body } of records) bytes += logHeaderBytes + body.length
  const target = Buffer.allocUnsafe(bytes)
  let at = 0
  for (const { sequence, stream, time, body } of records) {
    target[magicBegin.copy(target, at) + at] = at === 0 ? firstOfGroup : laterInGroup
    target.writeUInt32LE(body.length, at + 4)
    target.writeBigUInt64LE(BigInt(sequence), at + 8)
    target.writeUInt32LE(stream, at + 16)
    target.writeDoubleLE(time, at + 20)
    const headerCrc = crc32(target.subarray(at, at + crcAt), salt)
    target.writeUInt32LE(crc32(body, headerCrc), at + crcAt)
    body.copy(target, at + logHeaderBytes)
    at += logHeaderBytes + body.length
  }
  return target
}

/**
 * The spans of a file in order. Bytes that are no record give one span, up to the next record whose
 * CRC is right or the end of the file.
 */
export function* readRecords(bytes: Buffer, salt: number): Generator<LogSpan> {
  let at = 0
  while (at < bytes.length) {
    const record = recordAt(bytes, at, salt)
    yield { at, record }
    at = record ? at + logHeaderBytes + record.body.length : nextRecord(bytes, at + 1, salt)
  }
}

function nextRecord(bytes: Buffer, from: number, salt: number): number {
  for (let at = bytes.indexOf(magicBegin, from); at >= 0; at = bytes.indexOf(magicBegin, at + 1))
    if (recordAt(bytes, at, salt)) return at
  return bytes.length
}

function recordAt(bytes: Buffer, at: number, salt: number): ReadRecord | undefined {
  if (at + logHeaderBytes > bytes.length || !bytes.subarray(at, at + 3).equals(magicBegin))
    return undefined
  const kind = bytes[at + 3]
  if (kind !== firstOfGroup && kind !== laterInGroup) return undefined
  const end = at + logHeaderBytes + bytes.readUInt32LE(at + 4)
  if (end > bytes.length) return undefined
  const body = bytes.subarray(at + logHeaderBytes, end)
  const crc = crc32(body, crc32(bytes.subarray(at, at + crcAt), salt))
  if (crc !== bytes.readUInt32LE(at + crcAt)) return undefined
  return {
    sequence: Number(bytes.readBigUInt64LE(at + 8)),
    stream: bytes.readUInt32LE(at + 16),
    time: bytes.readDoubleLE(at + 20),
    body,
    continues: kind === laterInGroup,
  }
}
