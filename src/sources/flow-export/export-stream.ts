/**
 * Exported messages one behind the other in a file: NetFlow v5 and v9, IPFIX (an IPFIX file is that, RFC 5655). Read as
 * captures are; who sent them is not in it, so its flows are assigned by the file's tap or by address.
 */
import {
  type ByteSource,
  CaptureFile,
  linkType,
  type PacketBatch,
  type ReadState,
  readState,
  rowWords,
  word,
} from '../../packet/packet.ts'
import type { ExportLoss } from './exporters.ts'
import { FlowDecoder } from './flow-decoder.ts'
import { netflow5 } from './netflow5.ts'

/** Headers are 24 bytes (v5), 20 (v9) and 16 (IPFIX): no message that tells anything is shorter than this. */
const headBytes = 24
const netflow9HeaderBytes = 20
const ipfixHeaderBytes = 16

/** Whether the first four bytes of a file are those of an exported message. */
export function isExportStream(head: DataView): boolean {
  const version = head.getUint16(0)
  const rest = head.getUint16(2)
  return (
    ((version === 5 || version === 9) && rest > 0 && rest < 0x1000) ||
    (version === 10 && rest >= ipfixHeaderBytes)
  )
}

export class ExportStream extends CaptureFile {
  readonly #decoder: FlowDecoder
  #over = false

  /** @param windowSeconds of the capture windows, so that connections can be told to close in them */
  constructor(source: ByteSource, windowSeconds: number) {
    super(source)
    this.interfaces.push({ name: undefined, linkType: linkType.raw })
    this.#decoder = new FlowDecoder({ isTap: () => false, addInterface: () => {}, windowSeconds })
  }

  /** What its sequence numbers say was lost, and the factor of what was sampled. Once it is read. */
  losses(): ExportLoss[] {
    return this.#decoder.takeLosses(Number.POSITIVE_INFINITY)
  }

  override async refill(): Promise<boolean> {
    const more = await super.refill()
    if (!more) this.#over = true
    return more
  }

  decode(batch: PacketBatch): ReadState {
    const decoder = this.#decoder
    for (;;) {
      const from = batch.rows
      decoder.giveInto(batch)
      for (let row = from; row < batch.rows; row++)
        this.sawSecond(batch.words[row * rowWords + word.second]! >>> 0)
      if (decoder.hasRows) return readState.batchFull
      const there = this.end - this.at
      if (there < headBytes && !(this.#over && there >= ipfixHeaderBytes))
        return this.starve(headBytes)
      const version = this.view.getUint16(this.at)
      if (version !== 5 && version !== 9 && version !== 10)
        return this.damaged(this.at, `no exported message begins with version ${version}`)
      const length = version === 9 ? this.#netflow9Length() : this.#statedLength(version)
      if (length < 0) return this.damaged(this.at, 'the message states an impossible length')
      if (length > there) return this.starve(length)
      this.#take(version, length)
    }
  }

  #take(version: number, length: number): void {
    const bytes = this.bytes.subarray(this.at, this.at + length)
    const exportedAt = this.view.getUint32(this.at + (version === 10 ? 4 : 8)) * 1000
    this.#decoder.take(bytes, '0.0.0.0', 0, exportedAt)
    this.frames = this.#decoder.counters.records
    this.at += length
  }

  #statedLength(version: number): number {
    const told = this.view.getUint16(this.at + 2)
    if (version === 5) return netflow5.headerBytes + told * netflow5.recordBytes
    return told < ipfixHeaderBytes ? -1 : told
  }

  /**
   * A v9 message does not say its length: it ends where, in place of a set's number, the next one's version stands.
   * @returns more than is there as long as that is not known, -1 when a set is broken
   */
  #netflow9Length(): number {
    let at = this.at + netflow9HeaderBytes
    for (;;) {
      if (at + 4 > this.end) return at - this.at + (this.#over && at === this.end ? 0 : 4)
      if (this.view.getUint16(at) === 9) return at - this.at
      const length = this.view.getUint16(at + 2)
      if (length < 4) return -1
      at += length
    }
  }
}
