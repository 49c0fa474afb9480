/** A ring and the interface it is at, read together; see `tap-counters.ts` for what must be equal. */
import { WeirError } from '../base/errors.ts'
import type { Link } from './link-messages.ts'
import { Links } from './links.ts'
import { openRing, type Ring, type RingOptions } from './ring.ts'
import {
  type InterfaceCounts,
  interfaceCounts,
  TapBase,
  type TapCounts,
  type TapSample,
} from './tap-counters.ts'

/** Looks at a busy interface when it is opened; later calls go on trying. */
const triesAtOpen = 32
/** Nobody wakes it: a thread waits a millisecond, so that frames on their way arrive. */
const pause = new Int32Array(new SharedArrayBuffer(4))

/**
 * Opens a ring together with the counters of its interface.
 * @throws WeirError as `openRing` does
 */
export function openMeteredRing(options: RingOptions): MeteredRing {
  const links = Links.open(options.netns)
  try {
    const link = links.get(options.interfaceName)
    // Without an interface the ring says what is wrong.
    const ring = openRing(options)
    if (link !== undefined) return { ring, meter: new TapMeter(ring, links, link) }
    ring.close()
    throw new WeirError('CaptureFailed', `there is no interface "${options.interfaceName}"`)
  } catch (error) {
    links.close()
    throw error
  }
}

export interface MeteredRing {
  readonly ring: Ring
  readonly meter: TapMeter
}

export class TapMeter {
  readonly #ring: Ring
  readonly #links: Links
  readonly #index: number
  readonly #base: TapBase
  #frames = 0
  #drops = 0
  #last: InterfaceCounts

  /** @param opened the interface as it was just before the ring was opened */
  constructor(ring: Ring, links: Links, opened: Link) {
    this.#ring = ring
    this.#links = links
    this.#index = opened.index
    this.#last = interfaceCounts(opened)
    this.#base = new TapBase(this.#last)
    for (let i = 0; i < triesAtOpen && !this.look().exactFrames; i++) Atomics.wait(pause, 0, 0, 1)
  }

  /**
   * Reads the ring's and the interface's counters; about 50 us. Counts are since the ring was opened. The
   * ring's own `stats` must not be asked beside it, since that starts a new count. An interface that is gone
   * has counted what it had when it was last seen.
   */
  look(): TapSample {
    const before = this.#counts()
    const { packets, drops } = this.#ring.stats()
    this.#frames += packets
    this.#drops += drops
    const tap = this.#tapCounts()
    return this.#base.read(before, tap, this.#counts())
  }

  /** Closes what it opened; the ring is its owner's. */
  close(): void {
    this.#links.close()
  }

  #counts(): InterfaceCounts {
    const link = this.#links.at(this.#index)
    if (link !== undefined) this.#last = interfaceCounts(link)
    return this.#last
  }

  #tapCounts(): TapCounts {
    const { frames: read, bytes, ...rest } = this.#ring.counts
    const filtered = this.#ring.filtered
    return {
      ...rest,
      frames: this.#frames + filtered.frames,
      drops: this.#drops,
      filtered: filtered.frames,
      read,
      bytes: bytes + filtered.bytes,
    }
  }
}
