/**
 * Flows counted in the kernel: a program at each of the two ways of an interface (eBPF on TCX, Linux 6.6)
 * adds every packet to the totals of its flow, and from time to time the totals are taken out as rows of a
 * batch. Costs less CPU than a ring, and needs more rights; whoever cannot have it opens a ring instead.
 *
 * Nothing is lost between two takings: there are two sets of maps. The kernel writes one; when the other
 * is to be written, everybody who may still be writing the first is waited for, and then it is emptied.
 */
import { assert } from '../base/assert.ts'
import { WeirError } from '../base/errors.ts'
import type { PacketBatch } from '../packet/packet.ts'
import * as bpf from './bpf.ts'
import { createMaps, load, type Maps } from './bpf-program.ts'
import { inNetns } from './netns.ts'
import { interfaceIndexOf } from './ring.ts'
import type { RingSide } from './ring-frames.ts'
import * as system from './syscalls.ts'
import { tcxProgram } from './tcx-program.ts'
import { drainEntries, flowKinds, TcxRows } from './tcx-rows.ts'

export interface TcxOptions {
  readonly interfaceName: string
  /** `host`: the far end of an ENI's veth or tap, where directions turn; a host's own card is a `guest`. */
  readonly side: RingSide
  /** The network namespace of the interface, by name (`ip netns list`) or path; needs CAP_SYS_ADMIN. */
  readonly netns?: string
  /** What stands in the interface word of each row. Default 0. */
  readonly interfaceIndex?: number
  /** Flows of each family that the kernel has room for between two takings. Default 131 072. */
  readonly mapEntries?: number
  /** `ipv4`: IPv6 frames are counted as filtered and make no flows. Default both. */
  readonly families?: 'ipv4' | 'both'
  /**
   * At each multiple of so many seconds of Unix time the kernel goes over to the other set by itself, so
   * that rows never reach over the end of a window. Must divide the window. Default 10.
   */
  readonly cutSeconds?: number
}

/** What became of the frames of one taking. `frames` is the sum of all others but those of bytes. */
export interface TcxCounters {
  /** Frames at the interface, and their bytes with the link header, as the kernel counts them. */
  readonly frames: number
  readonly frameBytes: number
  /** Of these: the frames that the interface sent, the rest it received. */
  readonly sentFrames: number
  readonly sentFrameBytes: number
  /** Frames that are in the rows. */
  readonly countedFrames: number
  readonly nonIp: number
  /** IP headers that are broken or cut off. */
  readonly malformed: number
  readonly multicast: number
  /** Frames of a family that is not wanted, and their bytes at the IP layer. */
  readonly filtered: number
  readonly filteredBytes: number
  /** Frames whose flow found no room, and the packets they carried: a loss. */
  readonly refused: number
  readonly refusedPackets: number
}

/** Two sets of it, for IPv4 and IPv6, take 60 MiB of kernel memory. */
export const tcxMapEntriesDefault = 131_072
/** Fragments and ICMP errors are counted each by itself; beyond it with their five-tuple alone. */
const specialEntries = 8192
export const tcxCutSecondsDefault = 10

/** struct settings and struct counters of tcx.bpf.c. */
const settingsBytes = 24
const counterBytes = 80
const never = 0x7ffffffffffffffen
const pageBytes = 4096
const etherDevices: readonly number[] = [1, 772]
const ioctlHardwareAddress = 0x8927
const rights = ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_PERFMON'] as const
const ways = ['received', 'sent'] as const

/**
 * Counts at one interface from this moment on; ends with `close` or with the process.
 *
 * @throws WeirError CaptureNotPermitted when one of CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON is missing (for
 *   `netns` also CAP_SYS_ADMIN), CaptureFailed when there is no such interface or namespace, or the kernel
 *   has no TCX (before 6.6) or no memory for the maps
 */
export function openTcx(options: TcxOptions): Tcx {
  const opened: number[] = []
  const keep = (fd: number): number => {
    opened.push(fd)
    return fd
  }
  const mapped: system.SharedMemory[] = []
  try {
    return setUp(options, keep, (memory) => {
      mapped.push(memory)
      return memory
    })
  } catch (cause) {
    for (const memory of mapped) system.unmap(memory)
    for (const fd of opened) system.close(fd)
    throw refusal(options.interfaceName, cause)
  }
}

type Keep<T> = (what: T) => T

