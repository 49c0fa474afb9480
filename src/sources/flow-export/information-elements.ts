/**
 * The fields that matter among the information elements of NetFlow v9 (RFC 3954 §8) and IPFIX (RFC 7012, the
 * IANA registry): v9's numbers are IPFIX's. A record is read into a row of numbers, one a meaning; what is
 * absent is NaN.
 */

/** How bytes become a value. */
const form = { none: 0, unsigned: 1, ipv4: 2, ipv6: 3, ntp: 4, float: 5 } as const

/** Meanings, and their element numbers. NTP times take the place behind them too, for the fraction. */
export const slot = {
  octets: 0,
  packets: 1,
  octetsTotal: 2,
  packetsTotal: 3,
  initiatorOctets: 4,
  initiatorPackets: 5,
  postOctets: 6,
  postPackets: 7,
  postOctetsTotal: 8,
  postPacketsTotal: 9,
  reverseOctets: 10,
  reversePackets: 11,
  reverseOctetsTotal: 12,
  reversePacketsTotal: 13,
  responderOctets: 14,
  responderPackets: 15,
  protocol: 16,
  tcpFlags: 17,
  reverseTcpFlags: 18,
  sourcePort: 19,
  destinationPort: 20,
  ingress: 21,
  egress: 22,
  direction: 23,
  ipVersion: 24,
  firstUptime: 25,
  lastUptime: 26,
  firstSeconds: 27,
  lastSeconds: 28,
  firstMilliseconds: 29,
  lastMilliseconds: 30,
  firstNtp: 31,
  firstFraction: 32,
  lastNtp: 33,
  lastFraction: 34,
  firstDelta: 35,
  lastDelta: 36,
  systemInit: 37,
  durationMilliseconds: 38,
  durationMicroseconds: 39,
  icmpTypeCode4: 40,
  icmpTypeCode6: 41,
  icmpType4: 42,
  icmpType6: 43,
  endReason: 44,
  everyNth: 45,
  samplerId: 46,
  samplerInterval: 47,
  selectorId: 48,
  packetInterval: 49,
  packetSpace: 50,
  samplingSize: 51,
  samplingPopulation: 52,
  samplingProbability: 53,
  source: 54,
  destination: 55,
} as const
const slots = 56

/** Sixteen words: source and destination of IPv4 in 0 and 4, of IPv6 from 8 and 12. */
const addressAt = { source4: 0, destination4: 4, source6: 8, destination6: 12 } as const

/** Element number, slot, form; an address instead of the slot says where its words begin. */
const elements: readonly (readonly [number, number, number])[] = [
  [1, slot.octets, form.unsigned],
  [2, slot.packets, form.unsigned],
  [4, slot.protocol, form.unsigned],
  [6, slot.tcpFlags, form.unsigned],
  [7, slot.sourcePort, form.unsigned],
  [8, addressAt.source4, form.ipv4],
  [10, slot.ingress, form.unsigned],
  [11, slot.destinationPort, form.unsigned],
  [12, addressAt.destination4, form.ipv4],
  [14, slot.egress, form.unsigned],
  [21, slot.lastUptime, form.unsigned],
  [22, slot.firstUptime, form.unsigned],
  [23, slot.postOctets, form.unsigned],
  [24, slot.postPackets, form.unsigned],
  [27, addressAt.source6, form.ipv6],
  [28, addressAt.destination6, form.ipv6],
  [32, slot.icmpTypeCode4, form.unsigned],
  [34, slot.everyNth, form.unsigned],
  [48, slot.samplerId, form.unsigned],
  [50, slot.samplerInterval, form.unsigned],
  [60, slot.ipVersion, form.unsigned],
  [61, slot.direction, form.unsigned],
  [85, slot.octetsTotal, form.unsigned],
  [86, slot.packetsTotal, form.unsigned],
  [136, slot.endReason, form.unsigned],
  [139, slot.icmpTypeCode6, form.unsigned],
  [150, slot.firstSeconds, form.unsigned],
  [151, slot.lastSeconds, form.unsigned],
  [152, slot.firstMilliseconds, form.unsigned],
  [153, slot.lastMilliseconds, form.unsigned],
  [154, slot.firstNtp, form.ntp],
  [155, slot.lastNtp, form.ntp],
  [156, slot.firstNtp, form.ntp],
  [157, slot.lastNtp, form.ntp],
  [158, slot.firstDelta, form.unsigned],
  [159, slot.lastDelta, form.unsigned],
  [160, slot.systemInit, form.unsigned],
  [161, slot.durationMilliseconds, form.unsigned],
  [162, slot.durationMicroseconds, form.unsigned],
  [171, slot.postOctetsTotal, form.unsigned],
  [172, slot.postPacketsTotal, form.unsigned],
  [176, slot.icmpType4, form.unsigned],
  [178, slot.icmpType6, form.unsigned],
  [180, slot.sourcePort, form.unsigned],
  [181, slot.destinationPort, form.unsigned],
  [182, slot.sourcePort, form.unsigned],
  [183, slot.destinationPort, form.unsigned],
  [231, slot.initiatorOctets, form.unsigned],
  [232, slot.responderOctets, form.unsigned],
  [298, slot.initiatorPackets, form.unsigned],
  [299, slot.responderPackets, form.unsigned],
  [302, slot.selectorId, form.unsigned],
  [305, slot.packetInterval, form.unsigned],
  [306, slot.packetSpace, form.unsigned],
  [309, slot.samplingSize, form.unsigned],
  [310, slot.samplingPopulation, form.unsigned],
  [311, slot.samplingProbability, form.float],
]
/** Elements of the other direction of the same record (RFC 5103 §6.1): enterprise 29305. */
export const reverseEnterprise = 29305
const reverseElements: readonly (readonly [number, number, number])[] = [
  [1, slot.reverseOctets, form.unsigned],
  [2, slot.reversePackets, form.unsigned],
  [6, slot.reverseTcpFlags, form.unsigned],
  [85, slot.reverseOctetsTotal, form.unsigned],
  [86, slot.reversePacketsTotal, form.unsigned],
]

