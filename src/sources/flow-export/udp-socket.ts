/**
 * A UDP socket read by many datagrams a call (`recvmmsg`): 1.2 to 2.3 µs of CPU a datagram where node:dgram takes 4.5,
 * and loses most of a fast sender's silently (reference capture.md §6). The kernel counts what found no room, and
 * says when each datagram came.
 */
import { isIPv4, isIPv6 } from 'node:net'
import koffi from 'koffi'
import { WeirError } from '../../base/errors.ts'
import { ipv4Text, ipv6Text } from '../../base/ip.ts'
import { addressBytes } from '../../packet/packet.ts'
import { inNetns } from '../netns.ts'
import * as system from '../syscalls.ts'

export interface UdpSocketOptions {
  /** An address of this host; `::` takes IPv4 too. */
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  /** Memory for datagrams that wait to be read. */
  readonly receiveBufferBytes: number
  /** The network namespace, by name or path; needs CAP_SYS_ADMIN. */
  readonly netns?: string
}

/** Datagrams a call takes at most. */
const datagramsMax = 64
const datagramBytesMax = 65_536
const nameBytes = 28 // struct sockaddr_in6
const controlBytes = 64
const messageBytes = 64 // struct mmsghdr: msghdr of 56 bytes, length, padding
const doNotWait = 0x40
const pollIn = 1

const family = { ipv4: 2, ipv6: 10 } as const
const datagramSocket = 2
const option = {
  socketLevel: 1,
  receiveBuffer: 8,
  receiveBufferForce: 33,
  timestampNanoseconds: 35,
  memoryInfo: 55,
  ipv6Level: 41,
  v6Only: 26,
} as const
/** Of the nine words of SO_MEMINFO: the bytes the buffer may hold, and the datagrams dropped so far. */
const memoryInfo = { words: 9, receiveBuffer: 1, drops: 8 } as const

interface Libc {
  recvmmsg(fd: number, messages: Uint8Array, count: number, flags: number, timeout: null): number
  getsockname(fd: number, address: Uint8Array, bytes: Uint8Array): number
}
let loaded: Libc | undefined
function libc(): Libc {
  if (loaded !== undefined) return loaded
  const library = koffi.load(null)
  loaded = {
    recvmmsg: library.func('int recvmmsg(int, _Inout_ void *, unsigned int, int, void *)'),
    getsockname: library.func('int getsockname(int, _Inout_ void *, _Inout_ void *)'),
  }
  return loaded
}

/** A datagram that was read; valid until the next `receive`. */
export interface ReceivedDatagram {
  bytes: Uint8Array
  /** Of the sender, as `base/ip.ts` writes it; IPv4 in its own form. */
  address: string
  port: number
  /** Unix milliseconds at which the kernel took it in. */
  receivedAt: number
}

/**
 * Opens and binds a socket.
 * @throws WeirError CaptureFailed (the address is not this host's, the port is taken, no Linux),
 *   CaptureNotPermitted (a port below 1024 or another namespace without the right)
 */
export function openUdpSocket(options: UdpSocketOptions): UdpSocket {
  const { host, port } = options
  if (!isIPv4(host) && !isIPv6(host))
    throw new WeirError('CaptureFailed', `"${host}" is no address to receive flows at`, {
      hint: 'Give an address of this host, 0.0.0.0 or ::',
    })
  const fd = inNetns(options.netns, () => boundSocket(host, port))
  try {
    setBuffer(fd, options.receiveBufferBytes)
    system.setSocketOption(fd, option.socketLevel, option.timestampNanoseconds, 1)
    return new UdpSocket(fd)
  } catch (cause) {
    system.close(fd)
    throw cause
  }
}

