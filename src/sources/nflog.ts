/**
 * Rejected packets, as the rules of a firewall report them to an NFLOG group (nftables: `log prefix
 * "R:in" group 10 snaplen 128`). The kernel numbers the messages, so that a loss is known exactly. Rules
 * and placements: docs/verdicts.md. Figures: reference capture.md §4.
 */
import { readFileSync } from 'node:fs'
import { assert } from '../base/assert.ts'
import { WeirError } from '../base/errors.ts'
import { packetBatchRows, type PacketBatch } from '../packet/packet.ts'
import { Links } from './links.ts'
import { inNetns } from './netns.ts'
import { NetlinkSocket } from './netlink-socket.ts'
import { NflogMessages } from './nflog-messages.ts'
import type { RingSide } from './ring-frames.ts'
import * as system from './syscalls.ts'

export interface NflogOptions {
  /** 0 to 65535. In one network namespace a group has one reader. */
  readonly group: number
  /** The network namespace of the rules, by name or path. */
  readonly netns?: string
  /** `host`: the rules are at the far end of the ENI's veth or tap, where directions turn. Default `guest`. */
  readonly side?: RingSide
  /**
   * Rows are given to one who turns directions round, because the ENI's tap is at the far end: so they are
   * written the other way. Default false: rows have the ENI's own directions.
   */
  readonly turned?: boolean
  /**
   * The ENI's interface in the namespace of the rules: it tells directions, and messages about others are left
   * out. Without it all messages of the group are the ENI's.
   */
  readonly port?: string
  /** What stands in the interface word of each row. Default 0. */
  readonly interfaceIndex?: number
  /** Memory for messages that wait: how long a stall it bridges. Default 8 MiB. */
  readonly bufferBytes?: number
}

/** What was lost since it was last asked. */
export interface NflogLoss {
  /** Messages that were sent and did not arrive, exactly. */
  readonly messages: number
  /** The kernel has said that it dropped some more; how many, the next message that arrives will tell. */
  readonly more: boolean
}

const bufferBytesDefault = 8 * 1024 * 1024
const netfilterProtocol = 12
const messageConfig = 0x0401
const messagePacket = 0x0400
const setting = { command: 1, mode: 2, bufferBytes: 3, timeout: 4, threshold: 5, flags: 6 } as const
const commandBind = 1
const copyPacket = 2
const flagSequence = 1
/** The headers, and the packet an ICMP error quotes. A rule's own `snaplen` wins. */
const copyBytes = 128
/** What the kernel gathers before it hands over: bytes, messages, and hundredths of a second. */
const datagramBytes = 32 * 1024
const datagramMessages = 64
const gatherCentiseconds = 10
/** A datagram that a rule's large `snaplen` makes larger than was asked for. */
const receiveBytes = 128 * 1024
const option = { socketLevel: 1, timestamp: 29, receiveBufferForce: 33 } as const
const pollIn = 1
const mtuDefault = 1500
/** Messages looked at in one call at most: those that are no rejects fill no row, and the caller has other work. */
const messagesMax = 16 * packetBatchRows

/**
 * Binds a group. Messages are read from this moment on.
 *
 * @throws WeirError CaptureNotPermitted when CAP_NET_ADMIN is missing (for `netns` also CAP_SYS_ADMIN),
 *   CaptureFailed when another program reads the group, there is no such namespace or port, or the kernel
 *   has no NFLOG
 */
export function openNflog(options: NflogOptions): Nflog {
  const { group, netns } = options
  assert(Number.isInteger(group) && group >= 0 && group <= 0xffff, `group ${group} is 0 to 65535`)
  const port = options.port === undefined ? undefined : portOf(options.port, netns)
  const failed = (cause: system.SystemCallError): WeirError =>
    new WeirError('CaptureFailed', `NFLOG group ${group} cannot be read: ${cause.message}`, {
      cause,
    })
  let socket: NetlinkSocket
  try {
    socket = new NetlinkSocket(netfilterProtocol, netns, receiveBytes)
  } catch (cause) {
    throw cause instanceof system.SystemCallError ? failed(cause) : cause
  }
  try {
    const force = option.receiveBufferForce
    const bytes = options.bufferBytes ?? bufferBytesDefault
    system.setSocketOption(socket.fd, option.socketLevel, force, bytes)
    // Makes the kernel note once when a packet came: rings and firewall then tell the same time, and put it
    // into the same window.
    system.setSocketOption(socket.fd, option.socketLevel, option.timestamp, 1)
    socket.set(bindRequest(group))
  } catch (cause) {
    socket.close()
    if (!(cause instanceof system.SystemCallError)) throw cause
    if (cause.is('EPERM')) throw refused(group, netns, cause)
    throw failed(cause)
  }
  const place = {
    side: options.side ?? 'guest',
    turned: options.turned ?? false,
    port: port?.index,
    mtu: port?.mtu ?? mtuDefault,
    interfaceIndex: options.interfaceIndex ?? 0,
  }
  return new Nflog(group, socket, new NflogMessages(socket.view, place))
}

function portOf(name: string, netns: string | undefined): { index: number; mtu: number } {
  const links = Links.open(netns)
  try {
    const link = links.get(name)
    if (link !== undefined) return link
    throw new WeirError('CaptureFailed', `there is no interface "${name}"`, {
      hint: 'List the interfaces with: ip link',
    })
  } finally {
    links.close()
  }
}

