/** An AF_PACKET ring at the tap, and the firewall's reports where they decide what was rejected. */
import { PacketBatch, rowWords, word } from '../packet/packet.ts'
import {
  type MeteredRing,
  type Nflog,
  openMeteredRing,
  openNflog,
  type Ring,
  sideOfRules,
  type TapCounts,
  type TapMeter,
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
  const { interfaceName, netns } = place
  const within = netns === undefined ? {} : { netns }
  // What the far end of a veth sees is turned by the assigner, which knows the taps of captures too.
  const metered = openMeteredRing({ interfaceName, side: 'guest', ringBytes, families, ...within })
  try {
    return new RingSource(metered, openReports(place))
  } catch (error) {
    metered.meter.close()
    metered.ring.close()
    throw error
  }
}

function openReports({ nflog, netns, side, interfaceName }: TapPlace): Nflog | undefined {
  if (nflog === undefined) return undefined
  const sameNamespace = nflog.netns === netns
  return openNflog({
    group: nflog.group,
    ...(nflog.netns === undefined ? {} : { netns: nflog.netns }),
    side: sideOfRules(side, sameNamespace),
    // The assigner turns directions at a far end; what the reports say is turned back.
    turned: side === 'host',
    // The name of the interface at the other end of a veth is not known here.
    ...(sameNamespace ? { port: interfaceName } : {}),
  })
}

class RingSource implements TapSource {
  readonly #ring: Ring
  readonly #meter: TapMeter
  readonly #reports: Nflog | undefined
  readonly #batch = new PacketBatch()
  #nflogLost = 0

  constructor({ ring, meter }: MeteredRing, reports: Nflog | undefined) {
    this.#ring = ring
    this.#meter = meter
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
    const sample = this.#meter.look()
    const { frames, bytes, drops } = sample.now
    return {
      frames,
      bytes,
      drops,
      quiet: sample.quiet,
      opened: { ...sample.opened, exact: sample.exactFrames },
      tap: this.#counters(sample.tap),
    }
  }

  close(): void {
    this.#reports?.close()
    this.#meter.close()
    this.#ring.close()
  }

  #readReports(windows: CaptureWindows, waitMilliseconds = 0): void {
    const reports = this.#reports
    if (reports === undefined) return
    while (reports.read(this.#batch, waitMilliseconds) > 0) windows.addRejected(this.#batch)
  }

  #counters(tap: TapCounts): SourceCounters {
    const ring = this.#ring
    const loss = this.#reports?.takeLoss()
    this.#nflogLost += loss?.messages ?? 0
    return {
      frames: tap.frames,
      readFrames: tap.read,
      readBytes: tap.bytes,
      extraPackets: tap.extraPackets,
      dropped: tap.drops,
      filtered: tap.filtered,
      nonIp: ring.nonIp,
      malformed: ring.malformed,
      multicast: 0,
      mapFull: 0,
      mapFullPackets: 0,
      nflogLost: this.#nflogLost,
      nflogLosing: loss?.more === true,
    }
  }
}
