/**
 * NetFlow version 5: a header of 24 bytes and up to 30 records of 48, IPv4 alone.
 *
 *      0  version 5 | count        16  sequence: flows exported before this datagram
 *      4  sysUpTime, ms            20  engine type, engine id
 *      8  Unix seconds             22  sampling: two bits of mode, 14 of interval
 *     12  nanoseconds
 *
 *      0  source                   16  packets                 37  TCP flags
 *      4  destination              20  bytes of IP             38  protocol
 *      8  next hop                 24  first, ms of uptime     39  type of service
 *     12  input ifIndex            28  last                    40  autonomous systems, masks
 *     14  output ifIndex           32  ports
 */
import {
  type ExportedFlow,
  hasPorts,
  kindOfCounts,
  type RecordKind,
  recordKind,
} from './exported-flow.ts'

export const netflow5 = { headerBytes: 24, recordBytes: 48 } as const

export interface Netflow5Header {
  readonly count: number
  readonly uptime: number
  /** Unix milliseconds at which it was sent. */
  readonly exportedAt: number
  readonly sequence: number
  /** Engine type and id. */
  readonly engine: number
  /** One packet in so many; 1 is every packet. */
  readonly samplingRate: number
}

/** The header at `at`, of which the caller has seen that 24 bytes are there. */
export function netflow5Header(view: DataView, at: number): Netflow5Header {
  return {
    count: view.getUint16(at + 2),
    uptime: view.getUint32(at + 4),
    exportedAt: view.getUint32(at + 8) * 1000 + Math.floor(view.getUint32(at + 12) / 1_000_000),
    sequence: view.getUint32(at + 16),
    engine: view.getUint16(at + 20),
    // The mode is left 0 by exporters that do sample.
    samplingRate: Math.max(1, view.getUint16(at + 22) & 0x3fff),
  }
}

/** Reads the record at `at` into `flow`. */
export function netflow5Record(
  view: DataView,
  at: number,
  header: Netflow5Header,
  flow: ExportedFlow,
): RecordKind {
  const protocol = view.getUint8(at + 38)
  const destinationPort = view.getUint16(at + 34)
  flow.family = 4
  flow.source[0] = view.getInt32(at)
  flow.destination[0] = view.getInt32(at + 4)
  flow.input = view.getUint16(at + 12)
  flow.output = view.getUint16(at + 14)
  flow.packets = view.getUint32(at + 16)
  flow.bytes = view.getUint32(at + 20)
  // Differences of uptimes in 32 bits, so that the counter may pass its end (after 49.7 days).
  flow.setFirst(header.exportedAt - ((header.uptime - view.getUint32(at + 24)) | 0))
  flow.setLast(header.exportedAt - ((header.uptime - view.getUint32(at + 28)) | 0))
  flow.protocol = protocol
  flow.tcpFlags = view.getUint8(at + 37)
  flow.sourcePort = hasPorts(protocol) ? view.getUint16(at + 32) : 0
  flow.destinationPort = hasPorts(protocol) ? destinationPort : 0
  flow.icmpType = protocol === 1 ? destinationPort >> 8 : -1
  flow.direction = -1
  flow.endReason = 0
  flow.samplingRate = header.samplingRate
  flow.orderTimes()
  return Number.isNaN(flow.firstSecond)
    ? recordKind.uncountable
    : kindOfCounts(flow.packets, flow.bytes)
}
