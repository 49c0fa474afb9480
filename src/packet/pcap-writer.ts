import { assert } from '../base/assert.ts'
import { ChunkBuffer } from './chunk-buffer.ts'

export interface PcapOptions {
  /** A LINKTYPE_ number; 1 is Ethernet. */
  readonly linkType: number
  /** Nanoseconds in place of microseconds. */
  readonly nanoseconds?: boolean
  readonly byteOrder?: 'little' | 'big'
  /** Bytes of a frame that were kept at most; 262144 unless told, tcpdump's own. */
  readonly snapLength?: number
}

/**
 * Writes a pcap file (draft-ietf-opsawg-pcap):
 *
 *     file    magic a1b2c3d4 (µs) or a1b23c4d (ns) | major 2, minor 4 | 0 | 0 | snaplen | link type
 *     packet  seconds | µs or ns | captured length | original length | captured bytes
 *
 * The header is written at once; chunks are taken with `takeChunks` while packets are written and with
 * `finish` at the end. A packet costs no object.
 */
export class PcapWriter {
  readonly #out = new ChunkBuffer()
  readonly #little: boolean
  readonly #divisor: number

  constructor(options: PcapOptions) {
    this.#little = options.byteOrder !== 'big'
    this.#divisor = options.nanoseconds === true ? 1 : 1000
    const at = this.#out.reserve(24)
    const view = this.#out.view
    view.setUint32(at, options.nanoseconds === true ? 0xa1b23c4d : 0xa1b2c3d4, this.#little)
    view.setUint16(at + 4, 2, this.#little)
    view.setUint16(at + 6, 4, this.#little)
    view.setUint32(at + 16, options.snapLength ?? 262144, this.#little)
    view.setUint32(at + 20, options.linkType, this.#little)
  }

  /**
   * Writes one packet: the first `capturedBytes` of `frame`, which was `originalBytes` long on the wire.
   * The time is Unix seconds and nanoseconds within the second; a µs file drops the last three digits.
   */
  packet(
    second: number,
    nanosecond: number,
    frame: Uint8Array,
    capturedBytes = frame.length,
    originalBytes = frame.length,
  ): void {
    assert(capturedBytes <= frame.length, 'a packet has the bytes it is said to have')
    const at = this.#out.reserve(16 + capturedBytes)
    const view = this.#out.view
    view.setUint32(at, second, this.#little)
    view.setUint32(at + 4, Math.floor(nanosecond / this.#divisor), this.#little)
    view.setUint32(at + 8, capturedBytes, this.#little)
    view.setUint32(at + 12, originalBytes, this.#little)
    copy(frame, capturedBytes, this.#out.bytes, at + 16)
  }

  /** The chunks that are full by now. */
  takeChunks(): Uint8Array[] {
    return this.#out.takeChunks()
  }

  /** The rest of the file. */
  finish(): Uint8Array[] {
    return this.#out.takeAll()
  }
}

/** Copies the first bytes of a frame. Headers are short: a loop beats the call that makes a view. */
export function copy(from: Uint8Array, count: number, to: Uint8Array, at: number): void {
  if (count > 128) to.set(from.subarray(0, count), at)
  else for (let i = 0; i < count; i++) to[at + i] = from[i]!
}
