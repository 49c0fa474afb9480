/**
 * Where the bytes of a capture come from: a file, standard input, either of them compressed with gzip
 * (RFC 1952) or zstd (RFC 8878), or chunks made in memory. Reading is streaming: memory does not grow
 * with the file.
 */
import { openSync, readSync, closeSync, fstatSync, createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { WeirError } from '../base/errors.ts'
import { isZstd, zstdFrames } from './zstd-frames.ts'

export interface ByteSource {
  /** What messages call it. */
  readonly name: string
  /** Bytes on disk where that is known, for progress. */
  readonly size: number | undefined
  /** Bytes taken from the disk so far. */
  readonly taken: number
  /** Set when the source broke off before its end, e.g. a cut gzip file. */
  readonly broken: string | undefined
  /** Copies at least one byte to `into` from `from` on; 0 at the end. */
  read(into: Uint8Array, from: number): number | Promise<number>
  close(): void
}

const magicBytes = 4
const isGzip = (head: Uint8Array): boolean => head[0] === 0x1f && head[1] === 0x8b

/**
 * Opens a capture file, or standard input for "-".
 * @throws WeirError FileUnreadable when it cannot be opened or read
 */
export async function openByteSource(path: string): Promise<ByteSource> {
  if (path === '-') return await openStream('standard input', process.stdin)
  let descriptor: number
  try {
    descriptor = openSync(path, 'r')
  } catch (error) {
    throw unreadable(path, error)
  }
  try {
    const stat = fstatSync(descriptor)
    if (stat.isDirectory())
      throw new WeirError('FileUnreadable', `${path} is a folder, not a capture file`)
    if (!stat.isFile()) {
      closeSync(descriptor)
      return await openStream(path, createReadStream(path))
    }
    const head = new Uint8Array(magicBytes)
    readSync(descriptor, head, 0, magicBytes, 0)
    if (!isGzip(head) && !isZstd(head)) return new FileSource(path, descriptor, stat.size)
    closeSync(descriptor)
    return await streamOf(path, createReadStream(path, { highWaterMark: 1 << 18 }), head, stat.size)
  } catch (error) {
    throw error instanceof WeirError ? error : unreadable(path, error)
  }
}

/** A source over chunks that are already in memory or made on demand. */
export function chunkSource(name: string, chunks: Iterable<Uint8Array>): ByteSource {
  return new ChunkSource(name, asyncOf(chunks), undefined, () => 0)
}

async function* asyncOf(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks
}

const unreadable = (path: string, error: unknown): WeirError =>
  new WeirError('FileUnreadable', `${path} cannot be read: ${(error as Error).message}`, {
    hint: 'Check the path and that you may read it',
    cause: error,
  })

class FileSource implements ByteSource {
  readonly name: string
  readonly size: number
  readonly broken = undefined
  taken = 0
  readonly #descriptor: number

  constructor(name: string, descriptor: number, size: number) {
    this.name = name
    this.#descriptor = descriptor
    this.size = size
  }

  read(into: Uint8Array, from: number): number {
    try {
      const got = readSync(this.#descriptor, into, from, into.length - from, null)
      this.taken += got
      return got
    } catch (error) {
      throw unreadable(this.name, error)
    }
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}

/** Reads the first bytes of a stream to see whether it is compressed, and puts them back. */
async function openStream(name: string, stream: Readable): Promise<ByteSource> {
  const parts: Buffer[] = []
  let length = 0
  try {
    while (length < magicBytes) {
      const part = await firstChunk(stream)
      if (part === undefined) break
      parts.push(part)
      length += part.length
    }
  } catch (error) {
    throw unreadable(name, error)
  }
  const head = Buffer.concat(parts)
  if (head.length > 0) stream.unshift(head)
  return await streamOf(name, stream, head, undefined)
}

async function firstChunk(stream: Readable): Promise<Buffer | undefined> {
  const chunk = stream.read() as Buffer | null
  if (chunk !== null) return chunk
  if (stream.readableEnded) return undefined
  return await new Promise((resolve, reject) => {
    const settle = (): void => {
      stream.off('readable', settle).off('end', settle).off('error', reject)
      resolve(
        (stream.read() as Buffer | null) ?? (stream.readableEnded ? undefined : Buffer.alloc(0)),
      )
    }
    stream.once('readable', settle).once('end', settle).once('error', reject)
  })
}

async function streamOf(
  name: string,
  raw: Readable,
  head: Uint8Array,
  size: number | undefined,
): Promise<ByteSource> {
  let taken = 0
  if (isZstd(head)) {
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of raw as AsyncIterable<Buffer>) {
        taken += chunk.length
        yield chunk
      }
    }
    return new ChunkSource(name, zstdFrames(counted()), size, () => taken)
  }
  if (!isGzip(head)) return new ChunkSource(name, raw, size, () => taken)
  const { createGunzip } = await import('node:zlib')
  const unpack = createGunzip()
  raw.on('data', (chunk: Buffer) => (taken += chunk.length))
  raw.on('error', (error) => unpack.destroy(error))
  return new ChunkSource(name, raw.pipe(unpack), size, () => taken)
}

class ChunkSource implements ByteSource {
  readonly name: string
  readonly size: number | undefined
  broken: string | undefined
  readonly #taken: () => number
  readonly #chunks: AsyncIterator<Uint8Array>
  #chunk: Uint8Array = new Uint8Array(0)
  #used = 0

  constructor(
    name: string,
    chunks: AsyncIterable<Uint8Array>,
    size: number | undefined,
    taken: () => number,
  ) {
    this.name = name
    this.#chunks = chunks[Symbol.asyncIterator]()
    this.size = size
    this.#taken = taken
  }

  get taken(): number {
    return this.#taken()
  }

  async read(into: Uint8Array, from: number): Promise<number> {
    while (this.#used === this.#chunk.length) {
      try {
        const next = await this.#chunks.next()
        if (next.done === true) return 0
        this.#chunk = next.value
      } catch (error) {
        this.broken = (error as Error).message
        return 0
      }
      this.#used = 0
    }
    const count = Math.min(this.#chunk.length - this.#used, into.length - from)
    into.set(this.#chunk.subarray(this.#used, this.#used + count), from)
    this.#used += count
    return count
  }

  close(): void {
    void this.#chunks.return?.()
  }
}
