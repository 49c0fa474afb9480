/**
 * A second reader of captures, written from the rules of the flow-table oracle alone: slow, plain, an
 * object per packet. The fuzz tests hold the real reader against it. It shares no code with `src/`.
 *
 * Where the rules leave a choice it is named here. The number in an extension header that is cut counts as
 * seen from its first byte on (routing), its second (options) or when it is whole (fragment), which is what
 * the oracle's own decoder does. A frame was at least as long as what was kept of it. A record that claims
 * more than 262,144 captured bytes (or more than the file's snaplen, where that is larger) is damage; so is a
 * pcapng block whose length is no multiple of four or is not repeated at its end.
 */

export interface NaiveFrame {
  readonly linkType: number
  readonly bytes: Uint8Array
  readonly originalBytes: number
  /** Whole seconds since 1970; undefined where the file has no time, or one before 1970 or after 2106. */
  readonly second: number | undefined
}

export interface NaivePacket {
  readonly family: 4 | 6
  readonly protocol: number
  readonly source: string
  readonly destination: string
  readonly sourcePort: number
  readonly destinationPort: number
  readonly bytes: number
  readonly flags: number
  readonly fragment: boolean
}

export type NaiveOutcome = NaivePacket | 'nonIp' | 'truncatedIp' | 'malformedIp'

export interface NaiveFile {
  readonly frames: readonly NaiveFrame[]
  readonly damaged: boolean
}

/** The hardware type of a cooked capture of netlink, whose protocol is no ethertype. */
const netlink = 824

/** Network byte order. */
const u16 = (bytes: Uint8Array, at: number): number => bytes[at]! * 256 + bytes[at + 1]!
const u32 = (bytes: Uint8Array, at: number): number => u16(bytes, at) * 65536 + u16(bytes, at + 2)

/** "From the frame to the first IP header. These lead to it, nothing else does." */
export function naiveDecode(frame: NaiveFrame): NaiveOutcome {
  const { bytes, linkType } = frame
  const has = (at: number, count: number): boolean => at + count <= bytes.length
  switch (linkType) {
    case 1:
      return has(12, 2) ? byEtherType(frame, u16(bytes, 12), 14) : 'nonIp'
    case 113:
      if (!has(0, 16) || u16(bytes, 2) === netlink) return 'nonIp'
      return byEtherType(frame, u16(bytes, 14), 16)
    case 276:
      if (!has(0, 20) || u16(bytes, 8) === netlink) return 'nonIp'
      return byEtherType(frame, u16(bytes, 0), 20)
    case 0: {
      if (!has(0, 4)) return 'nonIp'
      const swapped = ((bytes[3]! * 256 + bytes[2]!) * 256 + bytes[1]!) * 256 + bytes[0]!
      for (const family of [u32(bytes, 0), swapped]) {
        if (family === 2) return naiveIpv4(frame, 4)
        if ([10, 24, 28, 30].includes(family)) return naiveIpv6(frame, 4)
      }
      return 'nonIp'
    }
    case 12:
    case 14:
    case 101: {
      if (!has(0, 1)) return 'nonIp'
      if (bytes[0]! >> 4 === 4) return naiveIpv4(frame, 0)
      if (bytes[0]! >> 4 === 6) return naiveIpv6(frame, 0)
      return 'nonIp'
    }
    case 228:
      return naiveIpv4(frame, 0)
    case 229:
      return naiveIpv6(frame, 0)
    default:
      return 'nonIp'
  }
}

function byEtherType(frame: NaiveFrame, type: number, at: number): NaiveOutcome {
  const { bytes } = frame
  const has = (from: number, count: number): boolean => from + count <= bytes.length
  // "any number of 0x8100, 0x88a8 and 0x9100 tags"
  while (type === 0x8100 || type === 0x88a8 || type === 0x9100) {
    if (!has(at, 4)) return 'nonIp'
    type = u16(bytes, at + 2)
    at += 4
  }
  if (type === 0x0800) return naiveIpv4(frame, at)
  if (type === 0x86dd) return naiveIpv6(frame, at)
  if (type === 0x8847 || type === 0x8848) {
    for (;;) {
      if (!has(at, 4)) return 'nonIp'
      const bottom = (bytes[at + 2]! & 1) === 1
      at += 4
      if (bottom) break
    }
    // "below the last label the first four bits tell IPv4 (4) from IPv6 (6)"
    if (!has(at, 1)) return 'nonIp'
    if (bytes[at]! >> 4 === 4) return naiveIpv4(frame, at)
    if (bytes[at]! >> 4 === 6) return naiveIpv6(frame, at)
    return 'nonIp'
  }
  if (type === 0x8864) {
    if (!has(at, 8)) return 'nonIp'
    const ppp = u16(bytes, at + 6)
    if (ppp === 0x0021) return naiveIpv4(frame, at + 8)
    if (ppp === 0x0057) return naiveIpv6(frame, at + 8)
  }
  return 'nonIp'
}

