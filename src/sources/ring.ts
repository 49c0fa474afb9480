/**
 * A tap at a live interface: an AF_PACKET socket whose frames the kernel writes into memory we share with
 * it (TPACKET_V3). Every packet is seen, both directions, IPv4 and IPv6; what did not fit is counted by
 * the kernel exactly. Belongs in a worker thread, because `read` blocks its thread while nothing comes.
 */
import { assert } from '../base/assert.ts'
import { WeirError } from '../base/errors.ts'
import { packetBatchRows, type PacketBatch } from '../packet/packet.ts'
import { attachFamilyFilter, type FamilyFilter, type Filtered } from './family-filter.ts'
import { inNetns } from './netns.ts'
import { type FrameCounts, RingFrames, type RingSide } from './ring-frames.ts'
import * as system from './syscalls.ts'

export interface RingOptions {
  readonly interfaceName: string
  /** `host`: the far end of an ENI's veth or tap, where directions turn; a host's own card is a `guest`. */
  readonly side: RingSide
  /** Memory of the ring: how long a stall it bridges. Default 64 MiB. */
  readonly ringBytes?: number
  /** Bytes kept of a frame. Default 128: the headers, and the packet an ICMP error quotes. */
  readonly snaplen?: number
  /** What stands in the interface word of each row. Default 0. */
  readonly interfaceIndex?: number
  /** The network namespace of the interface, by name (`ip netns list`) or path; needs CAP_SYS_ADMIN. */
  readonly netns?: string
  /** `ipv4`: IPv6 frames are counted and dropped by the kernel, where it lets us. Default both. */
  readonly families?: 'ipv4' | 'both'
}

export interface RingStats {
  /** Frames that reached the tap, drops included. */
  readonly packets: number
  /** Frames that found the ring full. */
  readonly drops: number
}

/** About 0.6 s of stall at 700 000 packets a second (measured with 60-byte packets). */
export const ringBytesDefault = 64 * 1024 * 1024
const snaplenDefault = 128
const snaplenMin = 64
const snaplenMax = 65_535
const blockBytesMax = 1024 * 1024
const blockBytesMin = 16 * 1024
/** A block that is not full is handed over after this long, so a quiet interface is seen in time. */
const retireMs = 50

const option = {
  socketLevel: 1,
  error: 4,
  attachFilter: 26,
  packetLevel: 263,
  rxRing: 5,
  statistics: 6,
  version: 10,
  vnetHeader: 15,
} as const
const packetFamily = 17
const rawSocket = 3
const tpacketV3 = 2
const anyProtocol = 0x0003
const ioctlNumber = { interfaceName: 0x8910, interfaceIndex: 0x8933 } as const
const pollIn = 1

/**
 * Opens a ring at one interface. Packets are seen from this moment on.
 *
 * @throws WeirError CaptureNotPermitted when CAP_NET_RAW is missing (for `netns` also CAP_SYS_ADMIN),
 *   CaptureFailed when there is no such interface or namespace, no memory for the ring, or no Linux
 */
export function openRing(options: RingOptions): Ring {
  const fd = inNetns(options.netns, () => openPacketSocket(`interface "${options.interfaceName}"`))
  try {
    return setUp(fd, options)
  } catch (cause) {
    system.close(fd)
    if (!(cause instanceof system.SystemCallError)) throw cause
    const hint = cause.is('ENOMEM', 'EINVAL') ? { hint: 'Try a smaller ring' } : {}
    throw new WeirError(
      'CaptureFailed',
      `capturing at interface "${options.interfaceName}" failed: ${cause.message}`,
      { ...hint, cause },
    )
  }
}

/** @param where what is to be captured, for the message */
export function openPacketSocket(where: string): number {
  try {
    // Protocol 0: nothing arrives before filter and ring are ready and the socket is bound.
    return system.socket(packetFamily, rawSocket, 0)
  } catch (cause) {
    if (!(cause instanceof system.SystemCallError)) throw cause
    if (cause.is('EPERM', 'EACCES'))
      throw new WeirError(
        'CaptureNotPermitted',
        `capturing at ${where} needs the right CAP_NET_RAW`,
        {
          hint:
            'Run Weir as root, or give it the right: setpriv --inh-caps=+net_raw ' +
            '--ambient-caps=+net_raw weir start (under systemd: AmbientCapabilities=CAP_NET_RAW)',
          cause,
        },
      )
    throw new WeirError('CaptureFailed', `this kernel has no packet sockets: ${cause.message}`, {
      cause,
    })
  }
}

