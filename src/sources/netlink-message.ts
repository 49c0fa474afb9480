/**
 * Netlink messages: requests are built here, replies walked. Knows no socket. Layout
 * (include/uapi/linux/netlink.h), in the byte order of the host, which is little-endian:
 *
 *     message     0 length u32   4 type u16   6 flags u16   8 sequence u32   12 port u32   16 payload ...
 *     attribute   0 length u16   2 type u16   4 payload ...
 *
 * Lengths count their own header; both are padded to 4. A walk stops where a length does not fit what is
 * there, so that no bytes, however odd, make it read outside or go on for ever.
 */
export const messageHeaderBytes = 16
export const attributeHeaderBytes = 4

export const messageType = { noop: 1, error: 2, done: 3, overrun: 4 } as const
export const messageFlag = { request: 1, acknowledge: 4, interrupted: 0x10, dump: 0x300 } as const
/** The two upper bits of an attribute's type say "nested" and "in network order". */
const attributeTypeMask = 0x3fff

const padded = (bytes: number): number => (bytes + 3) & ~3

export interface Attribute {
  readonly type: number
  readonly value: Uint8Array
}

/**
 * A request with its header.
 * @param head what the type of message puts before the attributes (struct ifinfomsg, nfgenmsg ...)
 */
export function netlinkRequest(
  type: number,
  flags: number,
  sequence: number,
  head: Uint8Array,
  attributes: readonly Attribute[] = [],
): Uint8Array {
  let length = messageHeaderBytes + padded(head.length)
  for (const { value } of attributes) length += attributeHeaderBytes + padded(value.length)
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, length, true)
  view.setUint16(4, type, true)
  view.setUint16(6, flags | messageFlag.request, true)
  view.setUint32(8, sequence, true)
  bytes.set(head, messageHeaderBytes)
  let at = messageHeaderBytes + padded(head.length)
  for (const each of attributes) {
    view.setUint16(at, attributeHeaderBytes + each.value.length, true)
    view.setUint16(at + 2, each.type, true)
    bytes.set(each.value, at + attributeHeaderBytes)
    at += attributeHeaderBytes + padded(each.value.length)
  }
  return bytes
}

/** Walks the messages of one datagram. Reused: nothing is allocated per message. */
export class MessageWalk {
  type = 0
  flags = 0
  sequence = 0
  /** The payload, as offsets in the view. */
  from = 0
  to = 0
  /** A length did not fit: what follows cannot be read. */
  broken = false
  readonly #view: DataView
  #next = 0
  #end = 0

  constructor(view: DataView) {
    this.#view = view
  }

  /** @param bytes length of the datagram that now stands at the beginning of the view */
  begin(bytes: number): void {
    this.#next = 0
    this.#end = bytes
    this.broken = false
  }

  next(): boolean {
    const at = this.#next
    const left = this.#end - at
    if (left <= 0) return false
    const length = left < messageHeaderBytes ? 0 : this.#view.getUint32(at, true)
    if (length < messageHeaderBytes || length > left) {
      this.broken = true
      this.#next = this.#end
      return false
    }
    this.type = this.#view.getUint16(at + 4, true)
    this.flags = this.#view.getUint16(at + 6, true)
    this.sequence = this.#view.getUint32(at + 8, true)
    this.from = at + messageHeaderBytes
    this.to = at + length
    this.#next = at + padded(length)
    return true
  }

  /** Of a message of type `error`: the kernel's error number, 0 for an acknowledgement. */
  get errno(): number {
    return this.to - this.from < 4 ? 0 : -this.#view.getInt32(this.from, true)
  }
}

/** Walks attributes. Reused, as `MessageWalk` is. */
export class AttributeWalk {
  type = 0
  from = 0
  to = 0
  broken = false
  readonly #view: DataView
  #next = 0
  #end = 0

  constructor(view: DataView) {
    this.#view = view
  }

  begin(from: number, to: number): void {
    this.#next = from
    this.#end = to
    this.broken = from > to
  }

  next(): boolean {
    const at = this.#next
    const left = this.#end - at
    if (left <= 0) return false
    const length = left < attributeHeaderBytes ? 0 : this.#view.getUint16(at, true)
    if (length < attributeHeaderBytes || length > left) {
      this.broken = true
      this.#next = this.#end
      return false
    }
    this.type = this.#view.getUint16(at + 2, true) & attributeTypeMask
    this.from = at + attributeHeaderBytes
    this.to = at + length
    this.#next = at + padded(length)
    return true
  }

  get length(): number {
    return this.to - this.from
  }
}
