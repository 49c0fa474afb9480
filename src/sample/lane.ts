import {
  checksumOf,
  etherType,
  ethernet,
  icmp,
  icmpv6,
  ipv4,
  ipv6,
  mac,
  tcp,
  tcpFlag,
  udp,
  wordSum,
  type Transport,
} from '../packet/packet.ts'

/** A host at one end of a conversation. */
export interface Host {
  readonly address: string
  /** Tells its link-layer address from others'. */
  readonly mac: number
}

export type Carried = 'tcp' | 'udp' | 'echo'

/**
 * One direction of one conversation as one tap sees it: the frame's headers with the fields that change
 * from packet to packet left 0, and the checksums of the rest. `fillLane` writes those fields. Frames
 * are stored up to the end of the transport header, as a capture with a short snaplen does.
 */
export interface Lane {
  /** The number of the capture's interface. */
  readonly tap: number
  /** One of `packetDirection`. */
  readonly direction: number
  readonly frame: Uint8Array
  readonly view: DataView
  readonly carried: Carried | 'fixed'
  /** Bytes before the IP header's end. */
  readonly transportAt: number
  readonly ipv6: boolean
  readonly headerSum: number
  readonly transportSum: number
  /** The IPv4 identification of the last packet. */
  identification: number
}

export const ethernetBytes = 14
export const ethernetMtu = 1500
/** The maximum segment size option that a SYN carries. */
const mssOptionBytes = 4
const mssOption = 0x0204

/** Payload bytes that fit a packet of the largest size, after its IP and TCP headers. */
export const segmentBytes = (packetBytes: number, address: string): number =>
  packetBytes - (address.includes(':') ? 60 : 40)

export function createLane(
  tap: number,
  direction: number,
  carried: Carried,
  from: Host & { readonly port: number },
  to: Host & { readonly port: number },
  packetBytesMax: number = ethernetMtu,
): Lane {
  const isIpv6 = from.address.includes(':')
  const mss = segmentBytes(packetBytesMax, from.address)
  const addresses = { source: from.address, destination: to.address }
  const transport = emptyTransport(carried, isIpv6, mss, from.port, to.port)
  const packet = isIpv6 ? ipv6(addresses, transport) : ipv4(addresses, transport)
  const macs = { source: mac(from.mac), destination: mac(to.mac) }
  const frame = ethernet(macs, isIpv6 ? etherType.ipv6 : etherType.ipv4, packet)
  const view = new DataView(frame.buffer)
  const transportAt = ethernetBytes + (isIpv6 ? 40 : 20)
  if (isIpv6) view.setUint16(18, 0)
  else {
    view.setUint16(16, 0)
    view.setUint16(24, 0)
  }
  const checksumAt = transportAt + transport.checksumAt!
  view.setUint16(checksumAt, 0)
  if (carried === 'udp') view.setUint16(transportAt + 4, 0)
  if (carried === 'tcp') view.setUint16(transportAt + 12, 0)
  const pseudo = wordSum(frame, transportAt - (isIpv6 ? 32 : 8), transportAt) + transport.protocol
  const whole = wordSum(frame, transportAt)
  return {
    tap,
    direction,
    frame,
    view,
    carried,
    transportAt,
    ipv6: isIpv6,
    headerSum: wordSum(frame, ethernetBytes, transportAt),
    transportSum: transport.pseudoHeader === true ? whole + pseudo : whole,
    identification: from.port,
  }
}

/** A lane of frames that are always the same: ARP, multicast. */
export function fixedLane(tap: number, direction: number, frame: Uint8Array<ArrayBuffer>): Lane {
  return {
    tap,
    direction,
    frame,
    view: new DataView(frame.buffer),
    carried: 'fixed',
    transportAt: frame.length,
    ipv6: false,
    headerSum: 0,
    transportSum: 0,
    identification: 0,
  }
}

/** What `fillLane` made of a lane's frame: valid until the next call. */
export const filled = { capturedBytes: 0, originalBytes: 0 }

/**
 * Makes the lane's frame the frame of one packet. `control` is the TCP flags or the ICMP type,
 * `sequence` and `acknowledgement` are TCP's; an echo's sequence number is `sequence`. The payload is
 * `payloadBytes` zeros, of which none is stored, so that the checksums are right.
 */
export function fillLane(
  lane: Lane,
  payloadBytes: number,
  control: number,
  sequence: number,
  acknowledgement: number,
): void {
  const view = lane.view
  const at = lane.transportAt
  if (lane.carried === 'fixed') return setFilled(at, 0)
  let sum = lane.transportSum
  let transportBytes = 8
  let checksumAt = at + 2
  if (lane.carried === 'tcp') {
    const isSyn = (control & tcpFlag.syn) !== 0
    transportBytes = isSyn ? 20 + mssOptionBytes : 20
    checksumAt = at + 16
    const offsetAndFlags = (transportBytes << 10) | control
    view.setUint32(at + 4, sequence)
    view.setUint32(at + 8, acknowledgement)
    view.setUint16(at + 12, offsetAndFlags)
    sum += halves(sequence) + halves(acknowledgement) + offsetAndFlags
    if (!isSyn) sum -= mssOption + view.getUint16(at + 22)
  } else if (lane.carried === 'udp') {
    checksumAt = at + 6
    view.setUint16(at + 4, 8 + payloadBytes)
    sum += 8 + payloadBytes
  } else {
    view.setUint8(at, control)
    view.setUint16(at + 6, sequence)
    sum += (control << 8) + sequence
  }
  const ipPayload = transportBytes + payloadBytes
  if (lane.carried !== 'echo' || lane.ipv6) sum += ipPayload
  // RFC 768: zero would mean "no checksum".
  view.setUint16(checksumAt, checksumOf(sum) || (lane.carried === 'udp' ? 0xffff : 0))
  fillIpHeader(lane, ipPayload)
  setFilled(at + transportBytes, payloadBytes)
}

function fillIpHeader(lane: Lane, ipPayload: number): void {
  const view = lane.view
  if (lane.ipv6) {
    view.setUint16(18, ipPayload)
    return
  }
  lane.identification = (lane.identification + 1) & 0xffff
  view.setUint16(16, 20 + ipPayload)
  view.setUint16(18, lane.identification)
  view.setUint16(24, checksumOf(lane.headerSum + 20 + ipPayload + lane.identification))
}

function setFilled(capturedBytes: number, payloadBytes: number): void {
  filled.capturedBytes = capturedBytes
  filled.originalBytes = capturedBytes + payloadBytes
}

const halves = (word: number): number => (word >>> 16) + (word & 0xffff)

function emptyTransport(
  carried: Carried,
  isIpv6: boolean,
  mss: number,
  from: number,
  to: number,
): Transport {
  const ports = { sourcePort: from, destinationPort: to }
  if (carried === 'udp') return udp(ports)
  // The identifier of an echo is the client's port, on both ways.
  if (carried === 'echo') return (isIpv6 ? icmpv6 : icmp)({ type: 0, word: from << 16 })
  return tcp({ ...ports, flags: 0, options: Uint8Array.of(2, 4, mss >> 8, mss & 0xff) })
}

export const echoType = { ipv4Request: 8, ipv4Reply: 0, ipv6Request: 128, ipv6Reply: 129 } as const
