/** What one record of an exporter says of a flow, whatever protocol it came by. Reused: nothing is kept. */
export class ExportedFlow {
  /** 4 or 6; 0 for a record that is not about IP. */
  family = 0
  /** Words in host order; IPv4 is the first word alone. */
  readonly source = new Int32Array(4)
  readonly destination = new Int32Array(4)
  sourcePort = 0
  destinationPort = 0
  protocol = 0
  /** The eight flags of RFC 793 and RFC 3168. */
  tcpFlags = 0
  /** As exported: not yet multiplied by the sampling rate. */
  packets = 0
  bytes = 0
  /** The first and the last packet: Unix seconds, and nanoseconds within the second. */
  firstSecond = 0
  firstNanosecond = 0
  lastSecond = 0
  lastNanosecond = 0
  /** ifIndex, 0 for none: discarded, sent by the router itself, or unknown. */
  input = 0
  output = 0
  /** Where it was metered: 0 at the input interface, 1 at the output, -1 unknown (IPFIX flowDirection). */
  direction = -1
  /** One packet in so many was metered; 1 is every packet. */
  samplingRate = 1
  /** ICMP type, -1 unknown. */
  icmpType = -1
  /** IPFIX flowEndReason, 0 unknown. */
  endReason = 0

  setFirst(milliseconds: number): void {
    this.firstSecond = Math.floor(milliseconds / 1000)
    this.firstNanosecond = (milliseconds - this.firstSecond * 1000) * 1_000_000
  }

  setLast(milliseconds: number): void {
    this.lastSecond = Math.floor(milliseconds / 1000)
    this.lastNanosecond = (milliseconds - this.lastSecond * 1000) * 1_000_000
  }

  /** A last packet is not before the first; a time that no row can hold (before 1970, after 2106) is NaN. */
  orderTimes(): void {
    const later = this.lastSecond - this.firstSecond
    if (!(later > 0) && !(later === 0 && this.lastNanosecond >= this.firstNanosecond)) {
      this.lastSecond = this.firstSecond
      this.lastNanosecond = this.firstNanosecond
    }
    if (!(this.firstSecond >= 0 && this.lastSecond < 2 ** 32)) this.firstSecond = Number.NaN
  }
}

/** What a record can turn out to be. Only `flow` is counted in rows. */
export const recordKind = {
  flow: 0,
  /** No IP addresses: bridged traffic, an event. */
  nonIp: 1,
  /** No packets: an event that a flow began, or nothing left since the last export. */
  empty: 2,
  /** Packets or bytes are not said, or cannot be true. */
  uncountable: 3,
} as const
export type RecordKind = (typeof recordKind)[keyof typeof recordKind]

/**
 * More than one record can be about: 16 TiB are half an hour of 78 Gbit/s, and IP packets have at least 20
 * bytes. What says more is broken, and would make thousands of rows.
 */
export const flowBytesMax = 2 ** 44
export const flowPacketsMax = flowBytesMax / 16

/** Whether packets and bytes of a record can be counted. */
export function kindOfCounts(packets: number, bytes: number): RecordKind {
  if (packets === 0 && bytes === 0) return recordKind.empty
  const plausible = packets > 0 && packets <= flowPacketsMax && bytes >= 0 && bytes <= flowBytesMax
  return plausible ? recordKind.flow : recordKind.uncountable
}

/** Protocols that begin with their ports; others have ports 0 in a record. */
export const hasPorts = (protocol: number): boolean =>
  protocol === 6 || protocol === 17 || protocol === 33 || protocol === 132 || protocol === 136
