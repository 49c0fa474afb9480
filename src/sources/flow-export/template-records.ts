/** Records of data sets, read as their template says, and what they mean as flows. */
import {
  type ExportedFlow,
  hasPorts,
  kindOfCounts,
  type RecordKind,
  recordKind,
} from './exported-flow.ts'
import { type RecordValues, slot } from './information-elements.ts'
import { type Template, variableLength } from './templates.ts'

/**
 * Reads the record at `at` of a data set that ends at `end`.
 * @returns where it ends; 0 when what is left is no record: padding, or cut off
 */
export function readRecord(
  view: DataView,
  at: number,
  end: number,
  template: Template,
  into: RecordValues,
): number {
  if (at + template.bytesMin > end) return 0
  const { fields, variable } = template
  into.clear()
  for (let i = 0; i < fields.length; i += 2) {
    let length = fields[i + 1]!
    if (variable && length === variableLength) {
      // "The length of the Information Element ... in the first octet", or 255 and two more (RFC 7011 §7).
      if (at + 1 > end) return 0
      length = view.getUint8(at++)
      if (length === 255) {
        if (at + 2 > end) return 0
        length = view.getUint16(at)
        at += 2
      }
    }
    if (at + length > end) return 0
    const reading = fields[i]!
    if (reading !== 0) into.set(reading, view, at, length)
    at += length
  }
  return at
}

/** What the header of a message says of time. */
export interface ExportTime {
  /** Unix milliseconds at which it was sent. */
  readonly exportedAt: number
  /** Milliseconds the exporter was up then, as v9 says; NaN in IPFIX. */
  readonly uptime: number
  /** Unix milliseconds at which an IPFIX exporter came up; NaN as long as nobody knows. */
  readonly bootedAt: number
}

/** Fills `flow` with what the record says. The sampling rate is not set here. */
export function flowOf(values: RecordValues, time: ExportTime, flow: ExportedFlow): RecordKind {
  flow.family = values.family
  if (flow.family === 0) return recordKind.nonIp
  values.copyAddresses(flow.family, flow.source, flow.destination)
  const protocol = orZero(values.get(slot.protocol)) & 0xff
  const destinationPort = orZero(values.get(slot.destinationPort))
  flow.protocol = protocol
  flow.sourcePort = hasPorts(protocol) ? orZero(values.get(slot.sourcePort)) & 0xffff : 0
  flow.destinationPort = hasPorts(protocol) ? destinationPort & 0xffff : 0
  flow.icmpType = icmpTypeOf(values, protocol, destinationPort)
  // Sixteen bits in newer exporters: the low eight are the flags of a record.
  flow.tcpFlags = orZero(values.get(slot.tcpFlags)) & 0xff
  flow.input = orZero(values.get(slot.ingress))
  flow.output = orZero(values.get(slot.egress))
  const direction = values.get(slot.direction)
  flow.direction = direction === 0 || direction === 1 ? direction : -1
  flow.endReason = orZero(values.get(slot.endReason))
  setTimes(values, time, flow)
  // "Total" counts are of the whole flow, "post" ones of what left the router: taken where there is no other.
  flow.packets = values.firstOf(...packetSlots)
  flow.bytes = values.firstOf(...octetSlots)
  return Number.isNaN(flow.firstSecond)
    ? recordKind.uncountable
    : kindOfCounts(flow.packets, flow.bytes)
}

const packetSlots = [
  slot.packets,
  slot.packetsTotal,
  slot.initiatorPackets,
  slot.postPackets,
  slot.postPacketsTotal,
]
const octetSlots = [
  slot.octets,
  slot.octetsTotal,
  slot.initiatorOctets,
  slot.postOctets,
  slot.postOctetsTotal,
]

/**
 * Turns `flow` round into the other direction of the same record, if it has one: RFC 5103, or the responder's
 * counts.
 */
