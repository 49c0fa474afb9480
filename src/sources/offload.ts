/**
 * Frames that were not cut yet. With segmentation offload (GSO, TSO, GRO) the kernel shows one frame of
 * up to 64 KiB, or more, where the wire carries many packets. The virtio header that the ring puts
 * before such a frame says how many payload bytes one packet takes; from it and the frame's own headers
 * follows what the wire carries:
 *
 *     packets = ceil(payload / gso_size), bytes = payload + packets * headers
 *
 * virtio_net_hdr, 10 bytes, little-endian, right before the frame:
 *     flags u8 | gso_type u8 | hdr_len u16 | gso_size u16 | csum_start u16 | csum_offset u16
 *
 * `hdr_len` is only "a hint as to how much should be linear" (include/linux/virtio_net.h): it is the
 * length of the headers for locally sent TCP, but more for frames that a network card's driver joined.
 * So it is used only where the headers cannot be read.
 */
import { protocol, rowWords, word, type PacketBatch } from '../packet/packet.ts'

export const virtioHeaderBytes = 10
const gso = { none: 0, udpL4: 5, ecnBit: 0x80 } as const

/** Whether the frame at `mac` stands for several packets. */
export const isOffloaded = (view: DataView, mac: number): boolean =>
  (view.getUint8(mac - 9) & ~gso.ecnBit) !== gso.none && view.getUint16(mac - 6, true) !== 0

/**
 * Puts the packets and bytes that the wire carries into a row decoded from an offloaded frame.
 *
 * @param mac where the frame begins in `view`, of which `captured` bytes were kept of `original`
 * @param net where its IP header begins
 */
export function countSegments(
  view: DataView,
  mac: number,
  net: number,
  captured: number,
  original: number,
  batch: PacketBatch,
  row: number,
): void {
  const words = batch.words
  const base = row * rowWords
  const gsoType = view.getUint8(mac - 9) & ~gso.ecnBit
  const gsoBytes = view.getUint16(mac - 6, true)
  const end = mac + captured
  let total = words[base + word.bytes]! >>> 0
  let ipHeader: number
  let proto: number
  let jumboHeader = 0
  if (view.getUint8(net) >>> 4 === 4) {
    ipHeader = (view.getUint8(net) & 15) * 4
    proto = view.getUint8(net + 9)
  } else {
    ipHeader = 40
    proto = view.getUint8(net + 6)
    // Beyond 64 KiB the length field is 0 (BIG TCP), and where a hop-by-hop header with the jumbo
    // option (RFC 2675) says the length, it is taken off before the wire.
    if (view.getUint16(net + 4) === 0) {
      total = original - (net - mac)
      if (proto === 0 && net + 48 <= end) {
        proto = view.getUint8(net + 40)
        jumboHeader = 8
      }
    }
  }
  const transport = net + ipHeader + jumboHeader
  let headers = view.getUint16(mac - 8, true) - (net - mac)
  if (proto === protocol.tcp && transport + 13 <= end)
    headers = ipHeader + (view.getUint8(transport + 12) >>> 4) * 4
  else if (proto === protocol.udp && gsoType === gso.udpL4) headers = ipHeader + 8
  if (headers < ipHeader || headers + jumboHeader >= total) headers = ipHeader
  const payload = total - jumboHeader - headers
  const packets = Math.max(1, Math.ceil(payload / gsoBytes))
  words[base + word.packets] = packets
  words[base + word.bytes] = payload + packets * headers
}
