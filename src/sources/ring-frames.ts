/**
 * Reads the frames that the kernel put into a TPACKET_V3 ring. Knows nothing of sockets: a ring is a
 * stretch of memory, so tests build one by hand. Layout (include/uapi/linux/if_packet.h), little-endian:
 *
 *     block    0 version   4 private   8 status: 1 = ours   12 packets   16 first packet's offset ...
 *     frame    0 next frame's offset (0: last)   4 seconds   8 nanoseconds   12 captured   16 original
 *             20 status   24 mac u16: where the frame begins   26 net u16: where its IP header begins ...
 *             48 sockaddr_ll: 50 ethertype, big-endian   56 device type u16   58 packet type u8
 *             mac - 10 virtio_net_hdr (`offload.ts`)
 *
 * A VLAN tag that the kernel took off the frame plays no part: the address alone names the ENI.
 */
import { assert } from '../base/assert.ts'
import {
  about,
  decoded,
  decodeFrame,
  linkType,
  packetBatchRows,
  rowWords,
  word,
  type PacketBatch,
} from '../packet/packet.ts'
import { countSegments, isOffloaded } from './offload.ts'

/** Which end of a veth pair or tap the ring is at: of a guest (or a host's own card), or its far end. */
export type RingSide = 'guest' | 'host'

const blockStatus = { kernel: 0, user: 1 } as const
const packetType = { outgoing: 4 } as const
/** ARPHRD types whose frames begin with an Ethernet header: ETHER and LOOPBACK. */
const etherDevice = 1
const loopbackDevice = 772
/** Frames looked at in one call at most: frames without IP fill no row, and the caller has other work. */
const framesMax = 16 * packetBatchRows

/** Frames that were read, as the kernel counts them and as the wire does. */
export interface FrameCounts {
  /** An offloaded frame is one. */
  readonly frames: number
  /** With the link header, if the device has one. */
  readonly bytes: number
  /** Packets beyond one a frame that offloaded frames carry: `frames + extraPackets` cross the wire. */
  readonly extraPackets: number
  /** The headers that the wire repeats for them, link header included. */
  readonly extraBytes: number
}

export class RingFrames {
  /** Frames that were not IP. */
  nonIp = 0
  /** IP headers that were cut off. */
  truncated = 0
  /** IP headers that contradict themselves. */
  malformed = 0
  readonly #status: Int32Array
  readonly #view: DataView
  readonly #blockBytes: number
  readonly #blocks: number
  readonly #interface: number
  readonly #outgoing: number
  readonly #incoming: number
  #block = 0
  /** Frames left in the block, and where the next one is; 0 left means that no block is held. */
  #left = 0
  #frame = 0
  /** FrameCounts in their order; numbers in typed memory are not allocated anew when they grow. */
  readonly #counts = new Float64Array(4)

  constructor(memory: ArrayBuffer, blockBytes: number, side: RingSide, interfaceIndex: number) {
    this.#status = new Int32Array(memory)
    this.#view = new DataView(memory)
    this.#blockBytes = blockBytes
    this.#blocks = memory.byteLength / blockBytes
    this.#interface = interfaceIndex
    // What the far end of a veth or tap sends is what the ENI receives.
    const into = 1 << about.directionShift
    const outOf = 2 << about.directionShift
    this.#outgoing = side === 'host' ? into : outOf
    this.#incoming = side === 'host' ? outOf : into
  }

