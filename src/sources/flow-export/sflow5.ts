/**
 * sFlow version 5 (sflow.org, "sFlow Version 5", July 2004): packets that an agent sampled, 1 of `rate` each, in the
 * XDR form: words of four bytes, big-endian.
 *
 *     datagram  version 5 | address type, address | sub-agent | sequence | uptime, ms | samples
 *     sample    format | length | ...
 *     1 flow    sequence | data source | rate | pool | drops | input | output | records
 *     3 flow, expanded: the data source, the input and the output take two words each
 *     record    format | length | ...
 *     1 raw header      protocol | frame length | bytes stripped | length, bytes
 *     3, 4 IPv4, IPv6   length | protocol | source | destination | ports | TCP flags | type of service
 *
 * Counter samples (2 and 4) carry no packets. What an agent does not know is left out, so every length is checked.
 */
import { ipv4Text, ipv6Text } from '../../base/ip.ts'
import {
  about,
  decoded,
  decodeFrame,
  linkType,
  type PacketBatch,
  protocol as protocols,
  rowWords,
} from '../../packet/packet.ts'
import { hasPorts } from './exported-flow.ts'

export interface SflowHeader {
  /** The agent: what topologies call an exporter. Empty when it does not say. */
  readonly agent: string
  readonly subAgent: number
  readonly sequence: number
  readonly uptime: number
  readonly samples: number
  /** Where the samples begin. */
  readonly at: number
}

/** The header at `at`, or undefined when it is cut or its address is of no known type. */
export function sflowHeader(view: DataView, at: number, end: number): SflowHeader | undefined {
  if (at + 28 > end) return undefined
  const type = view.getUint32(at + 4)
  if (type > 2) return undefined
  const addressBytes = type === 2 ? 16 : type === 1 ? 4 : 0
  const rest = at + 8 + addressBytes
  if (rest + 16 > end) return undefined
  return {
    agent: addressBytes === 0 ? '' : addressText(view, at + 8, addressBytes),
    subAgent: view.getUint32(rest),
    sequence: view.getUint32(rest + 4),
    uptime: view.getUint32(rest + 8),
    samples: view.getUint32(rest + 12),
    at: rest + 16,
  }
}

function addressText(view: DataView, at: number, bytes: number): string {
  if (bytes === 4) return ipv4Text(view.getInt32(at))
  return ipv6Text(Int32Array.from({ length: 4 }, (_, i) => view.getInt32(at + 4 * i)))
}

const sampleFormat = { flow: 1, expandedFlow: 3 } as const

export interface FlowSample {
  readonly sequence: number
  /** Type and index of where it was sampled; an interface's index is its ifIndex. */
  readonly source: number
  readonly sourceIndex: number
  readonly rate: number
  readonly drops: number
  /** ifIndex, 0 for none, discarded or several. */
  readonly input: number
  readonly output: number
  readonly records: number
  /** Where its records begin. */
  readonly at: number
}

/**
 * The flow sample at `at` to `end`, without its format and length; undefined when it is another, or cut.
 * @param format what the word before it says
 */
export function flowSample(
  view: DataView,
  format: number,
  at: number,
  end: number,
): FlowSample | undefined {
  if (format === sampleFormat.flow) {
    if (at + 32 > end) return undefined
    const source = view.getUint32(at + 4)
    return {
      sequence: view.getUint32(at),
      source,
      sourceIndex: source >>> 24 === 0 ? source : 0,
      rate: view.getUint32(at + 8),
      drops: view.getUint32(at + 16),
      input: compactInterface(view.getUint32(at + 20)),
      output: compactInterface(view.getUint32(at + 24)),
      records: view.getUint32(at + 28),
      at: at + 32,
    }
  }
  if (format !== sampleFormat.expandedFlow || at + 44 > end) return undefined
  const index = view.getUint32(at + 8)
  return {
    sequence: view.getUint32(at),
    source: view.getUint32(at + 4) * 2 ** 32 + index,
    sourceIndex: view.getUint32(at + 4) === 0 ? index : 0,
    rate: view.getUint32(at + 12),
    drops: view.getUint32(at + 20),
    input: interfaceOf(view.getUint32(at + 24), view.getUint32(at + 28)),
    output: interfaceOf(view.getUint32(at + 32), view.getUint32(at + 36)),
    records: view.getUint32(at + 40),
    at: at + 44,
  }
}

