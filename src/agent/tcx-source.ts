/**
 * Flows that the kernel counts itself, at the tap. They come out at the end of each cut, a few seconds long, and no
 * row reaches over the end of a window, for a window is a whole number of cuts.
 */
import { type PacketBatch, word } from '../packet/packet.ts'
import {
  type InterfaceCounts,
  interfaceCounts,
  Links,
  openTcx,
  TapBase,
  type Tcx,
  type TcxCounters,
} from '../sources/sources.ts'
import type { CaptureWindows } from '../window/window.ts'
import type { TapPlace } from './tap-place.ts'
import {
  type InterfaceReading,
  nothingRead,
  type SourceCounters,
  type TapSource,
} from './tap-source.ts'

/** A busy interface may not be quiet for the time of a reading. */
const triesAtEnd = 8

/** Throws CaptureNotPermitted and CaptureFailed, as `openTcx` does: then a ring may do. */
export function openTcxSource(place: TapPlace, families: 'ipv4' | 'both'): TapSource {
  const { interfaceName, netns } = place
  const links = Links.open(netns)
  try {
    const within = netns === undefined ? {} : { netns }
    const link = links.get(interfaceName)
    const tcx = openTcx({ interfaceName, side: 'guest', families, ...within })
    return new TcxSource(links, interfaceName, tcx, interfaceCounts(link!))
  } catch (error) {
    links.close()
    throw error
  }
}

class TcxSource implements TapSource {
  readonly #links: Links
  readonly #name: string
  readonly #tcx: Tcx
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4))
  readonly #base: TapBase
  #counted: SourceCounters = nothingRead
  #last: InterfaceCounts
  #reading: InterfaceReading

  constructor(links: Links, name: string, tcx: Tcx, opened: InterfaceCounts) {
    this.#links = links
    this.#name = name
    this.#tcx = tcx
    this.#base = new TapBase(opened)
    this.#last = opened
    this.#reading = {
      ...opened,
      quiet: false,
      opened: { ...opened, exact: false },
      tap: nothingRead,
    }
  }

  read(windows: CaptureWindows, timeoutMilliseconds: number): void {
    const due = this.#tcx.nextCut * 1000 - Date.now()
    if (due > 0) Atomics.wait(this.#sleeper, 0, 0, Math.min(due, timeoutMilliseconds))
    if (Date.now() >= this.#tcx.nextCut * 1000) this.#swap(windows)
  }

  /** What was there when the tap was opened is known after two readings, if it was stopped before that. */
  readRest(windows: CaptureWindows): void {
    this.#swap(windows)
    for (let i = 1; i < triesAtEnd && !this.#reading.opened.exact; i++) this.#swap(windows)
  }

  /** Both are counted as long as it is open: flow logs leave out what they do not want. */
  setFamilies(): void {}

  /** As it was when the kernel was last asked: in between, frames are in its maps. */
  readingOf(): InterfaceReading {
    return this.#reading
  }

  close(): void {
    this.#tcx.close()
    this.#links.close()
  }

  #swap(windows: CaptureWindows): void {
    const cut = this.#tcx.nextCut
    const before = this.#interface()
    let rows = 0
    let second = cut - 1
    const counters = this.#tcx.swap((batch: PacketBatch) => {
      if (rows === 0) second = batch.words[word.second]! >>> 0
      rows += batch.rows
      windows.add(batch)
    })
    // A row is a flow here, and stands for many frames.
    if (rows > 0 || counters.countedFrames > 0)
      windows.addFrames(second, counters.countedFrames - rows)
    const after = this.#interface()
    this.#counted = added(this.#counted, counters)
    this.#reading = this.#compared(before, after)
  }

  #compared(before: InterfaceCounts, after: InterfaceCounts): InterfaceReading {
    const tap = this.#counted
    const counts = {
      frames: tap.frames,
      drops: 0,
      filtered: tap.filtered,
      read: tap.readFrames,
      bytes: tap.readBytes,
      extraPackets: 0,
      extraBytes: 0,
    }
    const { quiet, opened, exactFrames } = this.#base.read(before, counts, after)
    return { ...after, quiet, opened: { ...opened, exact: exactFrames }, tap }
  }

  #interface(): InterfaceCounts {
    const link = this.#links.get(this.#name)
    if (link !== undefined) this.#last = interfaceCounts(link)
    return this.#last
  }
}

const added = (sum: SourceCounters, more: TcxCounters): SourceCounters => ({
  frames: sum.frames + more.frames,
  readFrames: sum.readFrames + more.frames - more.filtered,
  readBytes: sum.readBytes + more.frameBytes,
  extraPackets: 0,
  dropped: 0,
  filtered: sum.filtered + more.filtered,
  nonIp: sum.nonIp + more.nonIp,
  malformed: sum.malformed + more.malformed,
  multicast: sum.multicast + more.multicast,
  mapFull: sum.mapFull + more.refused,
  mapFullPackets: sum.mapFullPackets + more.refusedPackets,
  nflogLost: 0,
  nflogLosing: false,
})