const tableOf = (rows: typeof elements): Int32Array => {
  const table = new Int32Array(512)
  for (const [element, place, how] of rows) table[element] = (how << 8) | place
  return table
}
const ownTable = tableOf(elements)
const reverseTable = tableOf(reverseElements)

/** How an element is read, for `RecordValues.set`; 0: skipped. */
export function readingOf(element: number, enterprise = 0): number {
  if (enterprise === 0) return ownTable[element] ?? 0
  return enterprise === reverseEnterprise ? (reverseTable[element] ?? 0) : 0
}

/** An interface as the scope of options (RFC 3954 §6.1, scope type 2), read like an ingress interface. */
export const interfaceScopeReading = readingOf(10)

export class RecordValues {
  readonly numbers = new Float64Array(slots)
  readonly addresses = new Int32Array(16)
  /** Which families the record has addresses of. */
  hasIpv4 = false
  hasIpv6 = false

  clear(): void {
    this.numbers.fill(Number.NaN)
    this.addresses.fill(0)
    this.hasIpv4 = false
    this.hasIpv6 = false
  }

  get(of: number): number {
    return this.numbers[of]!
  }

  /** The first of these that the record has, or NaN. */
  firstOf(...among: readonly number[]): number {
    for (const each of among) if (!Number.isNaN(this.numbers[each]!)) return this.numbers[each]!
    return Number.NaN
  }

  /** Takes the field of `length` bytes at `at`, which the caller has seen to lie inside the bytes. */
  set(reading: number, view: DataView, at: number, length: number): void {
    const place = reading & 0xff
    switch (reading >> 8) {
      case form.unsigned:
        // "Reduced-size encoding" (RFC 7011 §6.2): fewer bytes than the element's own length.
        if (length >= 1 && length <= 8) this.numbers[place] = unsigned(view, at, length)
        break
      case form.ipv4:
        if (length !== 4) break
        this.addresses[place] = view.getInt32(at)
        this.hasIpv4 = true
        break
      case form.ipv6:
        if (length !== 16) break
        for (let i = 0; i < 4; i++) this.addresses[place + i] = view.getInt32(at + 4 * i)
        this.hasIpv6 = true
        break
      case form.ntp:
        if (length !== 8) break
        this.numbers[place] = view.getUint32(at)
        this.numbers[place + 1] = view.getUint32(at + 4)
        break
      case form.float:
        if (length === 8) this.numbers[place] = view.getFloat64(at)
        else if (length === 4) this.numbers[place] = view.getFloat32(at)
        break
      default:
    }
  }

  /** 4 or 6; where a template has room for both, the family the record says or the one that is not all zeros. */
  get family(): number {
    if (this.hasIpv4 !== this.hasIpv6) return this.hasIpv4 ? 4 : 6
    if (!this.hasIpv4) return 0
    const told = this.numbers[slot.ipVersion]!
    if (told === 4 || told === 6) return told
    return this.addresses[addressAt.source4] !== 0 || this.addresses[addressAt.destination4] !== 0
      ? 4
      : 6
  }

  copyAddresses(family: number, source: Int32Array, destination: Int32Array): void {
    const from = family === 4 ? addressAt.source4 : addressAt.source6
    for (let i = 0; i < 4; i++) {
      source[i] = this.addresses[from + i]!
      destination[i] = this.addresses[from + 4 + i]!
    }
  }
}

/** Above 2^53 not exact: such a count is more than a flow can be (`flowBytesMax`). */
function unsigned(view: DataView, at: number, length: number): number {
  if (length === 4) return view.getUint32(at)
  if (length === 1) return view.getUint8(at)
  if (length === 2) return view.getUint16(at)
  let value = 0
  for (let i = 0; i < length; i++) value = value * 256 + view.getUint8(at + i)
  return value
}
