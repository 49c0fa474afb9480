/**
 * packet/: bytes of a capture in, decoded packets out.
 *
 * `batch.ts` is the batch that packets travel in, a cache line a row. `decode.ts` finds the outermost IP
 * header of a frame and fills one row. `byte-source.ts` reads files, standard input and compressed bytes;
 * `pcap-reader.ts` and `pcapng-reader.ts` walk their records over `capture-file.ts`. This file opens
 * captures by their magic and reads one, or several merged by time. `pcap-writer.ts` and
 * `pcapng-writer.ts` write captures, `frame-writer.ts` the frames in them.
 *
 * Rules: reference oracle.md (link types, byte counts, fragments, ports, flags). What a packet means at
 * an ENI is `vpc/`; live interfaces are `sources/`.
 */
import { WeirError } from '../base/errors.ts'
import type { ByteSource } from './byte-source.ts'
import { type CaptureFile, type CaptureInterface, readState } from './capture-file.ts'
import { PacketBatch, packetBatchRows, rowWords, word } from './batch.ts'
import { pcapMagic, PcapReader } from './pcap-reader.ts'
import { blockType, PcapngReader } from './pcapng-reader.ts'

/** A reader of files that are not captures of frames, if the first four bytes are its; else undefined. */
export type FurtherFormat = (head: DataView, source: ByteSource) => Promise<CaptureFile | undefined>

/**
 * The reader for what a source holds.
 * @param further is asked about what is neither pcap nor pcapng
 * @throws WeirError CaptureUnknownFormat for anything but pcap, pcapng (plain, gzip or zstd) and `further`
 */
export async function openCapture(
  source: ByteSource,
  further?: FurtherFormat,
): Promise<CaptureFile> {
  const head = new Uint8Array(4)
  let length = 0
  while (length < 4) {
    const count = await source.read(head, length)
    if (count === 0) break
    length += count
  }
  const rest = withHead(source, head.subarray(0, length))
  const magic = new DataView(head.buffer).getUint32(0)
  const swapped = new DataView(head.buffer).getUint32(0, true)
  if (magic === blockType.section) return new PcapngReader(rest)
  for (const known of Object.values(pcapMagic))
    if (magic === known || swapped === known) return new PcapReader(rest)
  const other = length === 4 ? await further?.(new DataView(head.buffer), rest) : undefined
  if (other !== undefined) return other
  // Packed bytes that could not be unpacked: nobody knows what they are, but damaged they are.
  if (length < 4 && source.broken !== undefined) return new PcapReader(rest)
  throw new WeirError(
    'CaptureUnknownFormat',
    length === 0 ? `${source.name} is empty` : `${source.name} is not a capture Weir reads`,
    {
      place: `byte 0 of ${source.name}`,
      hint:
        'Weir reads pcap and pcapng files and streams of NetFlow or IPFIX messages, ' +
        'plain or compressed with gzip or zstd',
    },
  )
}

/** Gives the bytes already taken once more, then the rest. */
function withHead(source: ByteSource, head: Uint8Array): ByteSource {
  let used = 0
  return {
    name: source.name,
    size: source.size,
    get taken() {
      return source.taken
    },
    get broken() {
      return source.broken
    },
    read(into, from) {
      if (used === head.length) return source.read(into, from)
      const count = Math.min(head.length - used, into.length - from)
      into.set(head.subarray(used, used + count), from)
      used += count
      return count
    },
    close: () => source.close(),
  }
}

/** Who takes the packets of captures. */
export interface PacketTaker {
  /** An interface was found: `index` is what word 13 of its packets holds from now on. */
  addInterface(index: number, found: CaptureInterface, file: CaptureFile): void
  /** The rows of the batch, in order; the batch is reused after the call. */
  add(batch: PacketBatch): void
}

/**
 * Reads captures to their end. "Files are merged by timestamp (ties: argument order), each read in its own
 * order" (records.md 62).
 *
 * @param pause called after each refill of a file, for progress; may be asynchronous to hold the reader back
 */