function boundSocket(host: string, port: number): number {
  try {
    return bound(isIPv4(host) ? family.ipv4 : family.ipv6, host, port)
  } catch (cause) {
    if (!(cause instanceof system.SystemCallError)) throw cause
    // A host without IPv6 has only IPv4 addresses to listen at.
    if (host === '::' && cause.is('EAFNOSUPPORT', 'EADDRNOTAVAIL'))
      return boundSocket('0.0.0.0', port)
    if (cause.is('EACCES', 'EPERM'))
      throw new WeirError('CaptureNotPermitted', `port ${port} may not be opened`, {
        hint: 'Take a port above 1023, or give Weir the right CAP_NET_BIND_SERVICE',
        cause,
      })
    const hint = cause.is('EADDRINUSE')
      ? 'Another program receives there: take another port'
      : 'Give an address of this host, 0.0.0.0 or ::'
    throw new WeirError('CaptureFailed', `flows cannot be received at ${host}: ${cause.message}`, {
      place: `UDP port ${port}`,
      hint,
      cause,
    })
  }
}

function bound(ip: number, host: string, port: number): number {
  const fd = system.socket(ip, datagramSocket, 0)
  try {
    const four = ip === family.ipv4
    const address = new Uint8Array(four ? 16 : nameBytes)
    const view = new DataView(address.buffer)
    view.setUint16(0, ip, true)
    view.setUint16(2, port)
    address.set(addressBytes(host), four ? 4 : 8)
    if (!four) system.setSocketOption(fd, option.ipv6Level, option.v6Only, host === '::' ? 0 : 1)
    system.bind(fd, address)
    return fd
  } catch (cause) {
    system.close(fd)
    throw cause
  }
}

/** Beyond net.core.rmem_max only with CAP_NET_ADMIN; without it, as much as that allows. */
function setBuffer(fd: number, bytes: number): void {
  try {
    system.setSocketOption(fd, option.socketLevel, option.receiveBufferForce, bytes)
  } catch (cause) {
    if (!(cause instanceof system.SystemCallError) || !cause.is('EPERM')) throw cause
    system.setSocketOption(fd, option.socketLevel, option.receiveBuffer, bytes)
  }
}

export class UdpSocket {
  readonly #fd: number
  readonly #payloads = new Uint8Array(datagramsMax * datagramBytesMax)
  readonly #names = new Uint8Array(datagramsMax * nameBytes)
  readonly #controls = new Uint8Array(datagramsMax * controlBytes)
  readonly #vectors = new Uint8Array(datagramsMax * 16)
  readonly #messages = new Uint8Array(datagramsMax * messageBytes)
  readonly #nameView = new DataView(this.#names.buffer)
  readonly #controlView = new DataView(this.#controls.buffer)
  readonly #messageView = new DataView(this.#messages.buffer)
  readonly #pollBytes = new Uint8Array(8)
  readonly #pollView = new DataView(this.#pollBytes.buffer)
  readonly #sender = new Uint8Array(nameBytes)
  #senderText = ''

  constructor(fd: number) {
    this.#fd = fd
    this.#pollView.setInt32(0, fd, true)
    this.#pollView.setUint16(4, pollIn, true)
    this.#lay()
  }

