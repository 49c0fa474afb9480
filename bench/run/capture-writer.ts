/**
 * Writes the capture of one case: pcap, microseconds, Ethernet, whole frames. Every flow is as likely as
 * any other, which is the worst that can happen to caches. The packets are spread evenly over the 600 s
 * of one capture window. A TCP flow begins with SYN (SYN and ACK from the server); 1 later packet in 200
 * carries FIN, 1 in 1000 RST. IPv4 header checksums are right, transports have none.
 */
import { open } from 'node:fs/promises'
import { checksumOf, PcapWriter, wordSum } from '../../src/packet/packet.ts'
import { Random } from '../../src/sample/random.ts'
import { type CaptureCase, mixParts } from './cases.ts'
import { FlowHeaders, headerSlotBytes } from './flow-headers.ts'

/** A multiple of 600, so that a window of 600 s holds the capture: 2023-11-14 22:10:00 UTC. */
export const captureStart = 1_699_999_800
export const captureSeconds = 600

const tcp = 6
const udp = 17
const flag = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const
const longestFrameBytes = 1518
const packetsPerWrite = 4096

/** What was written, to be found again in records. */
export interface CaptureTotals {
  readonly packets: number
  /** At the IP layer, as in a record. */
  readonly bytes: number
  /** Flows that got a packet. */
  readonly flows: number
}

/** Overwrites what stands at `path`. The same case and seed give the same bytes. */
export async function writeCapture(
  path: string,
  its: CaptureCase,
  seed: number,
  signal: AbortSignal,
): Promise<CaptureTotals> {
  await using file = await open(path, 'w')
  const traffic = new Traffic(its, new Random(seed))
  const writer = new PcapWriter({ linkType: 1 })
  const nanosecondsPerPacket = (captureSeconds * 1e9) / its.packets
  for (let i = 0; i < its.packets; i++) {
    const nanoseconds = Math.floor(i * nanosecondsPerPacket)
    const second = Math.floor(nanoseconds / 1e9)
    const length = traffic.next()
    const within = nanoseconds - second * 1e9
    writer.packet(captureStart + second, within, traffic.frame, length, length)
    if (i % packetsPerWrite !== 0) continue
    signal.throwIfAborted()
    for (const chunk of writer.takeChunks()) await file.writeFile(chunk)
  }
  for (const chunk of writer.finish()) await file.writeFile(chunk)
  return traffic.totals()
}

/** One frame after another, each in the same memory. */
class Traffic {
  /** The frame that `next` made. */
  readonly frame = new Uint8Array(longestFrameBytes)
  readonly #headers: FlowHeaders
  readonly #random: Random
  readonly #drawIpBytes: () => number
  /** Of each flow, the packets so far. */
  readonly #packets: Uint32Array
  /** Of each flow, its next sequence number. */
  readonly #sequence: Uint32Array
  #allPackets = 0
  #allBytes = 0

  constructor(its: CaptureCase, random: Random) {
    this.#random = random
    this.#headers = new FlowHeaders(its.flows, random)
    this.#packets = new Uint32Array(this.#headers.flows)
    this.#sequence = new Uint32Array(this.#headers.flows)
    const sizes = mixParts.flatMap(({ parts, ipBytes }) => Array<number>(parts).fill(ipBytes))
    const fixed = its.ipBytes
    this.#drawIpBytes = fixed === 'mix' ? () => sizes[random.next() % sizes.length]! : () => fixed
  }

  /** Makes the next frame. @returns its length */
  next(): number {
    const { frame } = this
    const headers = this.#headers
    const flow = Math.floor(this.#random.real(0, headers.flows))
    const end = headers.end[flow]!
    const ipAt = headers.ipAt[flow]!
    const from = flow * headerSlotBytes
    for (let i = 0; i < headerSlotBytes; i++) frame[i] = headers.bytes[from + i]!
    const ipBytes = Math.max(this.#drawIpBytes(), end - ipAt)
    this.#fillIp(ipAt, ipBytes)
    this.#fillTransport(flow, ipBytes)
    this.#packets[flow]!++
    this.#allPackets++
    this.#allBytes += ipBytes
    return ipAt + ipBytes
  }

  #fillIp(at: number, ipBytes: number): void {
    const { frame } = this
    if (frame[at]! >> 4 === 6) {
      put16(frame, at + 4, ipBytes - 40)
      return
    }
    put16(frame, at + 2, ipBytes)
    put16(frame, at + 4, this.#allPackets & 0xffff)
    put16(frame, at + 10, 0)
    put16(frame, at + 10, checksumOf(wordSum(frame, at, at + 20)))
  }

  #fillTransport(flow: number, ipBytes: number): void {
    const { frame } = this
    const ipAt = this.#headers.ipAt[flow]!
    const at = this.#headers.transportAt[flow]!
    const transportBytes = ipBytes - (at - ipAt)
    const protocol = frame[ipAt]! >> 4 === 6 ? frame[ipAt + 6] : frame[ipAt + 9]
    if (protocol === udp) put16(frame, at + 4, transportBytes)
    if (protocol !== tcp) return
    const sequence = this.#sequence[flow]!
    put16(frame, at + 4, sequence >>> 16)
    put16(frame, at + 6, sequence & 0xffff)
    frame[at + 13] = this.#drawFlags(flow)
    this.#sequence[flow] = sequence + transportBytes - 20
  }

  #drawFlags(flow: number): number {
    if (this.#packets[flow] === 0) return flow % 2 === 0 ? flag.syn : flag.syn | flag.ack
    const draw = this.#random.next() % 1000
    if (draw === 0) return flag.rst
    if (draw <= 5) return flag.fin | flag.ack
    return draw % 2 === 0 ? flag.psh | flag.ack : flag.ack
  }

  totals(): CaptureTotals {
    const flows = this.#packets.reduce((count, packets) => count + (packets > 0 ? 1 : 0), 0)
    return { packets: this.#allPackets, bytes: this.#allBytes, flows }
  }
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value & 0xff
}