function setUp(options: TcxOptions, keep: Keep<number>, map: Keep<system.SharedMemory>): Tcx {
  const cutSeconds = options.cutSeconds ?? tcxCutSecondsDefault
  const mapEntries = options.mapEntries ?? tcxMapEntriesDefault
  assert(cutSeconds >= 1 && mapEntries >= 1, 'a set of maps has a length and a size')
  const device = inNetns(options.netns, () => deviceOf(options.interfaceName))
  const names = flowKinds.flatMap((kind) => [`${kind}_0`, `${kind}_1`])
  const entries = (name: string): number =>
    name.startsWith('special') ? Math.min(specialEntries, mapEntries) : mapEntries
  const flows = createMaps(tcxProgram, names, entries)
  Object.values(flows).forEach(keep)
  const sides = ways.map((way) => {
    const own = createMaps(tcxProgram, ['settings', 'counters'], () => 1)
    Object.values(own).forEach(keep)
    const memory = map(system.mapShared(own['settings']!, pageBytes))
    const settings = new DataView(memory.buffer, 0, settingsBytes)
    settings.setUint32(8, etherDevices.includes(device.type) ? 1 : 0, true)
    settings.setUint32(12, options.families === 'ipv4' ? 4 : 0, true)
    settings.setUint32(16, (way === 'sent') === (options.side === 'guest') ? 1 : 0, true)
    const turn = new BigInt64Array(memory.buffer, 0, 1)
    Atomics.store(turn, 0, never)
    const program = keep(load(tcxProgram, way, bpf.programType.schedClass, { ...flows, ...own }))
    return { way, counters: own['counters']!, turn, program, memory }
  })
  const fence = fenceMaps(keep)
  const links = inNetns(options.netns, () =>
    sides.map(({ way, program }) =>
      keep(
        bpf.linkTcx(
          program,
          device.index,
          way === 'sent' ? bpf.attachType.tcxEgress : bpf.attachType.tcxIngress,
        ),
      ),
    ),
  )
  const rows = new TcxRows(options.interfaceIndex ?? 0, cutSeconds)
  const files = [...Object.values(flows), ...sides.flatMap((side) => [side.counters, side.program])]
  return new Tcx(options.interfaceName, cutSeconds, flows, sides, fence, links, rows, files)
}

/** Index and ARPHRD type of an interface of the calling thread's namespace. */
function deviceOf(name: string): { index: number; type: number } {
  const internetFamily = 2
  const datagrams = 2
  const fd = system.socket(internetFamily, datagrams, 0)
  try {
    const index = interfaceIndexOf(fd, name)
    const request = new Uint8Array(40)
    request.set(new TextEncoder().encode(name))
    system.ioctl(fd, ioctlHardwareAddress, request)
    return { index, type: new DataView(request.buffer).getUint16(16, true) }
  } finally {
    system.close(fd)
  }
}

interface Fence {
  readonly outer: number
  readonly inner: number
}

/**
 * A map of maps that nobody looks at. When one is changed, the kernel returns only after every program that
 * ran at that moment has ended (`maybe_wait_bpf_programs`), whichever map it used.
 */
function fenceMaps(keep: Keep<number>): Fence {
  const shape = { keyBytes: 4, valueBytes: 4, entries: 1, flags: 0 }
  const inner = keep(bpf.createMap('fenced', { ...shape, type: bpf.mapType.array }))
  const outer = keep(bpf.createMap('fence', { ...shape, type: bpf.mapType.arrayOfMaps }, inner))
  return { outer, inner }
}

interface Side {
  readonly way: (typeof ways)[number]
  readonly counters: number
  /** Where the program reads which set it writes, and until when. */
  readonly turn: BigInt64Array
  readonly program: number
  readonly memory: system.SharedMemory
}

export class Tcx {
  readonly interfaceName: string
  readonly #cutSeconds: number
  readonly #flows: Maps
  readonly #sides: readonly Side[]
  readonly #fence: Fence
  readonly #links: readonly number[]
  readonly #rows: TcxRows
  readonly #files: readonly number[]
  readonly #counterBytes = counterBytes * bpf.possibleCpus()
  /** What the counters of each way and set said last. */
  readonly #last = new Map<string, number[]>()
  #set = 0
  #nextCut = 0
  #closed = false

  constructor(
    interfaceName: string,
    cutSeconds: number,
    flows: Maps,
    sides: readonly Side[],
    fence: Fence,
    links: readonly number[],
    rows: TcxRows,
    files: readonly number[],
  ) {
    this.interfaceName = interfaceName
    this.#cutSeconds = cutSeconds
    this.#flows = flows
    this.#sides = sides
    this.#fence = fence
    this.#links = links
    this.#rows = rows
    this.#files = files
    this.#turnAtNextCut()
  }

  /**
   * Unix time, whole seconds, at which the kernel goes over to the other set by itself. `swap` is due
   * then; coming later is allowed, up to the one after.
   */
  get nextCut(): number {
    return this.#nextCut
  }

