/**
 * What the sequence numbers of one exporter say was lost. They count modulo 2^32: datagrams (NetFlow v9, sFlow), flows
 * (v5) or data records (IPFIX) sent before this one. A gap is a loss, unless what fills it comes within two seconds:
 * UDP may change the order. A step back is such a late datagram, one that came twice, or a restart.
 */

/** What a datagram is. */
export const arrival = { expected: 0, late: 1, repeated: 2, restarted: 3 } as const
export type Arrival = (typeof arrival)[keyof typeof arrival]

/** How long a gap may still be filled. */
export const reorderMilliseconds = 2000
/** Gaps kept open; beyond that the oldest is a loss. */
const gapsMax = 64
/** Datagrams whose likeness is remembered, to know one that comes twice. */
const rememberedDatagrams = 64
/** A start-up time that moves on by more was another start: clocks are set, and v9 tells whole seconds. */
const bootStepMilliseconds = 3000
/** So many steps back in a row that no gap explains: it counts anew. */
const unexplainedMax = 8

export interface Loss {
  /** Units of the sequence. */
  units: number
  /** Times the exporter started anew: what it held is lost, nobody knows how much. */
  restarts: number
  /** Unix seconds at which the last datagram before the loss came, and the first after it. */
  since: number
  until: number
}

interface Gap {
  readonly from: number
  readonly units: number
  readonly since: number
  readonly foundAt: number
}

export interface Datagram {
  readonly sequence: number
  /** Tells datagrams apart, see `fingerprintOf`. */
  readonly fingerprint: number
  /** Unix milliseconds at which it was sent, as it says; NaN if it does not. */
  readonly exportedAt: number
  /** Unix milliseconds at which its sender started; NaN if nobody can know. */
  readonly bootedAt: number
  /** Unix milliseconds at which it came. */
  readonly receivedAt: number
}

export class SequenceTracker {
  #expected = -1
  #bootedAt = Number.NaN
  #newestExport = Number.NEGATIVE_INFINITY
  #lastSecond = 0
  readonly #recent = new Int32Array(rememberedDatagrams)
  #recentAt = 0
  #gaps: Gap[] = []
  #lost: Loss | undefined
  /** Records that came before their template: a gap behind them may be theirs. */
  #uncertain = false
  #unaccounted = 0
  #held = 0
  #unexplained = 0
  /** Datagrams that came out of order, and those that came twice. */
  reordered = 0
  repeated = 0

  /** Must be followed by `cover`, unless it is a repetition. */
  arrive(its: Datagram): Arrival {
    const second = Math.floor(its.receivedAt / 1000)
    const step = this.#expected < 0 ? 0 : (its.sequence - this.#expected) | 0
    let verdict: Arrival = arrival.expected
    if (step !== 0) {
      if (its.bootedAt - this.#bootedAt > bootStepMilliseconds) verdict = arrival.restarted
      else if (step < 0) verdict = this.#stepBack(its)
      else this.#gap(step, its.receivedAt)
    }
    if (verdict === arrival.repeated) {
      this.repeated++
      return verdict
    }
    if (verdict === arrival.restarted) this.#restart(second)
    this.#recent[this.#recentAt++ % rememberedDatagrams] = its.fingerprint
    if (verdict === arrival.late) {
      this.reordered++
      return verdict
    }
    this.#unexplained = 0
    if (!Number.isNaN(its.bootedAt)) this.#bootedAt = its.bootedAt
    if (its.exportedAt > this.#newestExport) this.#newestExport = its.exportedAt
    this.#lastSecond = second
    return verdict
  }

  #stepBack(its: Datagram): Arrival {
    if (this.#recent.includes(its.fingerprint)) return arrival.repeated
    if (this.#gapOf(its.sequence) >= 0) return arrival.late
    const knowsBoot = !Number.isNaN(its.bootedAt)
    if (!knowsBoot && its.exportedAt >= this.#newestExport) return arrival.restarted
    return ++this.#unexplained >= unexplainedMax ? arrival.restarted : arrival.late
  }

  #gap(units: number, foundAt: number): void {
    if (this.#uncertain) {
      this.#uncertain = false
      this.#unaccounted += units
      if (this.#held === 0) this.#settleUnaccounted()
      return
    }
    this.#gaps.push({ from: this.#expected, units, since: this.#lastSecond, foundAt })
    if (this.#gaps.length > gapsMax) this.#lose(this.#gaps.shift()!)
  }

  #restart(second: number): void {
    for (const gap of this.#gaps) this.#lose(gap)
    this.#gaps = []
    this.#uncertain = false
    this.#newestExport = Number.NEGATIVE_INFINITY
    this.#add(0, this.#lastSecond, second).restarts++
  }

  /**
   * The datagram that came last was `count` units long.
   * @param held sets of it that wait for their template, so that `count` is not the whole
   */
  cover(sequence: number, count: number, verdict: Arrival, held = 0): void {
    this.#held += held
    if (verdict === arrival.late) {
      this.#fill(sequence, count)
      return
    }
    this.#uncertain = held > 0
    this.#expected = (sequence + count) >>> 0
  }

  /** A set that waited was read, and had `count` units; or it was given up, and had none. */
  release(count: number): void {
    this.#unaccounted -= count
    this.#held--
    if (this.#held === 0) this.#settleUnaccounted()
  }

  #settleUnaccounted(): void {
    if (this.#unaccounted > 0) this.#add(this.#unaccounted, this.#lastSecond, this.#lastSecond)
    this.#unaccounted = 0
  }

  #gapOf(sequence: number): number {
    return this.#gaps.findIndex(({ from, units }) => (sequence - from) >>> 0 < units)
  }

  #fill(sequence: number, count: number): void {
    const index = this.#gapOf(sequence)
    if (index < 0 || count === 0) return
    const gap = this.#gaps[index]!
    const before = (sequence - gap.from) >>> 0
    const after = gap.units - before - count
    const rest: Gap[] = []
    if (before > 0) rest.push({ ...gap, units: before })
    if (after > 0) rest.push({ ...gap, from: (sequence + count) >>> 0, units: after })
    this.#gaps.splice(index, 1, ...rest)
  }

  #lose(gap: Gap): void {
    this.#add(gap.units, gap.since, Math.floor(gap.foundAt / 1000))
  }

  #add(units: number, since: number, until: number): Loss {
    this.#lost ??= { units: 0, restarts: 0, since, until }
    this.#lost.units += units
    this.#lost.since = Math.min(this.#lost.since, since)
    this.#lost.until = Math.max(this.#lost.until, until)
    return this.#lost
  }

  /**
   * What is lost for certain since the last call.
   * @param now Unix milliseconds; infinite to wait for nothing more
   */
  takeLost(now: number): Loss | undefined {
    while (this.#gaps.length > 0 && now - this.#gaps[0]!.foundAt >= reorderMilliseconds)
      this.#lose(this.#gaps.shift()!)
    if (now === Number.POSITIVE_INFINITY) this.#settleUnaccounted()
    const lost = this.#lost
    this.#lost = undefined
    return lost
  }
}

/** A number that another datagram hardly has: 32 of its words, and its length. */
export function fingerprintOf(view: DataView, at: number, end: number): number {
  const length = end - at
  let hash = length
  const step = Math.max(4, Math.floor(length / 32))
  for (let here = at; here + 4 <= end; here += step)
    hash = Math.imul(hash ^ view.getInt32(here), 0x01000193) ^ (hash >>> 15)
  return hash
}
