/** An AF_PACKET ring at the tap, and the firewall's reports where they decide what was rejected. */
import { PacketBatch, rowWords, word } from '../packet/packet.ts'
import {
  type InterfaceCounts,
  interfaceCounts,
  Links,
  type Nflog,
  openNflog,
  openRing,
  type Ring,
} from '../sources/sources.ts'
import type { CaptureWindows } from '../window/window.ts'
import type { TapPlace } from './tap-place.ts'
import type { InterfaceReading, SourceCounters, TapSource } from './tap-source.ts'

export interface RingSourceOptions {
  readonly place: TapPlace
  readonly ringBytes: number
  readonly families: 'ipv4' | 'both'
}

/** Blocks are handed over 50 ms after their first frame; a busy host is late. */
const settleMilliseconds = 150

/** Throws CaptureNotPermitted and CaptureFailed, as ring and NFLOG do. */
export function openRingSource({ place, ringBytes, families }: RingSourceOptions): TapSource {
  const { interfaceName, netns, nflog } = place
  const within = netns === undefined ? {} : { netns }
  const links = Links.open(netns)
  let ring: Ring | undefined
  try {
    // What the far end of a veth sees is turned by the assigner, which knows the taps of captures too.
    ring = openRing({ interfaceName, side: 'guest', ringBytes, families, ...within })
    const reports =
      nflog === undefined
        ? undefined
        : openNflog({
            group: nflog.group,
            ...(nflog.netns === undefined ? {} : { netns: nflog.netns }),
          })
    return new RingSource(links, interfaceName, ring, reports)
  } catch (error) {
    ring?.close()
    links.close()
    throw error
  }
}

class RingSource implements TapSource {
  readonly #links: Links
  readonly #name: string
  readonly #ring: Ring
  readonly #reports: Nflog | undefined
  readonly #batch = new PacketBatch()
  #frames = 0
  #dropped = 0
  #nflogLost = 0
  #last: InterfaceCounts = { frames: 0, bytes: 0, drops: 0 }

  constructor(links: Links, name: string, ring: Ring, reports: Nflog | undefined) {
    this.#links = links
    this.#name = name
    this.#ring = ring
    this.#reports = reports
  }

  read(windows: CaptureWindows, timeoutMilliseconds: number): void {
    if (this.#ring.read(this.#batch, timeoutMilliseconds) > 0) windows.add(this.#batch)
    this.#readReports(windows)
  }

  /** The kernel fills a block for a while before it hands it over. */
  readRest(windows: CaptureWindows): void {
    const stoppedAt = Date.now() / 1000
    const settled = performance.now() + settleMilliseconds
    const { words } = this.#batch
    for (let rows = 1, newest = 0; newest <= stoppedAt;) {
      if (rows === 0 && performance.now() >= settled) break
      rows = this.#ring.read(this.#batch, settleMilliseconds)
      if (rows === 0) continue
      windows.add(this.#batch)
      const last = (rows - 1) * rowWords
      newest = (words[last + word.second]! >>> 0) + words[last + word.nanosecond]! / 1e9
    }
    this.#readReports(windows, settleMilliseconds)
  }

  setFamilies(families: 'ipv4' | 'both'): void {
    this.#ring.setFamilies(families)
  }

  readingOf(): InterfaceReading {
    const before = this.#interface()
    const tap = this.#counters()
    this.#last = this.#interface()
    return { ...this.#last, quiet: same(before, this.#last), tap }
  }

  close(): void {
    this.#reports?.close()
    this.#ring.close()
    this.#links.close()
  }

  #readReports(windows: CaptureWindows, waitMilliseconds = 0): void {
    const reports = this.#reports
    if (reports === undefined) return
    while (reports.read(this.#batch, waitMilliseconds) > 0) windows.addRejected(this.#batch)
  }

  /** Of an interface that has gone, what it said last. */
  #interface(): InterfaceCounts {
    const link = this.#links.get(this.#name)
    return link === undefined ? this.#last : interfaceCounts(link)
  }

  #counters(): SourceCounters {
    const ring = this.#ring
    const { packets, drops } = ring.stats()
    const filtered = ring.filtered.frames
    const { frames, bytes, extraPackets } = ring.counts
    this.#frames += packets
    this.#dropped += drops
    if (this.#reports !== undefined) {
      const { messages, more } = this.#reports.takeLoss()
      this.#nflogLost += messages === 0 && more ? 1 : messages
    }
    return {
      frames: this.#frames + filtered,
      readFrames: frames,
      readBytes: bytes,
      extraPackets,
      dropped: this.#dropped,
      filtered,
      nonIp: ring.nonIp,
      malformed: ring.malformed,
      multicast: 0,
      mapFull: 0,
      mapFullPackets: 0,
      nflogLost: this.#nflogLost,
    }
  }
}

const same = (a: InterfaceCounts, b: InterfaceCounts): boolean =>
  a.frames === b.frames && a.drops === b.drops