export async function readCaptures(
  files: readonly CaptureFile[],
  taker: PacketTaker,
  pause: () => void | Promise<void> = () => {},
): Promise<void> {
  const lanes = files.map((file) => new Lane(file))
  const numbers = { next: 0 }
  if (lanes.length === 1) return await readAlone(lanes[0]!, taker, numbers, pause)
  const merged = new PacketBatch()
  const open = [] as Lane[]
  for (const lane of lanes) if (await lane.fill(taker, numbers, pause)) open.push(lane)
  while (open.length > 0) {
    let first = open[0]!
    for (const lane of open) if (lane.isBefore(first)) first = lane
    copyRow(first, merged)
    if (merged.rows === packetBatchRows) give(merged, taker)
    first.cursor++
    if (first.cursor === first.batch.rows && !(await first.fill(taker, numbers, pause)))
      open.splice(open.indexOf(first), 1)
  }
  give(merged, taker)
}

async function readAlone(
  lane: Lane,
  taker: PacketTaker,
  numbers: { next: number },
  pause: () => void | Promise<void>,
): Promise<void> {
  const { file, batch } = lane
  for (;;) {
    const state = file.decode(batch)
    lane.announce(taker, numbers)
    give(batch, taker)
    if (state === readState.done) return
    if (state === readState.needBytes) {
      await file.refill()
      await pause()
    }
  }
}

function give(batch: PacketBatch, taker: PacketTaker): void {
  if (batch.rows > 0) taker.add(batch)
  batch.rows = 0
}

/** One file on its way into the merge. */
class Lane {
  readonly file: CaptureFile
  readonly batch = new PacketBatch()
  readonly #numbers: number[] = []
  cursor = 0
  #done = false

  constructor(file: CaptureFile) {
    this.file = file
  }

  announce(taker: PacketTaker, numbers: { next: number }): void {
    while (this.#numbers.length < this.file.interfaces.length) {
      const found = this.file.interfaces[this.#numbers.length]!
      taker.addInterface(numbers.next, found, this.file)
      this.#numbers.push(numbers.next++)
    }
  }

  /** Decodes on until there is a row. False at the end of the file. */
  async fill(
    taker: PacketTaker,
    numbers: { next: number },
    pause: () => void | Promise<void>,
  ): Promise<boolean> {
    this.cursor = 0
    this.batch.rows = 0
    while (this.batch.rows === 0 && !this.#done) {
      const state = this.file.decode(this.batch)
      if (state === readState.done) this.#done = true
      if (state === readState.needBytes) {
        await this.file.refill()
        await pause()
      }
    }
    this.announce(taker, numbers)
    for (let row = 0; row < this.batch.rows; row++) {
      const at = row * rowWords + word.interface
      this.batch.words[at] = this.#numbers[this.batch.words[at]!]!
    }
    return this.batch.rows > 0
  }

  isBefore(other: Lane): boolean {
    const mine = this.cursor * rowWords
    const theirs = other.cursor * rowWords
    const seconds =
      (this.batch.words[mine + word.second]! >>> 0) -
      (other.batch.words[theirs + word.second]! >>> 0)
    if (seconds !== 0) return seconds < 0
    return this.batch.words[mine + word.nanosecond]! < other.batch.words[theirs + word.nanosecond]!
  }
}

function copyRow(lane: Lane, to: PacketBatch): void {
  const from = lane.cursor * rowWords
  to.words.set(lane.batch.words.subarray(from, from + rowWords), to.rows * rowWords)
  to.quoted.set(lane.batch.quoted.subarray(from, from + rowWords), to.rows * rowWords)
  to.rows++
}

export { addressBytes } from './address-bytes.ts'
export * from './batch.ts'
export { openByteSource, chunkSource, type ByteSource } from './byte-source.ts'
export {
  CaptureFile,
  type CaptureInterface,
  type Damage,
  type ReadState,
  readState,
} from './capture-file.ts'
export { decoded, decodeFrame, linkType, type Decoded } from './decode.ts'
export {
  etherType,
  ethernet,
  fragmentIpv4,
  fragmentIpv6,
  ipv4,
  ipv6,
  mac,
  type Ipv6Extension,
  type VlanTag,
} from './frame-writer.ts'
export { PcapWriter, type PcapOptions } from './pcap-writer.ts'
export { packetDirection, PcapngWriter, type PcapngInterface } from './pcapng-writer.ts'
export {
  checksumOf,
  icmp,
  icmpv6,
  joined,
  opaque,
  tcp,
  udp,
  wordSum,
  type Transport,
} from './transport-writer.ts'
