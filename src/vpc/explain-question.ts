/** Reads a question about a packet: checks it, and writes the packet as the row that is judged. */
import { WeirError } from '../base/errors.ts'
import { ipv4Text, ipv6Text } from '../base/ip.ts'
import { about, PacketBatch, protocol, word } from '../packet/packet.ts'
import { type Address, parseAddress } from './address.ts'
import type { Question } from './explanation.ts'
import { protocolNames, protocolNumbers } from './topology-schema.ts'

export interface AskedPacket {
  readonly source: Address
  readonly destination: Address
  readonly protocol: number
  /** 0 for protocols without ports. */
  readonly sourcePort: number
  /** Whether the question says it, or the protocol has none. */
  readonly sourcePortKnown: boolean
  readonly destinationPort: number
  readonly tcpFlags: number | undefined
  readonly icmpType: number | undefined
}

const portMax = 65_535
const byteMax = 255
/** Neighbour discovery (RFC 4861), records.md 31. */
const discovery = { first: 133, last: 137 } as const
/** ICMP errors: "v4 types 3, 4, 5, 11, 12; v6 1 to 4" (records.md 30). */
const errorTypes = { 4: [3, 4, 5, 11, 12], 6: [1, 2, 3, 4] } as const

/** Throws ParameterInvalid for what is no packet. */
export function readPacket(question: Question): AskedPacket {
  const source = addressOf('source', question.source)
  const destination = addressOf('destination', question.destination)
  if (source.family !== destination.family)
    throw invalid(`${source.text} and ${destination.text} are not of one family`)
  const number = protocolOf(question.protocol)
  const { tcpFlags, icmpType } = question
  if (tcpFlags !== undefined && number !== protocol.tcp)
    throw invalid('only TCP has flags: leave out "tcpFlags"')
  if (icmpType !== undefined && number !== protocol.icmp && number !== protocol.icmpv6)
    throw invalid('only ICMP has types: leave out "icmpType"')
  inRange('tcpFlags', tcpFlags, byteMax)
  inRange('icmpType', icmpType, byteMax)
  return { source, destination, protocol: number, ...portsOf(question, number), tcpFlags, icmpType }
}

function portsOf({ sourcePort, destinationPort }: Question, number: number) {
  inRange('sourcePort', sourcePort, portMax)
  inRange('destinationPort', destinationPort, portMax)
  if (number === protocol.tcp || number === protocol.udp) {
    if (destinationPort === undefined)
      throw invalid('"destinationPort" is missing', 'Rules of TCP and UDP go by it.')
    const sourcePortKnown = sourcePort !== undefined
    return { sourcePort: sourcePort ?? 0, sourcePortKnown, destinationPort }
  }
  if ((sourcePort ?? 0) !== 0 || (destinationPort ?? 0) !== 0)
    throw invalid(`${protocolName(number)} has no ports`)
  return { sourcePort: 0, sourcePortKnown: true, destinationPort: 0 }
}

function addressOf(key: string, text: string): Address {
  const address = parseAddress(text)
  if (address === undefined)
    throw invalid(`"${key}" is ${JSON.stringify(text)}, which is no IP address`)
  return { ...address, text: addressText(address) }
}

const addressText = ({ family, words }: Address): string =>
  family === 4 ? ipv4Text(words[0]) : ipv6Text(words)

function protocolOf(text: string): number {
  const named = Object.entries(protocolNumbers).find(([name]) => name === text)
  if (named !== undefined) return named[1]
  if (/^\d{1,3}$/.test(text) && Number(text) <= byteMax) return Number(text)
  const names = protocolNames.filter((name) => name !== 'all').join(', ')
  throw invalid(
    `"protocol" is ${JSON.stringify(text)}, not one of ${names}, nor a number from 0 to 255`,
  )
}

export const protocolName = (number: number): string =>
  number === -1
    ? 'all'
    : (Object.entries(protocolNumbers).find(([, each]) => each === number)?.[0] ??
      `protocol ${number}`)

function inRange(key: string, value: number | undefined, most: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= 0 && value <= most)) return
  throw invalid(`"${key}" is ${value}, not a whole number from 0 to ${most}`)
}

export const invalid = (message: string, hint?: string): WeirError =>
  new WeirError('ParameterInvalid', message, hint === undefined ? {} : { hint })

/** The packet as row 0 of a batch, as a decoder would write it. */
export function batchOf(packet: AskedPacket): PacketBatch {
  const batch = new PacketBatch()
  const { words } = batch
  batch.rows = 1
  words.set(packet.source.words, word.source)
  words.set(packet.destination.words, word.destination)
  words[word.ports] = (packet.sourcePort << 16) | packet.destinationPort
  words[word.packets] = 1
  let mark = packet.protocol | ((packet.tcpFlags ?? 0) << about.flagsShift)
  if (packet.source.family === 6) mark |= about.ipv6
  if (isMulticast(packet.destination)) mark |= about.multicast
  if (packet.destination.text === '255.255.255.255') mark |= about.broadcast
  if (isDiscovery(packet)) mark |= about.neighbourDiscovery
  words[word.about] = mark
  return batch
}

/** The same packet the other way. */
export const turned = (packet: AskedPacket): AskedPacket => ({
  ...packet,
  source: packet.destination,
  destination: packet.source,
  sourcePort: packet.destinationPort,
  destinationPort: packet.sourcePort,
})

/** "Destination in 224.0.0.0/4 or ff00::/8" (records.md 11) */
export const isMulticast = ({ family, words }: Address): boolean =>
  family === 4 ? words[0] >>> 28 === 14 : words[0] >>> 24 === 0xff

/** "ICMPv6 types 133 to 137 are never filtered (ACCEPT, no state)." (records.md 31) */
export const isDiscovery = ({ protocol: number, icmpType }: AskedPacket): boolean =>
  number === protocol.icmpv6 &&
  icmpType !== undefined &&
  icmpType >= discovery.first &&
  icmpType <= discovery.last

export const isIcmpError = ({ source, icmpType }: AskedPacket): boolean =>
  icmpType !== undefined && (errorTypes[source.family] as readonly number[]).includes(icmpType)

/** `1.2.3.4:1234 > 10.0.0.1:8443 tcp` */
export function packetText(packet: AskedPacket): string {
  const { protocol: number, icmpType } = packet
  const end = ({ family, text }: Address, port: number): string =>
    port === 0 ? text : family === 6 ? `[${text}]:${port}` : `${text}:${port}`
  const type = icmpType === undefined ? '' : ` type ${icmpType}`
  const from = end(packet.source, packet.sourcePort)
  const to = end(packet.destination, packet.destinationPort)
  return `${from} > ${to} ${protocolName(number)}${type}`
}
