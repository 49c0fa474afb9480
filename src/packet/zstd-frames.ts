/**
 * zstd as it is written in the world: one frame or many after another (RFC 8878 §2), with skippable frames
 * among them, as parallel compressors and `cat` leave them. Node's decompressor stops at the end of the
 * first frame when another follows in the same chunk.
 */
import type { ZstdDecompress } from 'node:zlib'

export const isZstd = (head: Uint8Array): boolean =>
  (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) ||
  (head[0]! >> 4 === 5 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18)

/** The bytes of all frames. @throws what the decompressor throws, after the bytes it could give */
export async function* zstdFrames(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { createZstdDecompress } = await import('node:zlib')
  const chunks = packed[Symbol.asyncIterator]()
  try {
    let next = await chunks.next()
    while (next.done !== true) {
      const decoder = createZstdDecompress()
      const unread = feed(decoder, next.value, chunks)
      yield* decoder as AsyncIterable<Uint8Array>
      const behind = await unread
      next = behind.length > 0 ? { value: behind } : await chunks.next()
    }
  } finally {
    await chunks.return?.()
  }
}

/**
 * Writes chunks one by one until a frame ends inside one: then the decompressor ends, and what is left of the
 * chunk is given. What goes wrong is thrown to whoever reads the decompressor.
 */
async function feed(
  decoder: ZstdDecompress,
  first: Uint8Array,
  chunks: AsyncIterator<Uint8Array>,
): Promise<Uint8Array> {
  const over = new Promise<void>((resolve) => decoder.once('close', resolve))
  let fedBytes = 0
  for (let chunk = first; ;) {
    fedBytes += chunk.length
    await Promise.race([new Promise((resolve) => decoder.write(chunk, resolve)), over])
    if (decoder.bytesWritten < fedBytes)
      return chunk.subarray(chunk.length - (fedBytes - decoder.bytesWritten))
    try {
      const next = await chunks.next()
      if (next.done === true) break
      chunk = next.value
    } catch (error) {
      decoder.destroy(error as Error)
      return none
    }
  }
  decoder.end()
  return none
}

const none = new Uint8Array(0)
