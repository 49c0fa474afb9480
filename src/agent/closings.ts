/**
 * What a capture thread hands over, until the spool has answered. What the spool refuses is lost, and each window
 * of it gets a SKIPDATA record as soon as there is room again: "Spool full: new windows are refused and become
 * SKIPDATA; closed ones are never deleted."
 */
import type { EncodedParcel } from '../delivery/delivery.ts'
import type { CaptureWindow, Totals } from '../window/window.ts'

/** A window whose NODATA or SKIPDATA record is still to be made. */
export interface UntoldWindow extends CaptureWindow {
  readonly lost: boolean
}

/** A window and what was in its records. */
export interface WindowRecords {
  readonly window: CaptureWindow
  readonly totals: Totals
}

/** A spool that was full is tried again for the status records of what it refused. */
const againSeconds = 10

interface Content {
  readonly parcels: EncodedParcel[]
  readonly records: Map<number, WindowRecords>
  readonly told: Map<number, UntoldWindow>
}

export class Closings {
  #content: Content = empty()
  readonly #handed = new Map<number, Content>()
  #untold: Map<number, UntoldWindow>
  #againAt = 0
  /** Handings over, and those of them that were refused. */
  count = 0
  refusals = 0

  /** @param untold what a thread before this one could not tell any more */
  constructor(untold: readonly UntoldWindow[] = []) {
    this.#untold = new Map(untold.map((each) => [each.start, each]))
  }

  /** Windows whose status was refused, and is not told anew yet. */
  get untold(): readonly UntoldWindow[] {
    return [...this.#untold.values()].toSorted((a, b) => a.start - b.start)
  }

  add(parcels: readonly EncodedParcel[]): void {
    this.#content.parcels.push(...parcels)
  }

  /** A window has closed, with these records. */
  addRecords(window: CaptureWindow, totals: Totals): void {
    const known = this.#content.records.get(window.start)?.totals ?? noTotals
    this.#content.records.set(window.start, {
      window: { start: window.start, seconds: window.seconds },
      totals: {
        frames: known.frames + totals.frames,
        packets: known.packets + totals.packets,
        bytes: known.bytes + totals.bytes,
      },
    })
  }

  /** The status record of a window has been made. */
  addStatus({ start, seconds }: CaptureWindow, lost: boolean): void {
    this.#content.told.set(start, { start, seconds, lost })
  }

  /** Something was lost of a window that was told of: it is told of anew. */
  tellAgain({ start, seconds }: CaptureWindow): void {
    this.#addUntold(start, { start, seconds, lost: true })
  }

  /** Windows of which to tell now: make their records, and say so with `addStatus`. */
  takeUntold(now: number): readonly UntoldWindow[] {
    if (now < this.#againAt) return []
    const due = this.untold
    this.#untold.clear()
    return due
  }

  /** What was added since the last time, with its number; undefined when there is nothing. */
  handOver(): { readonly closing: number; readonly parcels: readonly EncodedParcel[] } | undefined {
    const content = this.#content
    if (content.parcels.length + content.records.size + content.told.size === 0) return undefined
    this.#content = empty()
    const closing = ++this.count
    this.#handed.set(closing, content)
    return { closing, parcels: content.parcels }
  }

  /** The spool has taken what was handed over, or not. @returns the records that are lost */
  answer(closing: number, kept: boolean, now: number): readonly WindowRecords[] {
    const content = this.#handed.get(closing)
    this.#handed.delete(closing)
    if (kept || content === undefined) return []
    this.refusals++
    this.#againAt = now + againSeconds
    for (const [start, each] of content.told) this.#addUntold(start, each)
    for (const [start, { window }] of content.records)
      this.#addUntold(start, { ...window, lost: true })
    return [...content.records.values()]
  }

  /** Whether everything handed over has been answered. */
  get answered(): boolean {
    return this.#handed.size === 0
  }

  #addUntold(start: number, window: UntoldWindow): void {
    const lost = window.lost || this.#untold.get(start)?.lost === true
    this.#untold.set(start, { ...window, lost })
  }
}

const noTotals: Totals = Object.freeze({ frames: 0, packets: 0, bytes: 0 })
const empty = (): Content => ({ parcels: [], records: new Map(), told: new Map() })