/** Two bits say what the rest is: 0 an ifIndex, 1 why it was discarded, 2 how many interfaces. */
const compactInterface = (value: number): number =>
  value >>> 30 === 0 && value !== 0x3fff_ffff ? value : 0
const interfaceOf = (format: number, value: number): number =>
  format === 0 && value !== 0x3fff_ffff && value !== 0xffff_ffff ? value : 0

/** The link type of a raw header's protocol. */
const linkTypes = new Map<number, number>([
  [1, linkType.ethernet],
  [11, linkType.ipv4],
  [12, linkType.ipv6],
])

/** What became of a sample. */
export const sampled = { packet: 0, nonIp: 1, unreadable: 2 } as const
export type Sampled = (typeof sampled)[keyof typeof sampled]

/** Decodes the sampled packet into row 0 of `batch`, time and interface left out. */
export function samplePacket(
  view: DataView,
  sample: FlowSample,
  end: number,
  batch: PacketBatch,
): Sampled {
  let at = sample.at
  let result: Sampled = sampled.unreadable
  for (let i = 0; i < sample.records && at + 8 <= end; i++) {
    const format = view.getUint32(at)
    const length = view.getUint32(at + 4)
    const from = at + 8
    if (length > end - from) return sampled.unreadable
    at = from + length
    if (format === 1) {
      const what = rawHeader(view, from, at, batch)
      if (what === sampled.packet) return what
      result = what
    } else if ((format === 3 || format === 4) && sampledIp(view, from, at, format === 4, batch))
      return sampled.packet
  }
  return result
}

function rawHeader(view: DataView, at: number, end: number, batch: PacketBatch): Sampled {
  if (at + 16 > end) return sampled.unreadable
  const link = linkTypes.get(view.getUint32(at))
  const kept = view.getUint32(at + 12)
  if (kept > end - (at + 16)) return sampled.unreadable
  if (link === undefined) return sampled.nonIp
  // "The number of octets removed from the packet before extracting the header": padding and the check sequence.
  const original = Math.max(kept, view.getUint32(at + 4) - view.getUint32(at + 8))
  const what = decodeFrame(view, at + 16, kept, original, link, batch, 0)
  if (what === decoded.packet) return sampled.packet
  return what === decoded.nonIp ? sampled.nonIp : sampled.unreadable
}

/** A packet whose header the agent has read itself. */
function sampledIp(
  view: DataView,
  at: number,
  end: number,
  six: boolean,
  batch: PacketBatch,
): boolean {
  const addressBytes = six ? 16 : 4
  if (at + 24 + 2 * addressBytes > end) return false
  const words = batch.words
  const protocol = view.getUint32(at + 4) & 0xff
  const destination = at + 8 + addressBytes
  const rest = destination + addressBytes
  words.fill(0, 0, rowWords)
  for (let i = 0; i < addressBytes / 4; i++) {
    words[i] = view.getInt32(at + 8 + 4 * i)
    words[4 + i] = view.getInt32(destination + 4 * i)
  }
  if (hasPorts(protocol))
    words[8] = ((view.getUint32(rest) & 0xffff) << 16) | (view.getUint32(rest + 4) & 0xffff)
  let mark = protocol | (six ? about.ipv6 : 0)
  if (protocol === protocols.tcp) mark |= (view.getUint32(rest + 8) & 0xff) << about.flagsShift
  if (six ? words[4]! >>> 24 === 0xff : words[4]! >>> 28 === 0xe) mark |= about.multicast
  if (!six && words[4] === -1) mark |= about.broadcast
  words[9] = mark
  words[10] = view.getInt32(at)
  words[15] = 1
  return true
}
