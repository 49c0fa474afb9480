/**
 * Words that begin on a cache line, so that an entry of 16 of them is one line and not parts of two. Memory of
 * an ordinary typed array begins 16 bytes behind one; WebAssembly's begins on a page.
 */

/** Of the runtime; TypeScript counts it to the browser's library, which the server does not load. */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => { buffer: ArrayBuffer }
}

const pageBytes = 1 << 16
const wordBytes = 4

/** `count` words, all 0. Less than a page is in the nearest caches anyhow. */
export function alignedWords(count: number): Int32Array<ArrayBuffer> {
  const pages = Math.ceil((count * wordBytes) / pageBytes)
  if (pages <= 1) return new Int32Array(count)
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages })
  return new Int32Array(buffer, 0, count)
}
