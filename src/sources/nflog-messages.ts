/**
 * Packets that a firewall reports to an NFLOG group, from the kernel's messages to rows. Knows no socket.
 * A message is struct nfgenmsg (family u8, version u8, group u16 big-endian), then attributes; their
 * numbers are in network order (include/uapi/linux/netfilter/nfnetlink_log.h).
 *
 * What a rule says of a packet is in its log prefix. `R` at its beginning: rejected. `:in` or `:out` in it:
 * the direction at the ENI. Other messages are no rejects and are only counted.
 */
import {
  about,
  decoded,
  decodeFrame,
  linkType,
  protocol,
  rowWords,
  word,
  type PacketBatch,
} from '../packet/packet.ts'
import { AttributeWalk } from './netlink-message.ts'
import type { RingSide } from './ring-frames.ts'

export const nflogHeaderBytes = 4
const attribute = {
  packetHeader: 1,
  timestamp: 3,
  inDevice: 4,
  outDevice: 5,
  physicalIn: 6,
  physicalOut: 7,
  payload: 9,
  prefix: 10,
  sequence: 12,
} as const
/** Hooks of every family but netdev. */
const hook = { forward: 2, output: 3, postRouting: 4 } as const
const family = { netdev: 5 } as const
const netdevEgress = 1
const ethernetHeaderBytes = 14
const letter = { R: 0x52, colon: 0x3a, i: 0x69, n: 0x6e, o: 0x6f, u: 0x75, t: 0x74 } as const
const direction = { unknown: 0, in: 1, out: 2 } as const
/** Where the packet passes the port of the firewall's rules. */
const passing = { unknown: 0, received: 1, sent: 2, elsewhere: 3 } as const

export interface NflogPlace {
  /** `host`: the rules are at the far end of the ENI's veth or tap, where directions turn. */
  readonly side: RingSide
  /** Directions are written as the far end of the ENI's veth has them, for one who turns them round. */
  readonly turned: boolean
  /** The index of the ENI's interface in the rules' namespace; messages about others are left out. */
  readonly port: number | undefined
  /** Largest packet at the ENI, to estimate how many packets an offloaded one would have become. */
  readonly mtu: number
  /** What stands in the interface word of each row. */
  readonly interfaceIndex: number
}

export class NflogMessages {
  /** Messages that never arrived, by the gaps in their numbers. */
  lost = 0
  /** Stretches of missing numbers between messages; not those before the first. */
  gaps = 0
  /** Messages that are no rejects, or are about other interfaces. */
  ignored = 0
  nonIp = 0
  malformed = 0
  /** Rows whose packets and bytes are estimated, since the kernel does not say how they would be cut. */
  estimated = 0
  readonly #view: DataView
  readonly #walk: AttributeWalk
  readonly #place: NflogPlace
  #nextSequence = 0
  #numbered = false
  // Of the message at hand.
  #prefix = { from: 0, to: 0 }
  #payload = { from: 0, to: 0 }
  #hook = 0
  #second = 0
  #nanosecond = 0
  #in = 0
  #out = 0
  #sending = false

  constructor(view: DataView, place: NflogPlace) {
    this.#view = view
    this.#walk = new AttributeWalk(view)
    this.#place = place
  }

