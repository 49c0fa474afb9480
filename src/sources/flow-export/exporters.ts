/**
 * Who exports: by address, and below it by protocol and source id, observation domain, engine or sub-agent. All that is
 * remembered of an exporter is bounded; the one that has been silent longest makes room.
 */
import { type Loss, SequenceTracker } from './sequence.ts'
import { Sampling } from './sampling.ts'
import { Templates } from './templates.ts'

/** Exporters in all: any host may send to a UDP port. */
export const exportersMax = 1024
/** Source ids or domains of one exporter: a line card each. */
const domainsMax = 256
/** Ports that one domain sends from, or samplers of one sFlow agent. */
const trackersMax = 1024
/** Template fields in all: 32 MiB at most. */
const templateFieldsInAllMax = 1 << 20

/** What was lost of an exporter, or how much it samples. */
export interface ExportLoss {
  readonly exporter: string
  /** Unix seconds, both inclusive: windows that it may be missing from. */
  readonly since: number
  readonly until: number
  /** Flows or data records that never came, or could not be read. 0 where datagrams are counted (v9, sFlow). */
  readonly records: number
  readonly datagrams: number
  /** sFlow: packets sampled and not told of. */
  readonly samples: number
  /** The exporter started anew; nobody knows what it held. */
  readonly restarts: number
  /**
   * 1: every packet was metered. More: one in so many, rows are multiplied by it. 0: records name a sampler whose
   * rate is not known, rows are not multiplied.
   */
  readonly samplingFactor: number
}

export type LossUnit = 'records' | 'datagrams' | 'samples'

/** A data set that came before its template. */
export interface HeldSet {
  readonly id: number
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly exportedAt: number
  readonly uptime: number
  readonly receivedAt: number
  readonly tracker: SequenceTracker
}

/** One source id, observation domain, engine or sub-agent. */
export class Domain {
  readonly templates = new Templates()
  readonly sampling = new Sampling()
  readonly held: HeldSet[] = []
  heldBytes = 0
  /** Unix milliseconds at which it came up, as its options say; or the earliest that its records allow. */
  bootedAt = Number.NaN
  bootTold = false
  readonly #trackers = new Map<number, SequenceTracker>()
  readonly #samplers = new Map<number, SequenceTracker>()
  /** sFlow: the `drops` counter of each data source. */
  readonly drops = new Map<number, number>()

