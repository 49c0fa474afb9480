import { isUtf8 } from 'node:buffer'
import { sameBytes } from './wire.ts'

/** With half the slots free and an honest body, no look-up comes near it. */
const probesMax = 64

/** Slots of a dictionary that is used again: room for 4096 texts. */
const keptSlotsMax = 8192
/** As many are kept, 1 kB to 140 kB each. */
const keptMax = 64

const nothing = Buffer.alloc(0)
const nothingSeen = new DataView(new ArrayBuffer(0))

/** Dictionaries that are used again: new ones for each group would be half of the garbage of taking it in. */
export class DictionaryPool {
  readonly #free: ByteDictionary[] = []

  take(body: Buffer, view: DataView): ByteDictionary {
    const free = this.#free.pop()
    if (free === undefined) return new ByteDictionary(body, view)
    free.begin(body, view)
    return free
  }

  /** The first is the next one taken. */
  giveBack(dictionaries: readonly ByteDictionary[]): void {
    for (const each of dictionaries.toReversed()) {
      each.end()
      if (!each.isLarge && this.#free.length < keptMax) this.#free.push(each)
    }
  }
}

/**
 * The distinct texts among places of one body, numbered from 1 in the order they came. Nothing is copied and
 * no string is made until the end: an entry is where it first stood.
 *
 * Whoever makes texts that fall on the same slots would make every look-up long, so then a Map takes over,
 * whose hash nobody outside knows.
 */
export class ByteDictionary {
  count = 0
  #body: Buffer
  #view: DataView
  #last = 0
  #places = new Int32Array(17)
  #lengths = new Int32Array(17)
  #hashes = new Int32Array(17)
  #slots = new Int32Array(32)
  #ascii = true
  #map: Map<string, number> | undefined

  constructor(body: Buffer, view: DataView) {
    this.#body = body
    this.#view = view
  }

  /** As new, but for the room that it has. */
  begin(body: Buffer, view: DataView): void {
    this.count = 0
    this.#body = body
    this.#view = view
    this.#last = 0
    this.#slots.fill(0)
    this.#ascii = true
    this.#map = undefined
  }

  get isLarge(): boolean {
    return this.#slots.length > keptSlotsMax
  }

  /** It holds on to no body any more. */
  end(): void {
    this.#body = nothing
    this.#view = nothingSeen
    this.#map = undefined
  }

  codeOf(at: number, length: number): number {
    const last = this.#last
    if (
      last !== 0 &&
      this.#lengths[last] === length &&
      sameBytes(this.#view, this.#places[last]!, at, length)
    )
      return last
    return (this.#last =
      this.#map === undefined ? this.#find(at, length) : this.#mapped(at, length))
  }

  /**
   * The texts by code - 1. Where bytes are not UTF-8 the replacement character stands for them; texts that
   * become the same by it are one text, and `codes` follow.
   */
  texts(codes: Uint32Array): string[] {
    if (!this.#ascii) return this.#textsBeyondAscii(codes)
    let bytes = 0
    for (let code = 1; code <= this.count; code++) bytes += this.#lengths[code]!
    const together = Buffer.allocUnsafe(bytes)
    const body = this.#body
    let to = 0
    for (let code = 1; code <= this.count; code++) {
      const from = this.#places[code]!
      const length = this.#lengths[code]!
      for (let i = 0; i < length; i++) together[to + i] = body[from + i]!
      to += length
    }
    const text = together.toString('latin1')
    const texts: string[] = []
    for (let code = 1, start = 0; code <= this.count; code++) {
      const end = start + this.#lengths[code]!
      texts.push(text.substring(start, end))
      start = end
    }
    return texts
  }

  #textsBeyondAscii(codes: Uint32Array): string[] {
    let allUtf8 = true
    const texts = Array.from({ length: this.count }, (_, index) => {
      const at = this.#places[index + 1]!
      const bytes = this.#body.subarray(at, at + this.#lengths[index + 1]!)
      allUtf8 &&= isUtf8(bytes)
      return bytes.toString('utf8')
    })
    if (allUtf8) return texts
    const codeOfText = new Map<string, number>()
    const newCodes = new Uint32Array(texts.length + 1)
    for (const [index, text] of texts.entries()) {
      const code = codeOfText.get(text) ?? codeOfText.size + 1
      codeOfText.set(text, code)
      newCodes[index + 1] = code
    }
    for (let row = 0; row < codes.length; row++) codes[row] = newCodes[codes[row]!]!
    return [...codeOfText.keys()]
  }

  #find(at: number, length: number): number {
    const hash = hashOf(this.#view, at, length)
    const slots = this.#slots
    const mask = slots.length - 1
    for (let slot = hash & mask, probes = 0; probes < probesMax; probes++) {
      const code = slots[slot]!
      if (code === 0) return this.#add(slot, hash, at, length)
      if (
        this.#hashes[code] === hash &&
        this.#lengths[code] === length &&
        sameBytes(this.#view, this.#places[code]!, at, length)
      )
        return code
      slot = (slot + 1) & mask
    }
    this.#map = new Map()
    for (let code = 1; code <= this.count; code++)
      this.#map.set(this.#latin1(this.#places[code]!, this.#lengths[code]!), code)
    return this.#mapped(at, length)
  }

  #mapped(at: number, length: number): number {
    const text = this.#latin1(at, length)
    const known = this.#map!.get(text)
    if (known !== undefined) return known
    const code = this.#note(0, at, length)
    this.#map!.set(text, code)
    return code
  }

  #latin1(at: number, length: number): string {
    return this.#body.toString('latin1', at, at + length)
  }

  #add(slot: number, hash: number, at: number, length: number): number {
    const code = this.#note(hash, at, length)
    this.#slots[slot] = code
    if (code * 2 > this.#slots.length) this.#spread()
    return code
  }

  #note(hash: number, at: number, length: number): number {
    const code = ++this.count
    if (code === this.#places.length) {
      this.#places = grown(this.#places)
      this.#lengths = grown(this.#lengths)
      this.#hashes = grown(this.#hashes)
    }
    this.#places[code] = at
    this.#lengths[code] = length
    this.#hashes[code] = hash
    this.#ascii &&= isAscii(this.#view, at, length)
    return code
  }

  #spread(): void {
    const slots = new Int32Array(this.#slots.length * 4)
    const mask = slots.length - 1
    for (let code = 1; code <= this.count; code++) {
      let slot = this.#hashes[code]! & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = code
    }
    this.#slots = slots
  }
}

function grown(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 4)
  larger.set(array)
  return larger
}

function hashOf(view: DataView, at: number, length: number): number {
  let hash = length
  if (length >= 4) {
    const last = at + length - 4
    for (let i = at; i < last; i += 4) hash = mixed(hash, view.getInt32(i, true))
    hash = mixed(hash, view.getInt32(last, true))
  } else for (let i = at; i < at + length; i++) hash = (hash << 8) | view.getUint8(i)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d)
  return hash ^ (hash >>> 13)
}

function mixed(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x9e37_79b1)
  return product ^ (product >>> 15)
}

function isAscii(view: DataView, at: number, length: number): boolean {
  let seen = 0
  let i = at
  for (const last = at + length - 4; i <= last; i += 4) seen |= view.getInt32(i, true)
  for (; i < at + length; i++) seen |= view.getUint8(i)
  return (seen & 0x8080_8080) === 0
}