export function reverseOf(values: RecordValues, flow: ExportedFlow): RecordKind {
  const packets = values.firstOf(
    slot.reversePackets,
    slot.reversePacketsTotal,
    slot.responderPackets,
  )
  const bytes = values.firstOf(slot.reverseOctets, slot.reverseOctetsTotal, slot.responderOctets)
  if (Number.isNaN(packets) && Number.isNaN(bytes)) return recordKind.empty
  for (let i = 0; i < 4; i++) {
    const word = flow.source[i]!
    flow.source[i] = flow.destination[i]!
    flow.destination[i] = word
  }
  const { sourcePort, input } = flow
  flow.sourcePort = flow.destinationPort
  flow.destinationPort = sourcePort
  flow.input = flow.output
  flow.output = input
  flow.direction = -1
  flow.tcpFlags = orZero(values.get(slot.reverseTcpFlags)) & 0xff
  flow.packets = packets
  flow.bytes = bytes
  return kindOfCounts(packets, bytes)
}

/** Exporters without a field for it put type and code into the destination port, as v5 does. */
function icmpTypeOf(values: RecordValues, protocol: number, destinationPort: number): number {
  if (protocol !== 1 && protocol !== 58) return -1
  const six = protocol === 58
  const type = values.get(six ? slot.icmpType6 : slot.icmpType4)
  if (!Number.isNaN(type)) return type
  const both = values.get(six ? slot.icmpTypeCode6 : slot.icmpTypeCode4)
  return (Number.isNaN(both) ? destinationPort : both) >> 8
}

/** Seconds from 1900, where NTP begins, to 1970. */
const ntpToUnixSeconds = 2_208_988_800

function setTimes(values: RecordValues, time: ExportTime, flow: ExportedFlow): void {
  const { exportedAt } = time
  const last = lastOf(values, time)
  if (Number.isNaN(values.get(slot.lastNtp))) flow.setLast(Number.isNaN(last) ? exportedAt : last)
  else {
    flow.lastSecond = values.get(slot.lastNtp) - ntpToUnixSeconds
    flow.lastNanosecond = nanosecondsOf(values.get(slot.lastFraction))
  }
  if (Number.isNaN(values.get(slot.firstNtp))) {
    const first = firstOf(values, time)
    const lasted = values.firstOf(slot.durationMilliseconds)
    const lastedMicro = values.get(slot.durationMicroseconds)
    const end = flow.lastSecond * 1000 + Math.floor(flow.lastNanosecond / 1_000_000)
    if (!Number.isNaN(first)) flow.setFirst(first)
    else if (!Number.isNaN(lasted)) flow.setFirst(end - lasted)
    else if (!Number.isNaN(lastedMicro)) flow.setFirst(end - Math.round(lastedMicro / 1000))
    else flow.setFirst(end)
  } else {
    flow.firstSecond = values.get(slot.firstNtp) - ntpToUnixSeconds
    flow.firstNanosecond = nanosecondsOf(values.get(slot.firstFraction))
  }
  flow.orderTimes()
}

const firstOf = (values: RecordValues, time: ExportTime): number =>
  timeOf(values, time, slot.firstSeconds, slot.firstMilliseconds, slot.firstDelta, slot.firstUptime)
const lastOf = (values: RecordValues, time: ExportTime): number =>
  timeOf(values, time, slot.lastSeconds, slot.lastMilliseconds, slot.lastDelta, slot.lastUptime)

/** Unix milliseconds, or NaN. */
function timeOf(
  values: RecordValues,
  time: ExportTime,
  seconds: number,
  milliseconds: number,
  delta: number,
  uptime: number,
): number {
  if (!Number.isNaN(values.get(milliseconds))) return values.get(milliseconds)
  if (!Number.isNaN(values.get(seconds))) return values.get(seconds) * 1000
  // "A relative timestamp ... negative time offset relative to the export time" in microseconds (element 158).
  if (!Number.isNaN(values.get(delta)))
    return time.exportedAt - Math.round(values.get(delta) / 1000)
  const up = values.get(uptime)
  if (Number.isNaN(up)) return Number.NaN
  // Differences in 32 bits, so that the counter may pass its end (after 49.7 days).
  if (!Number.isNaN(time.uptime)) return time.exportedAt - ((time.uptime - up) | 0)
  const booted = values.firstOf(slot.systemInit)
  const start = (Number.isNaN(booted) ? time.bootedAt : booted) + up
  return start + Math.round((time.exportedAt - start) / 2 ** 32) * 2 ** 32
}

const nanosecondsOf = (fraction: number): number => Math.floor((fraction * 1_000_000_000) / 2 ** 32)
const orZero = (value: number): number => (Number.isNaN(value) ? 0 : value)