function setUp(fd: number, options: RingOptions): Ring {
  const index = interfaceIndexOf(fd, options.interfaceName)
  const snaplen = options.snaplen ?? snaplenDefault
  assert(snaplen >= snaplenMin && snaplen <= snaplenMax, `snaplen ${snaplen} is 64 to 65535`)
  const { blockBytes, blocks } = ringShape(options.ringBytes ?? ringBytesDefault)
  system.setSocketOption(fd, option.packetLevel, option.version, tpacketV3)
  system.setSocketOption(fd, option.packetLevel, option.vnetHeader, 1)
  keepFirstBytes(fd, snaplen)
  const filter = options.families === 'ipv4' ? filterIfAllowed(fd, snaplen) : undefined
  system.setSocketOption(fd, option.packetLevel, option.rxRing, ringRequest(blockBytes, blocks))
  const memory = system.mapShared(fd, blockBytes * blocks)
  try {
    bindTo(fd, index)
  } catch (error) {
    filter?.close()
    system.unmap(memory)
    throw error
  }
  const frames = new RingFrames(
    memory.buffer,
    blockBytes,
    options.side,
    options.interfaceIndex ?? 0,
  )
  return new Ring(options.interfaceName, index, fd, memory, frames, { snaplen, now: filter })
}

/** The ring works without it too: then flow logs leave IPv6 out later. */
function filterIfAllowed(fd: number, snaplen: number): FamilyFilter | undefined {
  try {
    return attachFamilyFilter(fd, 'ipv4', snaplen)
  } catch (error) {
    if (error instanceof WeirError) return undefined
    throw error
  }
}

/** Sixteen blocks or more, so that a reader that falls behind gives room back in small portions. */
function ringShape(ringBytes: number): { blockBytes: number; blocks: number } {
  let blockBytes = blockBytesMin
  while (blockBytes < blockBytesMax && blockBytes * 32 <= ringBytes) blockBytes *= 2
  return { blockBytes, blocks: Math.max(2, Math.floor(ringBytes / blockBytes)) }
}

/** struct ifreq: the name in 16 bytes, then what the call gives. */
export function interfaceIndexOf(fd: number, name: string): number {
  const request = new Uint8Array(40)
  const bytes = new TextEncoder().encode(name)
  try {
    if (bytes.length < 16) {
      request.set(bytes)
      system.ioctl(fd, ioctlNumber.interfaceIndex, request)
      return new DataView(request.buffer).getInt32(16, true)
    }
  } catch (cause) {
    if (!(cause instanceof system.SystemCallError) || !cause.is('ENODEV')) throw cause
  }
  throw new WeirError('CaptureFailed', `there is no interface "${name}"`, {
    hint: 'List the interfaces with: ip link',
  })
}

/** A filter of one instruction, `ret snaplen`: what lies behind is not copied into the ring. */
function keepFirstBytes(fd: number, snaplen: number): void {
  const instruction = new Uint8Array(8)
  const code = new DataView(instruction.buffer)
  code.setUint16(0, 0x06, true)
  code.setUint32(4, snaplen, true)
  const program = new Uint8Array(16)
  const header = new DataView(program.buffer)
  header.setUint16(0, 1, true)
  header.setBigUint64(8, system.addressOf(instruction), true)
  system.setSocketOption(fd, option.socketLevel, option.attachFilter, program)
}

/** struct tpacket_req3. Frame size and number only have to add up: version 3 packs frames tightly. */
function ringRequest(blockBytes: number, blocks: number): Uint8Array {
  const frameBytes = 2048
  const frames = (blockBytes / frameBytes) * blocks
  return new Uint8Array(
    Uint32Array.of(blockBytes, blocks, frameBytes, frames, retireMs, 0, 0).buffer,
  )
}

/** struct sockaddr_ll: family, protocol (big-endian), interface index. */
function bindTo(fd: number, index: number): void {
  const address = new Uint8Array(20)
  const view = new DataView(address.buffer)
  view.setUint16(0, packetFamily, true)
  view.setUint16(2, anyProtocol)
  view.setInt32(4, index, true)
  system.bind(fd, address)
}

/** What the socket's filter is made of, now and before. */
interface RingFilters {
  readonly snaplen: number
  now: FamilyFilter | undefined
  before?: Filtered
}

export class Ring {
  readonly interfaceName: string
  readonly #filters: RingFilters
  readonly #index: number
  readonly #fd: number
  readonly #memory: system.SharedMemory
  #frames: RingFrames | undefined
  #gone = false
  readonly #pollBytes = new Uint8Array(8)
  readonly #pollView = new DataView(this.#pollBytes.buffer)

  constructor(
    interfaceName: string,
    index: number,
    fd: number,
    memory: system.SharedMemory,
    frames: RingFrames,
    filters: RingFilters,
  ) {
    this.interfaceName = interfaceName
    this.#filters = filters
    this.#index = index
    this.#fd = fd
    this.#memory = memory
    this.#frames = frames
    this.#pollView.setInt32(0, fd, true)
    this.#pollView.setUint16(4, pollIn, true)
  }