function naiveIpv4(frame: NaiveFrame, at: number): NaiveOutcome {
  const header = frame.bytes.subarray(at)
  if (header.length < 1) return 'truncatedIp'
  if (header[0]! >> 4 !== 4) return 'malformedIp'
  const headerBytes = (header[0]! & 15) * 4
  if (headerBytes < 20) return 'malformedIp'
  // "truncated - the IPv4 header with its options ... were not all captured"
  if (header.length < headerBytes) return 'truncatedIp'
  let total = u16(header, 2)
  if (total === 0) total = Math.max(frame.originalBytes, frame.bytes.length) - at
  else if (total < headerBytes) return 'malformedIp'
  const offset = u16(header, 6) & 0x1fff
  const protocol = header[9]!
  const inside = header.subarray(headerBytes, Math.max(headerBytes, total))
  return {
    family: 4,
    protocol,
    source: hex(header, 12, 4),
    destination: hex(header, 16, 4),
    ...transport(protocol, offset > 0 ? new Uint8Array(0) : inside),
    bytes: total,
    fragment: offset > 0 || (header[6]! & 0x20) !== 0,
  }
}

function naiveIpv6(frame: NaiveFrame, at: number): NaiveOutcome {
  const header = frame.bytes.subarray(at)
  if (header.length < 1) return 'truncatedIp'
  if (header[0]! >> 4 !== 6) return 'malformedIp'
  if (header.length < 40) return 'truncatedIp'
  let payload = u16(header, 4)
  if (payload === 0 && header[6] === 0) payload = jumboLength(header.subarray(40)) ?? 0
  const inside = header.subarray(40, 40 + payload)
  const { protocol, rest, fragment } = chain(header[6]!, inside)
  return {
    family: 6,
    protocol,
    source: hex(header, 8, 16),
    destination: hex(header, 24, 16),
    ...transport(protocol, rest),
    bytes: 40 + payload,
    fragment,
  }
}

/** The length of a jumbo payload option (RFC 2675) in a hop-by-hop header. */
function jumboLength(options: Uint8Array): number | undefined {
  if (options.length < 2) return undefined
  const all = options.subarray(0, (options[1]! + 1) * 8)
  for (let at = 2; at < all.length;) {
    if (all[at] === 0) {
      at++
      continue
    }
    if (at + 2 > all.length) return undefined
    if (all[at] === 0xc2 && all[at + 1] === 4 && at + 6 <= all.length) return u32(all, at + 2)
    at += 2 + all[at + 1]!
  }
  return undefined
}

/** "The chain hop-by-hop (0), routing (43), fragment (44) and destination options (60) is walked". */
function chain(first: number, inside: Uint8Array) {
  const nothing = new Uint8Array(0)
  let protocol = first
  let rest = inside
  let fragment = false
  while ([0, 43, 44, 60].includes(protocol)) {
    // "If the chain is cut off, the last number seen stands."
    const needed = protocol === 44 ? 8 : protocol === 43 ? 1 : 2
    if (rest.length < needed) return { protocol, rest: nothing, fragment }
    if (protocol === 44) {
      fragment = true
      // "In a later fragment the fragment header's next header stands, whatever it is."
      if (u16(rest, 2) >> 3 > 0) return { protocol: rest[0]!, rest: nothing, fragment }
    }
    const length = protocol === 44 ? 8 : rest.length < 2 ? 8 : (rest[1]! + 1) * 8
    protocol = rest[0]!
    rest = rest.subarray(length)
  }
  return { protocol, rest, fragment }
}

/** Ports and flags of what was captured and lies inside the IP packet. */
function transport(protocol: number, inside: Uint8Array) {
  const ported = [6, 17, 33, 132, 136].includes(protocol) && inside.length >= 4
  const flagged = protocol === 6 && inside.length >= 14 && inside[12]! >> 4 >= 5
  return {
    sourcePort: ported ? u16(inside, 0) : 0,
    destinationPort: ported ? u16(inside, 2) : 0,
    flags: flagged ? inside[13]! : 0,
  }
}

const hex = (bytes: Uint8Array, at: number, length: number): string =>
  Buffer.from(bytes.subarray(at, at + length)).toString('hex')

/** A whole capture file. Undefined when it is no pcap or pcapng file. */
export function naiveRead(file: Uint8Array): NaiveFile | undefined {
  if (file.length < 4) return undefined
  const magic = u32(file, 0)
  if (magic === 0x0a0d0d0a) return readPcapng(file)
  if (magic === 0xa1b2c3d4 || magic === 0xa1b23c4d) return readPcap(file, false)
  if (magic === 0xd4c3b2a1 || magic === 0x4d3cb2a1) return readPcap(file, true)
  return undefined
}