  /** struct mmsghdr: name, name length | vectors, their number | control, its length | flags | bytes. */
  #lay(): void {
    const vectors = new DataView(this.#vectors.buffer)
    const at = {
      payloads: system.addressOf(this.#payloads),
      names: system.addressOf(this.#names),
      controls: system.addressOf(this.#controls),
      vectors: system.addressOf(this.#vectors),
    }
    for (let i = 0; i < datagramsMax; i++) {
      vectors.setBigUint64(i * 16, at.payloads + BigInt(i * datagramBytesMax), true)
      vectors.setBigUint64(i * 16 + 8, BigInt(datagramBytesMax), true)
      const base = i * messageBytes
      this.#messageView.setBigUint64(base, at.names + BigInt(i * nameBytes), true)
      this.#messageView.setBigUint64(base + 16, at.vectors + BigInt(i * 16), true)
      this.#messageView.setBigUint64(base + 24, 1n, true)
      this.#messageView.setBigUint64(base + 32, at.controls + BigInt(i * controlBytes), true)
    }
  }

  /** Waits at most `timeoutMs` for datagrams. */
  wait(timeoutMs: number): void {
    system.poll(this.#pollView, this.#pollBytes, timeoutMs)
  }

  /** Takes the datagrams that wait, at most 64, without waiting. @returns how many, for `datagram` */
  receive(): number {
    for (let i = 0; i < datagramsMax; i++) {
      this.#messageView.setUint32(i * messageBytes + 8, nameBytes, true)
      this.#messageView.setBigUint64(i * messageBytes + 40, BigInt(controlBytes), true)
    }
    const count = libc().recvmmsg(this.#fd, this.#messages, datagramsMax, doNotWait, null)
    if (count >= 0) return count
    const error = new system.SystemCallError('recvmmsg', koffi.errno())
    // An ICMP error of an earlier datagram is told once, and means nothing to a receiver.
    if (error.is('EAGAIN', 'EINTR', 'ECONNREFUSED')) return 0
    throw new WeirError('CaptureFailed', `receiving flows failed: ${error.message}`, {
      cause: error,
    })
  }

  /** Fills `into` with the `index`th of the datagrams that `receive` took. */
  datagram(index: number, into: ReceivedDatagram): void {
    const length = this.#messageView.getUint32(index * messageBytes + 56, true)
    const from = index * datagramBytesMax
    const name = index * nameBytes
    into.bytes = this.#payloads.subarray(from, from + length)
    into.port = this.#nameView.getUint16(name + 2)
    into.address = this.#addressOf(name)
    into.receivedAt = this.#timeOf(index)
  }

  /** Mostly the same sender as before: its address is written once. */
  #addressOf(name: number): string {
    const ip = this.#nameView.getUint16(name, true)
    const bytes = ip === family.ipv4 ? 4 : 16
    const from = name + (ip === family.ipv4 ? 4 : 8)
    let same = this.#senderText !== '' && this.#sender[0] === ip
    for (let i = 0; same && i < bytes; i++) same = this.#sender[1 + i] === this.#names[from + i]
    if (same) return this.#senderText
    this.#sender[0] = ip
    this.#sender.set(this.#names.subarray(from, from + bytes), 1)
    const word = (i: number): number => this.#nameView.getInt32(from + 4 * i)
    if (ip === family.ipv4) this.#senderText = ipv4Text(word(0))
    else if (word(0) === 0 && word(1) === 0 && word(2) === 0xffff)
      this.#senderText = ipv4Text(word(3))
    else this.#senderText = ipv6Text([word(0), word(1), word(2), word(3)])
    return this.#senderText
  }

  /** A control message: bytes in all u64 | level | type | struct timespec. */
  #timeOf(index: number): number {
    const view = this.#controlView
    const at = index * controlBytes
    const there = Number(this.#messageView.getBigUint64(index * messageBytes + 40, true))
    const stamped = there >= 32 && view.getInt32(at + 12, true) === option.timestampNanoseconds
    if (!stamped) return Date.now()
    const second = Number(view.getBigInt64(at + 16, true))
    return second * 1000 + Math.floor(Number(view.getBigInt64(at + 24, true)) / 1_000_000)
  }

  /** Datagrams that found no room since the socket was opened, modulo 2^32. */
  get drops(): number {
    return this.#memoryInfo(memoryInfo.drops)
  }

  /** What the kernel gave: twice what was asked for, for its own overhead. */
  get bufferBytes(): number {
    return this.#memoryInfo(memoryInfo.receiveBuffer)
  }

  #memoryInfo(word: number): number {
    const values = new Uint8Array(memoryInfo.words * 4)
    system.getSocketOption(this.#fd, option.socketLevel, option.memoryInfo, values)
    return new DataView(values.buffer).getUint32(word * 4, true)
  }

  /** The port it is bound to. */
  get port(): number {
    const address = new Uint8Array(nameBytes)
    const length = new Uint8Array(Uint32Array.of(nameBytes).buffer)
    if (libc().getsockname(this.#fd, address, length) < 0)
      throw new system.SystemCallError('getsockname', koffi.errno())
    return new DataView(address.buffer).getUint16(2)
  }

  close(): void {
    system.close(this.#fd)
  }
}