  /**
   * Fills `batch` with the packets that wait, at most `packetBatchRows`, and waits for one at most
   * `timeoutMs` when there is none. Rows carry direction, time, interface, and for offloaded frames the
   * packets and bytes of the wire.
   *
   * @returns the rows in the batch; 0 when nothing came (or only frames without IP)
   * @throws WeirError InterfaceGone once the interface is gone and every packet before that was read.
   *   An interface that is only down stays open: packets come again when it is up.
   */
  read(batch: PacketBatch, timeoutMs: number): number {
    const frames = this.#open()
    batch.rows = 0
    frames.take(batch)
    if (batch.rows === 0) {
      this.#wait(timeoutMs)
      frames.take(batch)
      if (this.#gone && batch.rows === 0) throw this.#vanished()
    }
    assert(batch.rows <= packetBatchRows, 'a batch holds packetBatchRows rows')
    return batch.rows
  }

  /** Frames that reached the tap and frames lost, since the last call (the kernel counts and resets). */
  stats(): RingStats {
    this.#open()
    const value = new Uint8Array(12)
    system.getSocketOption(this.#fd, option.packetLevel, option.statistics, value)
    const view = new DataView(value.buffer)
    return { packets: view.getUint32(0, true), drops: view.getUint32(4, true) }
  }

  /** All frames read so far, those without IP too. */
  get counts(): FrameCounts {
    return this.#open().counts
  }

  /** Frames read so far that were not IP. */
  get nonIp(): number {
    return this.#open().nonIp
  }

  /** Frames read so far whose IP header was broken or cut off. */
  get malformed(): number {
    const frames = this.#open()
    return frames.malformed + frames.truncated
  }

  /** Drops IPv6 in the kernel; undefined when that is not asked for, or not allowed. */
  get filter(): FamilyFilter | undefined {
    return this.#filters.now
  }

  /** From now on these families are wanted. No frame is missed or seen twice. */
  setFamilies(families: 'ipv4' | 'both'): void {
    this.#open()
    const filters = this.#filters
    if ((families === 'ipv4') === (filters.now !== undefined)) return
    const old = filters.now
    if (families === 'ipv4') filters.now = filterIfAllowed(this.#fd, filters.snaplen)
    else {
      keepFirstBytes(this.#fd, filters.snaplen)
      filters.now = undefined
    }
    if (old === undefined) return
    const { frames, bytes } = old.filtered()
    filters.before = { frames: this.#before.frames + frames, bytes: this.#before.bytes + bytes }
    old.close()
  }

  get #before(): Filtered {
    return this.#filters.before ?? { frames: 0, bytes: 0 }
  }

  /** Frames that the kernel dropped since the ring was opened because their family is not wanted. */
  get filtered(): Filtered {
    this.#open()
    const now = this.#filters.now?.filtered() ?? { frames: 0, bytes: 0 }
    return { frames: this.#before.frames + now.frames, bytes: this.#before.bytes + now.bytes }
  }

  /** Gives memory and socket back. A thread that ends without it keeps both until the process ends. */
  close(): void {
    if (this.#frames === undefined) return
    this.#frames = undefined
    this.#filters.now?.close()
    system.unmap(this.#memory)
    system.close(this.#fd)
  }

  #open(): RingFrames {
    assert(this.#frames !== undefined, 'a closed ring is not used')
    return this.#frames
  }

  #wait(timeoutMs: number): void {
    if (this.#gone) return
    const events = system.poll(this.#pollView, this.#pollBytes, timeoutMs)
    if ((events & ~pollIn) === 0) return
    // The error of the socket: ENETDOWN when the interface went down or away. Reading it clears it.
    const error = new Uint8Array(4)
    system.getSocketOption(this.#fd, option.socketLevel, option.error, error)
    const errno = new DataView(error.buffer).getInt32(0, true)
    if (!this.#stillThere()) {
      this.#gone = true
      // No event will come any more, but the kernel still hands over its last block when it is due.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3 * retireMs)
    } else if (errno !== 0) {
      const failure = new system.SystemCallError('poll', errno)
      if (!failure.is('ENETDOWN')) throw this.#failed(failure)
    }
  }

  /** Asks in the socket's network namespace, wherever the thread is. */
  #stillThere(): boolean {
    const request = new Uint8Array(40)
    new DataView(request.buffer).setInt32(16, this.#index, true)
    try {
      system.ioctl(this.#fd, ioctlNumber.interfaceName, request)
      return true
    } catch (cause) {
      if (cause instanceof system.SystemCallError && cause.is('ENODEV')) return false
      throw cause
    }
  }

  #failed(cause: system.SystemCallError): WeirError {
    return new WeirError(
      'CaptureFailed',
      `capturing at interface "${this.interfaceName}" failed: ${cause.message}`,
      { cause },
    )
  }

  #vanished(): WeirError {
    return new WeirError('InterfaceGone', `interface "${this.interfaceName}" is gone`, {
      hint: 'Capturing goes on at the other interfaces',
    })
  }
}