function readPcap(file: Uint8Array, little: boolean): NaiveFile {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const frames: NaiveFrame[] = []
  if (file.length < 24) return { frames, damaged: true }
  const linkType = view.getUint32(20, little) & 0xffff
  const capturedMax = Math.max(262_144, Math.min(view.getUint32(16, little), 2 ** 26))
  for (let at = 24; at < file.length;) {
    if (at + 16 > file.length) return { frames, damaged: true }
    const captured = view.getUint32(at + 8, little)
    if (captured > capturedMax || at + 16 + captured > file.length) return { frames, damaged: true }
    frames.push({
      linkType,
      bytes: file.subarray(at + 16, at + 16 + captured),
      originalBytes: view.getUint32(at + 12, little),
      second: view.getUint32(at, little),
    })
    at += 16 + captured
  }
  return { frames, damaged: false }
}

interface NaiveInterface {
  readonly linkType: number
  readonly snaplen: number
  readonly unitsPerSecond: bigint
  readonly offsetSeconds: bigint
}

function readPcapng(file: Uint8Array): NaiveFile {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const frames: NaiveFrame[] = []
  let little = true
  let interfaces: NaiveInterface[] = []
  for (let at = 0; at < file.length;) {
    if (at + 12 > file.length) return { frames, damaged: true }
    if (view.getUint32(at) === 0x0a0d0d0a) {
      if (view.getUint32(at + 8) === 0x1a2b3c4d) little = false
      else if (view.getUint32(at + 8, true) === 0x1a2b3c4d) little = true
      else return { frames, damaged: true }
      interfaces = []
    }
    const length = view.getUint32(at + 4, little)
    if (length < 12 || length % 4 !== 0 || at + length > file.length)
      return { frames, damaged: true }
    if (view.getUint32(at + length - 4, little) !== length) return { frames, damaged: true }
    const body = new DataView(file.buffer, file.byteOffset + at + 8, length - 12)
    const found = readBlock(view.getUint32(at, little), body, little, interfaces)
    if (found === 'damaged') return { frames, damaged: true }
    if (found !== undefined) frames.push(found)
    at += length
  }
  return { frames, damaged: false }
}

function readBlock(
  type: number,
  body: DataView,
  little: boolean,
  interfaces: NaiveInterface[],
): NaiveFrame | 'damaged' | undefined {
  if (type === 0x0a0d0d0a) return body.byteLength < 16 ? 'damaged' : undefined
  if (type === 5) return body.byteLength < 12 ? 'damaged' : undefined
  if (type === 1) {
    if (body.byteLength < 8) return 'damaged'
    interfaces.push(describedInterface(body, little))
    return undefined
  }
  if (type === 3) {
    const its = interfaces[0]
    if (body.byteLength < 4 || its === undefined) return 'damaged'
    const originalBytes = body.getUint32(0, little)
    const limit = its.snaplen === 0 ? originalBytes : Math.min(originalBytes, its.snaplen)
    const bytes = bytesOf(body, 4, Math.min(limit, body.byteLength - 4))
    return { linkType: its.linkType, bytes, originalBytes, second: undefined }
  }
  if (type !== 6 && type !== 2) return undefined
  if (body.byteLength < 20) return 'damaged'
  const its = interfaces[type === 6 ? body.getUint32(0, little) : body.getUint16(0, little)]
  const captured = body.getUint32(12, little)
  if (its === undefined || captured > body.byteLength - 20) return 'damaged'
  const units = (BigInt(body.getUint32(4, little)) << 32n) + BigInt(body.getUint32(8, little))
  const second = units / its.unitsPerSecond + its.offsetSeconds
  return {
    linkType: its.linkType,
    bytes: bytesOf(body, 20, captured),
    originalBytes: body.getUint32(16, little),
    second: second >= 0n && second < 2n ** 32n ? Number(second) : undefined,
  }
}

const bytesOf = (body: DataView, from: number, count: number): Uint8Array =>
  new Uint8Array(body.buffer, body.byteOffset + from, count)

function describedInterface(body: DataView, little: boolean): NaiveInterface {
  let unitsPerSecond = 1_000_000n
  let offsetSeconds = 0n
  for (let at = 8; at + 4 <= body.byteLength;) {
    const code = body.getUint16(at, little)
    const length = body.getUint16(at + 2, little)
    if (code === 0 || at + 4 + length > body.byteLength) break
    if (code === 9 && length > 0) {
      const resolution = body.getUint8(at + 4)
      unitsPerSecond = resolution < 128 ? 10n ** BigInt(resolution) : 2n ** BigInt(resolution - 128)
    }
    if (code === 14 && length === 8) offsetSeconds = body.getBigInt64(at + 4, little)
    at += 4 + Math.ceil(length / 4) * 4
  }
  return {
    linkType: body.getUint16(0, little),
    snaplen: body.getUint32(4, little),
    unitsPerSecond,
    offsetSeconds,
  }
}
