/** Bodies of the log service are compressed as headers of its own say, never by Content-Encoding (alibaba-api.md §3.1). */
import type { IncomingHttpHeaders } from 'node:http'
import { promisify } from 'node:util'
import {
  gunzip,
  inflate,
  type InputType,
  zstdCompress,
  zstdDecompress,
  type ZlibOptions,
  type ZstdOptions,
} from 'node:zlib'
import { compressSync, uncompressSync } from 'lz4-napi'
import { WeirError } from '../../base/errors.ts'

type Inflate = (body: Buffer, rawBytes: number) => Buffer | Promise<Buffer>

const byZlib =
  (inflater: (body: InputType, options: ZlibOptions & ZstdOptions) => Promise<Buffer>): Inflate =>
  (body, rawBytes) =>
    inflater(body, { maxOutputLength: Math.max(1, rawBytes) })

const inflaters: Readonly<Record<string, Inflate>> = {
  lz4: (body, rawBytes) => {
    const sized = Buffer.allocUnsafe(sizeBytes + body.length)
    sized.writeUInt32LE(rawBytes)
    body.copy(sized, sizeBytes)
    return uncompressSync(sized)
  },
  zstd: byZlib(promisify(zstdDecompress)),
  deflate: byZlib(promisify(inflate)),
  gzip: byZlib(promisify(gunzip)),
}

/** The library writes the size before a block and wants it there; the wire has the bare block. */
const sizeBytes = 4

/**
 * The body without its compression. Nothing is allocated for a size beyond `bytesMax`.
 * Throws InvalidCompressType, MissingBodyRawSize, InvalidBodyRawSize, PostBodyTooLarge, PostBodyUncompressError, and what
 * `room` throws when it has none for the whole.
 */
export async function uncompressed(
  headers: IncomingHttpHeaders,
  body: Buffer,
  bytesMax: number,
  room: { take(bytes: number): void },
): Promise<Buffer> {
  const type = headerOf(headers, 'x-log-compresstype')
  if (type === '') return body
  const inflater = Object.hasOwn(inflaters, type) ? inflaters[type] : undefined
  if (inflater === undefined)
    throw new WeirError('InvalidCompressType', `x-log-compresstype ${type} is unsupported.`)
  const rawBytes = rawBytesOf(headers)
  if (rawBytes > bytesMax) throw tooLarge(bytesMax)
  if (rawBytes === 0 && body.length === 0) return body
  room.take(rawBytes)
  let raw: Buffer
  try {
    raw = await inflater(body, rawBytes)
  } catch (cause) {
    if (cause instanceof RangeError) throw wrongSize(rawBytes)
    throw new WeirError('PostBodyUncompressError', `the body is no ${type} of ${rawBytes} bytes`, {
      cause,
    })
  }
  if (raw.length === rawBytes) return raw
  throw wrongSize(rawBytes)
}

const wrongSize = (rawBytes: number): WeirError =>
  new WeirError('InvalidBodyRawSize', `x-log-bodyrawsize is ${rawBytes}, the body has another size`)

export const tooLarge = (bytesMax: number): WeirError =>
  new WeirError('PostBodyTooLarge', `a body has at most ${bytesMax} bytes`)

function rawBytesOf(headers: IncomingHttpHeaders): number {
  const text = headerOf(headers, 'x-log-bodyrawsize')
  if (text === '')
    throw new WeirError(
      'MissingBodyRawSize',
      'a compressed body needs the header x-log-bodyrawsize',
    )
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new WeirError('InvalidBodyRawSize', `x-log-bodyrawsize ${text} is not a number of bytes`)
}

/** A smaller answer gains nothing. */
const compressFromBytes = 1024
const asyncZstd = promisify(zstdCompress)

/**
 * An answer as the client's Accept-Encoding allows. gzip is not among them: HTTP libraries ask for it by themselves and
 * then look for a Content-Encoding.
 */
export async function compressed(
  headers: IncomingHttpHeaders,
  body: Buffer,
): Promise<{ readonly body: Buffer; readonly headers: Readonly<Record<string, string>> }> {
  const size = { 'x-log-bodyrawsize': String(body.length) }
  const accepted = new Set(
    headerOf(headers, 'accept-encoding')
      .split(',')
      .map((each) => each.split(';')[0]!.trim().toLowerCase()),
  )
  if (body.length < compressFromBytes) return { body, headers: size }
  if (accepted.has('lz4'))
    return {
      body: compressSync(body).subarray(sizeBytes),
      headers: { ...size, 'x-log-compresstype': 'lz4' },
    }
  if (accepted.has('zstd'))
    return { body: await asyncZstd(body), headers: { ...size, 'x-log-compresstype': 'zstd' } }
  return { body, headers: size }
}

/** Empty when it is not there. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name]
  return typeof value === 'string' ? value.trim() : (value?.join(', ') ?? '')
}
