/**
 * The frames of the sample captures, read by the plainest means: no decoder and no generator of Weir takes part.
 */
import assert from 'node:assert/strict'

export interface Packet {
  readonly tap: string
  /** epb_flags: 1 inbound, 2 outbound. */
  readonly direction: number
  readonly nanosecond: bigint
  readonly minute: number
  readonly source: string
  readonly destination: string
  readonly protocol: number
  readonly sourcePort: number
  readonly destinationPort: number
  readonly flags: number
  readonly sequence: number
  readonly acknowledgement: number
  /** Bytes at the IP layer. */
  readonly bytes: number
}

export interface Recording {
  readonly taps: string[]
  readonly packets: Packet[]
  frames: number
  nonIp: number
}

/** A little-endian pcapng of Ethernet frames with nanosecond times, block by block. */
export function readFrames(chunks: Iterable<Uint8Array>, beginSeconds: number): Recording {
  const recording: Recording = { taps: [], packets: [], frames: 0, nonIp: 0 }
  for (const chunk of chunks) {
    const file = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    // The writer never cuts a block, so each chunk is a row of whole blocks.
    for (let at = 0; at < file.length; at += file.readUInt32LE(at + 4)) {
      const type = file.readUInt32LE(at)
      if (type === 1) {
        recording.taps.push(file.toString('utf8', at + 20, at + 20 + file.readUInt16LE(at + 18)))
      } else if (type === 6) {
        recording.frames++
        const captured = file.readUInt32LE(at + 20)
        const stored = (captured + 3) & ~3
        const nanosecond =
          (BigInt(file.readUInt32LE(at + 12)) << 32n) | BigInt(file.readUInt32LE(at + 16))
        const packet = packetOf(file.subarray(at + 28, at + 28 + captured))
        if (packet === undefined) {
          recording.nonIp++
          continue
        }
        assert.equal(file.readUInt16LE(at + 28 + stored), 2, 'epb_flags')
        assert.equal(
          packet.bytes + 14,
          file.readUInt32LE(at + 24),
          'the frame is as long as its packet',
        )
        recording.packets.push({
          ...packet,
          tap: recording.taps[file.readUInt32LE(at + 8)]!,
          direction: file.readUInt32LE(at + 32 + stored),
          nanosecond,
          minute: (Number(nanosecond / 1_000_000_000n) - beginSeconds) / 60,
        })
      }
    }
  }
  return recording
}

function packetOf(
  frame: Buffer,
): Omit<Packet, 'tap' | 'direction' | 'nanosecond' | 'minute'> | undefined {
  const etherType = frame.readUInt16BE(12)
  if (etherType === 0x0806) return undefined
  const four = etherType === 0x0800
  const address = (at: number) =>
    four
      ? frame.subarray(at, at + 4).join('.')
      : compact(frame.toString('hex', at, at + 16).replace(/(.{4})(?!$)/g, '$1:'))
  const protocol = frame[four ? 23 : 20]!
  const at = four ? 34 : 54
  const ported = protocol === 6 || protocol === 17
  return {
    source: address(four ? 26 : 22),
    destination: address(four ? 30 : 38),
    protocol,
    sourcePort: ported ? frame.readUInt16BE(at) : 0,
    destinationPort: ported ? frame.readUInt16BE(at + 2) : 0,
    flags: protocol === 6 ? frame[at + 13]! : 0,
    sequence: protocol === 6 ? frame.readUInt32BE(at + 4) : 0,
    acknowledgement: protocol === 6 ? frame.readUInt32BE(at + 8) : 0,
    bytes: four ? frame.readUInt16BE(16) : 40 + frame.readUInt16BE(18),
  }
}

function compact(address: string): string {
  return address.replace(/(^|:)0{1,3}/g, '$1').replace(/(^|:)0(:0)+(:|$)/, '::')
}