  /**
   * Adds the packet of one message to `batch`, which has room, if it was rejected.
   * @param from where the message's payload lies in the view, until `to`
   * @param now Unix milliseconds, for a message that carries no time
   */
  add(from: number, to: number, batch: PacketBatch, now: number): void {
    if (to - from < nflogHeaderBytes) {
      this.malformed++
      return
    }
    this.#readAttributes(from, to, now)
    const netdev = this.#view.getUint8(from) === family.netdev
    this.#sending = netdev
      ? this.#hook === netdevEgress
      : this.#hook === hook.output || this.#hook === hook.postRouting
    const passes = this.#passing()
    if (!this.#isReject() || passes === passing.elsewhere) {
      this.ignored++
      return
    }
    // At the egress of a device a packet begins with its link header, at all other hooks with IP.
    const linkHeader = netdev && this.#sending ? ethernetHeaderBytes : 0
    const result = this.#decode(linkHeader, batch)
    if (result !== decoded.packet) {
      if (result === decoded.nonIp) this.nonIp++
      else this.malformed++
      return
    }
    const base = batch.rows++ * rowWords
    const words = batch.words
    const found = this.#direction(passes)
    const way = this.#place.turned && found !== direction.unknown ? 3 - found : found
    words[base + word.about]! |= way << about.directionShift
    words[base + word.second] = this.#second
    words[base + word.nanosecond] = this.#nanosecond
    words[base + word.interface] = this.#place.interfaceIndex
    if (words[base + word.bytes]! >>> 0 > this.#place.mtu)
      this.#estimateSegments(words, base, this.#payload.from + linkHeader)
  }

  #readAttributes(from: number, to: number, now: number): void {
    const walk = this.#walk
    const view = this.#view
    this.#prefix.from = this.#prefix.to = 0
    this.#payload.from = this.#payload.to = 0
    this.#hook = -1
    this.#in = this.#out = 0
    this.#second = Math.floor(now / 1000)
    this.#nanosecond = (now % 1000) * 1_000_000
    walk.begin(from + nflogHeaderBytes, to)
    while (walk.next()) {
      const { type, from: at, length } = walk
      if (type === attribute.payload) keep(this.#payload, walk)
      else if (type === attribute.prefix) keep(this.#prefix, walk)
      else if (length < 4) continue
      else if (type === attribute.packetHeader) this.#hook = view.getUint8(at + 2)
      else if (type === attribute.sequence) this.#number(view.getUint32(at))
      else if (type === attribute.physicalIn) this.#in = view.getUint32(at)
      else if (type === attribute.physicalOut) this.#out = view.getUint32(at)
      else if (type === attribute.inDevice) this.#in ||= view.getUint32(at)
      else if (type === attribute.outDevice) this.#out ||= view.getUint32(at)
      else if (type === attribute.timestamp && length >= 16) {
        this.#second = view.getUint32(at + 4)
        this.#nanosecond = view.getUint32(at + 12) * 1000
      }
    }
  }

  /** The kernel numbers the messages of a group from 0, whether they arrive or not. */
  #number(sequence: number): void {
    const missing = (sequence - this.#nextSequence) >>> 0
    if (missing > 0) {
      this.lost += missing
      if (this.#numbered) this.gaps++
    }
    this.#numbered = true
    this.#nextSequence = (sequence + 1) >>> 0
  }

  #isReject(): boolean {
    const { from, to } = this.#prefix
    return to > from && this.#view.getUint8(from) === letter.R
  }

  #passing(): number {
    const { port } = this.#place
    if (port === undefined) {
      if (this.#sending) return passing.sent
      return this.#hook === hook.forward && this.#in !== 0 && this.#out !== 0
        ? passing.unknown
        : passing.received
    }
    if (this.#in === port && !this.#sending) return passing.received
    return this.#out === port ? passing.sent : passing.elsewhere
  }

  #direction(passes: number): number {
    const view = this.#view
    const { from, to } = this.#prefix
    for (let at = from; at + 3 <= to; at++) {
      if (view.getUint8(at) !== letter.colon) continue
      const first = view.getUint8(at + 1)
      const second = view.getUint8(at + 2)
      if (first === letter.i && second === letter.n) return direction.in
      if (first !== letter.o || second !== letter.u || at + 4 > to) continue
      if (view.getUint8(at + 3) === letter.t) return direction.out
    }
    if (passes === passing.unknown) return direction.unknown
    const into = this.#place.side === 'guest' ? passing.received : passing.sent
    return passes === into ? direction.in : direction.out
  }

  #decode(linkHeader: number, batch: PacketBatch) {
    const { from, to } = this.#payload
    const link = linkHeader > 0 ? linkType.ethernet : linkType.raw
    return decodeFrame(this.#view, from, to - from, to - from, link, batch, batch.rows)
  }

  /**
   * TCP that was not cut yet: nothing says how large its segments would have been, so they are taken to be
   * as large as the interface lets them. Rejected packets are mostly SYNs, which are never joined.
   */
  #estimateSegments(words: Int32Array, base: number, ip: number): void {
    const mark = words[base + word.about]!
    if ((mark & about.protocolMask) !== protocol.tcp) return
    const view = this.#view
    const ipv6 = (mark & about.ipv6) !== 0
    if (view.getUint8(ip) >>> 4 !== (ipv6 ? 6 : 4)) return
    if (ipv6 && view.getUint8(ip + 6) !== protocol.tcp) return
    const ipHeader = ipv6 ? 40 : (view.getUint8(ip) & 15) * 4
    if (ip + ipHeader + 13 > this.#payload.to) return
    const headers = ipHeader + (view.getUint8(ip + ipHeader + 12) >>> 4) * 4
    const payload = (words[base + word.bytes]! >>> 0) - headers
    if (payload <= 0 || headers >= this.#place.mtu) return
    const packets = Math.ceil(payload / (this.#place.mtu - headers))
    words[base + word.packets] = packets
    words[base + word.bytes] = payload + packets * headers
    this.estimated++
  }
}

function keep(span: { from: number; to: number }, walk: AttributeWalk): void {
  span.from = walk.from
  span.to = walk.to
}
