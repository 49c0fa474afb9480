import { assert } from '../base/assert.ts'
import { ChunkBuffer } from './chunk-buffer.ts'
import { copy } from './pcap-writer.ts'

export interface PcapngInterface {
  /** if_name, by which a topology's tap finds it. */
  readonly name?: string
  /** A LINKTYPE_ number; 1 is Ethernet. */
  readonly linkType: number
  /** Bytes of a frame that were kept at most; 0, which is no limit, unless told. */
  readonly snapLength?: number
  /** if_tsresol: 6 is microseconds (then no option is written), 9 nanoseconds; 0x80 | n is 2^-n. */
  readonly timeResolution?: number
  /** if_tsoffset: seconds that a reader adds to each time. */
  readonly timeOffset?: number
}

/** The direction bits of epb_flags. */
export const packetDirection = { unknown: 0, inbound: 1, outbound: 2 } as const

const block = { section: 0x0a0d0d0a, interface: 1, simplePacket: 3, enhancedPacket: 6 } as const
const option = { end: 0, flags: 2, name: 2, timeResolution: 9, timeOffset: 14 } as const

interface Clock {
  readonly snapLength: number
  readonly offset: number
  readonly unitsPerSecond: number
  readonly binary: boolean
}

/**
 * Writes a pcapng file (draft-ietf-opsawg-pcapng). Every block is
 *
 *     type u32 | total length u32 | body, padded to 4 bytes | total length u32
 *
 * The first section header is written at once; interfaces are numbered from 0 within their section, in
 * the order they are added, and must be added before their packets. Chunks are taken with `takeChunks`
 * while packets are written and with `finish` at the end. A packet costs no object.
 */
export class PcapngWriter {
  readonly #out = new ChunkBuffer()
  #little = true
  #clocks: Clock[] = []

  constructor(options: { byteOrder?: 'little' | 'big' } = {}) {
    this.section(options.byteOrder ?? 'little')
  }

