/** What exported flows lost, each run of seconds once: an exporter that samples says so with every datagram. */
import type { LossReason } from '../ledger/ledger.ts'
import { LossList } from './loss-list.ts'
import type { TapLoss } from './tap-note.ts'

/** Of two losses that are one: seconds between them at most. */
const joinedSeconds = 60

interface Span {
  readonly from: number
  to: number
  readonly factor: number | undefined
  frames: number | undefined
}

interface Account {
  readonly eni: string
  readonly opening: string
}

export class ExportLosses {
  readonly #list: LossList
  /** The newest of each account and reason. */
  readonly #spans = new Map<string, Span>()

  constructor(known: readonly TapLoss[] = []) {
    this.#list = new LossList(known)
  }

  get all(): readonly TapLoss[] {
    return this.#list.all
  }

  /** From `from` to before `to`. */
  add(
    { eni, opening }: Account,
    reason: LossReason,
    span: { readonly from: number; readonly to: number; readonly factor?: number },
    frames?: number,
  ): void {
    const key = `${reason} ${opening}`
    let { from } = span
    let last = this.#spans.get(key)
    if (last !== undefined && from < last.from) from = last.from
    if (last === undefined || last.factor !== span.factor || from > last.to + joinedSeconds) {
      last = { from, to: span.to, factor: span.factor, frames: undefined }
      this.#spans.set(key, last)
    }
    last.to = Math.max(last.to, span.to)
    if (frames !== undefined) last.frames = (last.frames ?? 0) + frames
    this.#list.add({
      eni,
      opening,
      reason,
      from: last.from,
      to: last.to,
      ...(last.frames === undefined ? {} : { frames: last.frames }),
      ...(last.factor === undefined ? {} : { factor: last.factor }),
    })
  }
}