  /**
   * Takes out what was counted since the last call (until the cut, if it is over): rows in the order of
   * time, in batches that are the taker's until it returns. Blocks for some milliseconds, and longer for
   * many flows.
   *
   * A flow is a row with all its packets at the time of its first, split where 32 bits do not hold them,
   * and at most four rows with 0 packets and 0 bytes for later moments that matter: the last SYN, the
   * last FIN, the last RST, the last packet.
   *
   * @returns what became of the frames; those in the rows are `countedFrames`
   * @throws WeirError InterfaceGone once the interface is gone and everything before that was taken
   */
  swap(taker: (batch: PacketBatch) => void): TcxCounters {
    assert(!this.#closed, 'a closed interface is not asked')
    const gone = this.#links.some((link) => bpf.interfaceOfLink(link) === 0)
    const old = this.#set
    this.#set = 1 - old
    this.#turn(never)
    this.#waitForPrograms()
    for (const kind of flowKinds) {
      const count = bpf.emptyMap(this.#flows[`${kind}_${old}`]!, drainEntries, (taken) =>
        this.#rows.room(kind, taken),
      )
      this.#rows.setCount(kind, count)
    }
    const counters = this.#countersOf(old)
    this.#turnAtNextCut()
    this.#rows.give(Math.floor(Date.now() / 1000), bpf.taiOffsetSeconds(), taker)
    if (gone && counters.frames === 0) throw this.#vanished()
    return counters
  }

  /** Takes the programs off the interface. What was not taken out before is gone. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const link of this.#links) system.close(link)
    for (const { memory } of this.#sides) system.unmap(memory)
    for (const fd of [...this.#files, this.#fence.outer, this.#fence.inner]) system.close(fd)
  }

  /** From now on the programs write set `#set`, until `cut` (CLOCK_TAI, ns) comes. */
  #turn(cut: bigint): void {
    for (const { turn } of this.#sides) Atomics.store(turn, 0, (cut & ~1n) | BigInt(this.#set))
  }

  #turnAtNextCut(): void {
    const now = Date.now() / 1000
    this.#nextCut = (Math.floor(now / this.#cutSeconds) + 1) * this.#cutSeconds
    this.#turn(BigInt(this.#nextCut + bpf.taiOffsetSeconds()) * 1_000_000_000n)
  }

  #waitForPrograms(): void {
    const value = new Uint8Array(Uint32Array.of(this.#fence.inner).buffer)
    bpf.updateMap(this.#fence.outer, new Uint8Array(4), value)
  }

  #countersOf(set: number): TcxCounters {
    const [received, sent] = this.#sides.map((side) => this.#countersOfWay(side, set))
    const sum = (field: number): number => received![field]! + sent![field]!
    const frames = sum(0)
    const lost = sum(2) + sum(3) + sum(4) + sum(5) + sum(6) + sum(8)
    return {
      frames,
      frameBytes: sum(1),
      sentFrames: sent![0]!,
      sentFrameBytes: sent![1]!,
      countedFrames: frames - lost,
      nonIp: sum(2),
      malformed: sum(3) + sum(4),
      multicast: sum(5),
      filtered: sum(6),
      filteredBytes: sum(7),
      refused: sum(8),
      refusedPackets: sum(9),
    }
  }

  /** What was added since the set was taken out last: the fields of struct counters, over all CPUs. */
  #countersOfWay({ way, counters }: Side, set: number): number[] {
    const key = new Uint8Array(Uint32Array.of(set).buffer)
    const value = new Uint8Array(this.#counterBytes)
    bpf.lookUpMap(counters, key, value)
    const words = new Uint32Array(value.buffer)
    const totals = Array.from({ length: counterBytes / 8 }, () => 0)
    for (let i = 0; i < words.length; i += 2)
      totals[(i / 2) % totals.length]! += words[i]! + words[i + 1]! * 2 ** 32
    const before = this.#last.get(`${way} ${set}`)
    this.#last.set(`${way} ${set}`, totals)
    return totals.map((total, field) => total - (before?.[field] ?? 0))
  }

  #vanished(): WeirError {
    return new WeirError('InterfaceGone', `interface "${this.interfaceName}" is gone`, {
      hint: 'Capturing goes on at the other interfaces',
    })
  }
}

/** The reason in one line, so that whoever falls back to a ring can say it. */
function refusal(interfaceName: string, cause: unknown): unknown {
  if (cause instanceof WeirError) return cause
  const errno = cause instanceof bpf.ProgramRefused ? cause.errno : cause
  if (!(errno instanceof system.SystemCallError)) return cause
  const what = `counting in the kernel at interface "${interfaceName}"`
  const missing = errno.is('EPERM', 'EACCES') ? bpf.missingCapabilities(rights) : []
  if (missing.length > 0)
    return new WeirError('CaptureNotPermitted', `${what} needs ${missing.join(', ')}`, {
      hint:
        'Run Weir as root, or give it the rights (under systemd: ' +
        `AmbientCapabilities=CAP_NET_RAW ${rights.join(' ')})`,
      cause,
    })
  if (errno.call === 'TCX link' && errno.is('EINVAL'))
    return new WeirError('CaptureFailed', `${what} needs TCX, which Linux has since 6.6`, { cause })
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new WeirError('CaptureFailed', `${what} failed: ${reason}`, { cause })
}