  /** Sequence numbers belong to the process that sends: a host may run several, told apart by port. */
  tracker(port: number): SequenceTracker {
    return trackerIn(this.#trackers, port)
  }

  /** sFlow: each data source counts its samples. */
  sampler(source: number): SequenceTracker {
    return trackerIn(this.#samplers, source)
  }

  /** The agent counts its samples anew. */
  forgetSamplers(): void {
    this.#samplers.clear()
    this.drops.clear()
  }

  takeLost(now: number): { main: Loss[]; samples: Loss[] } {
    return { main: lostOf(this.#trackers, now), samples: lostOf(this.#samplers, now) }
  }
}

function trackerIn(trackers: Map<number, SequenceTracker>, key: number): SequenceTracker {
  let found = trackers.get(key)
  if (found === undefined) {
    if (trackers.size >= trackersMax) trackers.delete(trackers.keys().next().value!)
    trackers.set(key, (found = new SequenceTracker()))
  }
  return found
}

const lostOf = (trackers: ReadonlyMap<number, SequenceTracker>, now: number): Loss[] =>
  [...trackers.values()].flatMap((each) => each.takeLost(now) ?? [])

interface NumberedDomain {
  readonly domain: Domain
  readonly unit: LossUnit
}

export class Exporter {
  readonly address: string
  readonly #domains = new Map<number, NumberedDomain>()
  /** What came and could not be read, and what an agent says it dropped: losses besides those of sequences. */
  #unread = { records: 0, samples: 0, since: Number.POSITIVE_INFINITY, until: 0 }
  /** Seconds from the first packet of a flow to its export, at most: losses reach so far back. */
  longestSeconds = 0
  lastSecond = 0
  /** The factor of what was sampled since losses were taken; -1: nothing came. */
  sampledFactor = -1
  sampledSince = Number.POSITIVE_INFINITY
  sampledUntil = 0
  /** The factor of what it sampled last; 1 when it never did. */
  samplingFactor = 1

  constructor(address: string) {
    this.address = address
  }

  get domains(): Iterable<Domain> {
    return [...this.#domains.values()].map(({ domain }) => domain)
  }

  /** @param version of the protocol; sFlow is 0 */
  domain(version: number, id: number, unit: LossUnit): Domain {
    const key = version * 2 ** 32 + id
    let found = this.#domains.get(key)
    if (found === undefined) {
      if (this.#domains.size >= domainsMax) this.#domains.delete(this.#domains.keys().next().value!)
      this.#domains.set(key, (found = { domain: new Domain(), unit }))
    }
    return found.domain
  }

  noteSampled(factor: number, firstSecond: number): void {
    // A rate that nobody knows is worse than any that is known.
    const known = this.sampledFactor
    this.samplingFactor = factor
    this.sampledFactor = factor === 0 || known === 0 ? 0 : Math.max(known, factor)
    this.sampledSince = Math.min(this.sampledSince, firstSecond)
    this.sampledUntil = Math.max(this.sampledUntil, this.lastSecond)
  }

  /** Records that came and could not be counted; how many a broken message had is unknown: at least one. */
  noteUnread(what: 'records' | 'samples', count: number): void {
    const unread = this.#unread
    unread[what] += count
    unread.since = Math.min(unread.since, this.lastSecond)
    unread.until = Math.max(unread.until, this.lastSecond)
  }

  takeLosses(now: number): ExportLoss[] {
    const { records, samples } = this.#unread
    const lost = { records, datagrams: 0, samples }
    let restarts = 0
    let { since, until } = this.#unread
    const add = (losses: readonly Loss[], unit: LossUnit): void => {
      for (const each of losses) {
        lost[unit] += each.units
        restarts += each.restarts
        since = Math.min(since, each.since)
        until = Math.max(until, each.until)
      }
    }
    for (const { domain, unit } of this.#domains.values()) {
      const taken = domain.takeLost(now)
      add(taken.main, unit)
      add(taken.samples, 'samples')
    }
    const exporter = this.address
    const out: ExportLoss[] = []
    if (since !== Infinity)
      out.push({
        exporter,
        since: since - this.longestSeconds,
        until,
        ...lost,
        restarts,
        samplingFactor: 1,
      })
    if (this.sampledFactor >= 0)
      out.push({
        exporter,
        since: this.sampledSince,
        until: this.sampledUntil,
        records: 0,
        datagrams: 0,
        samples: 0,
        restarts: 0,
        samplingFactor: this.sampledFactor,
      })
    this.#unread = { records: 0, samples: 0, since: Number.POSITIVE_INFINITY, until: 0 }
    this.sampledFactor = -1
    this.sampledSince = Number.POSITIVE_INFINITY
    this.sampledUntil = 0
    return out
  }
}

export class Exporters {
  /** In the order in which they were last heard. */
  readonly #byAddress = new Map<string, Exporter>()
  #last: Exporter | undefined
  /** Exporters forgotten to make room. */
  evicted = 0
  readonly #evictedLosses: ExportLoss[] = []

  get(address: string): Exporter {
    if (this.#last?.address === address) return this.#last
    let found = this.#byAddress.get(address)
    if (found === undefined) {
      if (this.#byAddress.size >= exportersMax) this.#evict()
      found = new Exporter(address)
    } else this.#byAddress.delete(address)
    this.#byAddress.set(address, found)
    this.#last = found
    return found
  }

  get size(): number {
    return this.#byAddress.size
  }

  all(): IterableIterator<Exporter> {
    return this.#byAddress.values()
  }

  /** Template fields that there is room for; forgets idle exporters when there is little left. */
  templateFieldsLeft(keep: Exporter): number {
    for (;;) {
      let used = 0
      for (const exporter of this.#byAddress.values())
        for (const { templates } of exporter.domains) used += templates.fields
      const left = templateFieldsInAllMax - used
      const oldest = this.#byAddress.keys().next().value
      if (left > templateFieldsInAllMax / 8 || oldest === undefined || oldest === keep.address)
        return Math.max(0, left)
      this.#evict()
    }
  }

  #evict(): void {
    const oldest = this.#byAddress.values().next().value
    if (oldest === undefined) return
    this.#evictedLosses.push(...oldest.takeLosses(Number.POSITIVE_INFINITY))
    this.#evictedLosses.splice(0, this.#evictedLosses.length - exportersMax)
    this.#byAddress.delete(oldest.address)
    this.evicted++
  }

  /** @param now Unix milliseconds; infinite to wait for nothing that may still come */
  takeLosses(now: number): ExportLoss[] {
    const losses = this.#evictedLosses.splice(0)
    for (const exporter of this.#byAddress.values()) losses.push(...exporter.takeLosses(now))
    return losses
  }
}