/** One request, so that no message is sent before the settings hold. Numbers are in network order. */
function bindRequest(group: number) {
  const number = (value: number): Uint8Array => {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, value)
    return bytes
  }
  return {
    type: messageConfig,
    head: Uint8Array.of(0, 0, group >>> 8, group & 0xff),
    attributes: [
      { type: setting.command, value: Uint8Array.of(commandBind) },
      { type: setting.mode, value: Uint8Array.of(...number(copyBytes), copyPacket, 0) },
      { type: setting.bufferBytes, value: number(datagramBytes) },
      { type: setting.timeout, value: number(gatherCentiseconds) },
      { type: setting.threshold, value: number(datagramMessages) },
      { type: setting.flags, value: Uint8Array.of(0, flagSequence) },
    ],
  }
}

/** The kernel says the same when the right is missing and when the group is another's. */
function refused(group: number, netns: string | undefined, cause: unknown): WeirError {
  const reader = readerOf(group, netns)
  if (reader !== undefined)
    return new WeirError('CaptureFailed', `NFLOG group ${group} is read by another program`, {
      hint:
        `Its netlink port is ${reader}, mostly its process id. Stop it, or give this ENI a group of ` +
        'its own: in the rules (log group N) and in the topology (nflog: { group: N })',
      cause,
    })
  return new WeirError(
    'CaptureNotPermitted',
    `reading NFLOG group ${group} needs the right CAP_NET_ADMIN`,
    {
      hint:
        'Run Weir as root, or give it CAP_NET_RAW and CAP_NET_ADMIN (under systemd: ' +
        'AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN)',
      cause,
    },
  )
}

/** Groups that are read, a line each: group, port, ... The file is root's. */
function readerOf(group: number, netns: string | undefined): number | undefined {
  let text: string
  try {
    text = inNetns(netns, () =>
      readFileSync('/proc/thread-self/net/netfilter/nfnetlink_log', 'latin1'),
    )
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EACCES') return undefined
    throw error
  }
  for (const line of text.split('\n')) {
    const [number, port] = line.trim().split(/\s+/)
    if (number === String(group)) return Number(port)
  }
  return undefined
}

export class Nflog {
  readonly group: number
  readonly #socket: NetlinkSocket
  readonly #messages: NflogMessages
  readonly #pollBytes = new Uint8Array(8)
  readonly #pollView = new DataView(this.#pollBytes.buffer)
  #overruns = 0
  #told = 0
  #now = 0

  constructor(group: number, socket: NetlinkSocket, messages: NflogMessages) {
    this.group = group
    this.#socket = socket
    this.#messages = messages
    this.#pollView.setInt32(0, socket.fd, true)
    this.#pollView.setUint16(4, pollIn, true)
  }

  /**
   * Fills `batch` with the rejected packets that wait, at most `packetBatchRows`, and waits for one at most
   * `timeoutMs` when there is none (0: not at all). The kernel gathers messages for up to 0.1 s. Rows carry
   * direction, time and interface.
   *
   * @returns the rows in the batch; 0 when nothing came, or only what is no reject
   * @throws WeirError CaptureFailed when the socket fails
   */
  read(batch: PacketBatch, timeoutMs: number): number {
    batch.rows = 0
    this.#take(batch)
    if (batch.rows === 0 && timeoutMs > 0) {
      system.poll(this.#pollView, this.#pollBytes, timeoutMs)
      this.#take(batch)
    }
    return batch.rows
  }

  /** Forgets what it says: the next call tells of later losses. */
  takeLoss(): NflogLoss {
    const messages = this.#messages.lost - this.#told
    this.#told = this.#messages.lost
    return { messages, more: this.#overruns > this.#messages.gaps }
  }

  /** Messages whose prefix does not begin with `R`, or that are about other interfaces. */
  get ignored(): number {
    return this.#messages.ignored
  }

  /** Rejected frames that were not IP. */
  get nonIp(): number {
    return this.#messages.nonIp
  }

  /** Rejected packets whose IP header was broken or cut off. */
  get malformed(): number {
    return this.#messages.malformed
  }

  /** Rows of offloaded TCP, whose packets and bytes are estimated. */
  get estimated(): number {
    return this.#messages.estimated
  }

  /** Gives the group back. What waits is lost. */
  close(): void {
    this.#socket.close()
  }

  #take(batch: PacketBatch): void {
    const { messages } = this.#socket
    for (let seen = 0; batch.rows < packetBatchRows && seen < messagesMax; seen++) {
      if (!messages.next()) {
        if (!this.#nextDatagram()) return
        continue
      }
      if (messages.type === messagePacket)
        this.#messages.add(messages.from, messages.to, batch, this.#now)
    }
  }

  #nextDatagram(): boolean {
    for (;;)
      try {
        const bytes = this.#socket.receive()
        if (bytes < 0) return false
        // Of a datagram that was cut, what was kept is read; the next one's numbers tell what is missing.
        if (bytes > receiveBytes) this.#overruns++
        this.#socket.messages.begin(Math.min(bytes, receiveBytes))
        this.#now = Date.now()
        return true
      } catch (cause) {
        if (!(cause instanceof system.SystemCallError)) throw cause
        if (!cause.is('ENOBUFS'))
          throw new WeirError(
            'CaptureFailed',
            `reading NFLOG group ${this.group} failed: ${cause.message}`,
            { cause },
          )
        // Said once for a stretch of messages that found no room; what waits is still handed over.
        this.#overruns++
      }
  }
}