  /** Starts a section: interfaces are forgotten, the byte order may change. */
  section(byteOrder: 'little' | 'big'): void {
    this.#little = byteOrder === 'little'
    this.#clocks = []
    const at = this.#open(block.section, 16)
    const view = this.#out.view
    view.setUint32(at, 0x1a2b3c4d, this.#little)
    view.setUint16(at + 4, 1, this.#little)
    view.setUint32(at + 8, 0xffffffff, this.#little) // the length of the section is not said
    view.setUint32(at + 12, 0xffffffff, this.#little)
  }

  /** Adds an interface to the section; its number is for `packet`. */
  addInterface(its: PcapngInterface): number {
    const name = new TextEncoder().encode(its.name ?? '')
    const resolution = its.timeResolution ?? 6
    const nameBytes = name.length === 0 ? 0 : 4 + padded(name.length)
    const resolutionBytes = resolution === 6 ? 0 : 8
    const offsetBytes = its.timeOffset === undefined ? 0 : 12
    const options = nameBytes + resolutionBytes + offsetBytes
    let at = this.#open(block.interface, 8 + (options === 0 ? 0 : options + 4))
    const view = this.#out.view
    view.setUint16(at, its.linkType, this.#little)
    view.setUint32(at + 4, its.snapLength ?? 0, this.#little)
    at += 8
    if (nameBytes > 0) {
      this.#option(at, option.name, name.length)
      this.#out.bytes.set(name, at + 4)
      at += nameBytes
    }
    if (resolutionBytes > 0) {
      this.#option(at, option.timeResolution, 1)
      view.setUint8(at + 4, resolution)
      at += resolutionBytes
    }
    if (its.timeOffset !== undefined) {
      this.#option(at, option.timeOffset, 8)
      this.#unsigned64(at + 4, 0, its.timeOffset)
    }
    return this.#clocks.push(clock(resolution, its)) - 1
  }

  /**
   * Writes an enhanced packet block: the first `capturedBytes` of `frame`, which was `originalBytes`
   * long on the wire. The time is Unix seconds and nanoseconds within the second, cut to the
   * interface's resolution; `direction` is one of `packetDirection`, 0 writes no epb_flags.
   */
  packet(
    interfaceNumber: number,
    second: number,
    nanosecond: number,
    frame: Uint8Array,
    direction: number = packetDirection.unknown,
    capturedBytes = frame.length,
    originalBytes = frame.length,
  ): void {
    const its = this.#clocks[interfaceNumber]
    assert(its !== undefined, 'an interface is added before its packets')
    assert(capturedBytes <= frame.length, 'a packet has the bytes it is said to have')
    const stored = padded(capturedBytes)
    const at = this.#open(block.enhancedPacket, 20 + stored + (direction === 0 ? 0 : 12))
    const view = this.#out.view
    view.setUint32(at, interfaceNumber, this.#little)
    this.#time(at + 4, second - its.offset, nanosecond, its)
    view.setUint32(at + 12, capturedBytes, this.#little)
    view.setUint32(at + 16, originalBytes, this.#little)
    copy(frame, capturedBytes, this.#out.bytes, at + 20)
    if (direction === 0) return
    this.#option(at + 20 + stored, option.flags, 4)
    view.setUint32(at + 24 + stored, direction, this.#little)
  }

  /** Writes a simple packet block: interface 0, no time, cut at that interface's snaplen. */
  simplePacket(frame: Uint8Array, originalBytes = frame.length): void {
    const its = this.#clocks[0]
    assert(its !== undefined, 'a simple packet belongs to interface 0')
    const kept = Math.min(originalBytes, its.snapLength === 0 ? originalBytes : its.snapLength)
    assert(kept <= frame.length, 'a simple packet is cut by the snaplen alone')
    const at = this.#open(block.simplePacket, 4 + padded(kept))
    this.#out.view.setUint32(at, originalBytes, this.#little)
    copy(frame, kept, this.#out.bytes, at + 4)
  }

  /** Writes a block of any other type, which a reader must skip or understand. */
  block(type: number, body: Uint8Array): void {
    const at = this.#open(type, padded(body.length))
    this.#out.bytes.set(body, at)
  }

  /** The chunks that are full by now. */
  takeChunks(): Uint8Array[] {
    return this.#out.takeChunks()
  }

  /** The rest of the file. */
  finish(): Uint8Array[] {
    return this.#out.takeAll()
  }

  /** Writes the frame of a block around a body of that many bytes; gives the body's place. */
  #open(type: number, bodyBytes: number): number {
    const total = bodyBytes + 12
    const at = this.#out.reserve(total)
    this.#out.view.setUint32(at, type, this.#little)
    this.#out.view.setUint32(at + 4, total, this.#little)
    this.#out.view.setUint32(at + total - 4, total, this.#little)
    return at + 8
  }

  #option(at: number, code: number, length: number): void {
    this.#out.view.setUint16(at, code, this.#little)
    this.#out.view.setUint16(at + 2, length, this.#little)
  }

  /** High word, then low word, each in the section's byte order. */
  #time(at: number, second: number, nanosecond: number, its: Clock): void {
    const units = its.unitsPerSecond
    const within = its.binary
      ? Math.floor((nanosecond * units) / 1e9)
      : Math.floor(nanosecond / (1e9 / units))
    // second * units + within, past 2^53: the upper half of the seconds is worth 2^16 units each.
    const upper = Math.floor(second / 0x10000) * units
    const lower = (second % 0x10000) * units + within + (upper % 0x10000) * 0x10000
    const high = Math.floor(upper / 0x10000) + Math.floor(lower / 0x100000000)
    this.#out.view.setUint32(at, high, this.#little)
    this.#out.view.setUint32(at + 4, lower % 0x100000000, this.#little)
  }

  #unsigned64(at: number, high: number, low: number): void {
    this.#out.view.setUint32(this.#little ? at + 4 : at, high, this.#little)
    this.#out.view.setUint32(this.#little ? at : at + 4, low, this.#little)
  }
}

const padded = (bytes: number): number => (bytes + 3) & ~3

function clock(resolution: number, its: PcapngInterface): Clock {
  const binary = (resolution & 0x80) !== 0
  const exponent = resolution & 0x7f
  // Up to here nanoseconds times units are exact in a double.
  assert(exponent <= (binary ? 23 : 9), 'if_tsresol is 10^-9 or 2^-23 at the finest')
  return {
    snapLength: its.snapLength ?? 0,
    offset: its.timeOffset ?? 0,
    unitsPerSecond: binary ? 2 ** exponent : 10 ** exponent,
    binary,
  }
}