  /** Adds rows to `batch` until it is full or no frame is waiting. Never waits itself. */
  take(batch: PacketBatch): void {
    for (let seen = 0; batch.rows < packetBatchRows && seen < framesMax; seen++) {
      if (this.#left === 0 && !this.#openBlock()) return
      this.#read(this.#frame, batch)
      const next = this.#status[this.#frame >>> 2]!
      this.#left--
      assert(
        this.#left === 0 || next > 0,
        'a frame that is not the last of its block has a next one',
      )
      this.#frame += next
      if (this.#left === 0) this.#giveBack()
    }
  }

  /** All frames read so far, those without IP too. */
  get counts(): FrameCounts {
    const [frames, bytes, extraPackets, extraBytes] = this.#counts
    return { frames: frames!, bytes: bytes!, extraPackets: extraPackets!, extraBytes: extraBytes! }
  }

  /** Whether there is a block with a frame to read; an empty one is given back at once. */
  #openBlock(): boolean {
    for (let i = 0; i < this.#blocks; i++) {
      const at = (this.#block * this.#blockBytes) >>> 2
      if ((Atomics.load(this.#status, at + 2) & blockStatus.user) === 0) return false
      this.#left = this.#status[at + 3]!
      this.#frame = at * 4 + this.#status[at + 4]!
      if (this.#left > 0) return true
      this.#giveBack()
    }
    return false
  }

  #giveBack(): void {
    Atomics.store(this.#status, ((this.#block * this.#blockBytes) >>> 2) + 2, blockStatus.kernel)
    this.#block = this.#block + 1 === this.#blocks ? 0 : this.#block + 1
  }

  #read(frame: number, batch: PacketBatch): void {
    const at = frame >>> 2
    const captured = this.#status[at + 3]!
    const original = this.#status[at + 4]!
    const offsets = this.#status[at + 6]!
    const mac = frame + (offsets & 0xffff)
    const net = frame + (offsets >>> 16)
    const device = this.#status[at + 14]!
    const row = batch.rows
    this.#counts[0]!++
    this.#counts[1]! += original
    const ethernet = (device & 0xffff) === etherDevice || (device & 0xffff) === loopbackDevice
    const result = ethernet
      ? decodeFrame(this.#view, mac, captured, original, linkType.ethernet, batch, row)
      : this.#readBare(frame, mac, net, captured, original, batch, row)
    if (result !== decoded.packet) {
      if (result === decoded.nonIp) this.nonIp++
      else if (result === decoded.truncatedIp) this.truncated++
      else this.malformed++
      return
    }
    const words = batch.words
    const base = row * rowWords
    let mark = ((device >>> 16) & 0xff) === packetType.outgoing ? this.#outgoing : this.#incoming
    if (ethernet && this.#isBroadcast(mac, words[base + word.about]!)) mark |= about.broadcast
    words[base + word.about]! |= mark
    words[base + word.second] = this.#status[at + 1]!
    words[base + word.nanosecond] = this.#status[at + 2]!
    words[base + word.interface] = this.#interface
    if (isOffloaded(this.#view, mac)) {
      countSegments(this.#view, mac, net, captured, original, batch, row)
      const extra = words[base + word.packets]! - 1
      this.#counts[2]! += extra
      this.#counts[3]! += (words[base + word.bytes]! >>> 0) + (extra + 1) * (net - mac) - original
    }
    batch.rows = row + 1
  }

  /** Devices without an Ethernet header (tun, WireGuard, tunnels): the kernel says where IP begins. */
  #readBare(
    frame: number,
    mac: number,
    net: number,
    captured: number,
    original: number,
    batch: PacketBatch,
    row: number,
  ) {
    const type = this.#view.getUint16(frame + 50)
    const link = type === 0x0800 ? linkType.ipv4 : type === 0x86dd ? linkType.ipv6 : -1
    const before = net - mac
    if (link === -1 || before > captured) return decoded.nonIp
    return decodeFrame(this.#view, net, captured - before, original - before, link, batch, row)
  }

  /** Sent to every station of the link: "multicast is not captured; broadcast is", so it is told apart. */
  #isBroadcast(mac: number, mark: number): boolean {
    return (
      (mark & about.multicast) === 0 &&
      this.#view.getInt32(mac) === -1 &&
      this.#view.getUint16(mac + 4) === 0xffff
    )
  }
}
