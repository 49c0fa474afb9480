/**
 * Which windows of an ENI get a NODATA or a SKIPDATA record. "NODATA: The network interface sent or received no
 * traffic during the capture window", "SKIPDATA: Some flow log records were skipped during the capture window".
 * Of a window that capture did not see whole nobody can say that it was silent, only that something was lost.
 */
import type { CaptureWindow } from '../window/window.ts'

interface Span {
  from: number
  to: number
}

export interface StatusDue {
  readonly window: CaptureWindow
  readonly lost: boolean
}

export class WindowStatus {
  readonly #windowOf: (second: number) => CaptureWindow
  #next: number
  /** Capture sees everything from here on: before it nobody can say that a window was silent. */
  begun: number
  #lost: Span[] = []

  /**
   * @param first a second of the first window that may be told of
   * @param begun from this second on capture sees everything
   */
  constructor(windowOf: (second: number) => CaptureWindow, first: number, begun: number) {
    this.#windowOf = windowOf
    this.#next = windowOf(first).start
    this.begun = begun
  }

  /** Something was lost at some moment from `from` to `to`, both seconds included. */
  lose(from: number, to: number): void {
    const last = this.#lost.at(-1)
    if (last !== undefined && from <= last.to + 1 && from >= last.from)
      last.to = Math.max(last.to, to)
    else this.#lost.push({ from, to })
  }

  /** The start of the first window that was not told of yet. */
  get next(): number {
    return this.#next
  }

  isLossy({ start, seconds }: CaptureWindow): boolean {
    return this.#lost.some(({ from, to }) => from < start + seconds && to >= start)
  }

  /** The windows that begin before `bound`, each once; those of which nothing can be said are left out. */
  due(bound: number, stoppedAt = Number.POSITIVE_INFINITY): StatusDue[] {
    const due: StatusDue[] = []
    while (this.#next < bound) {
      const window = this.#windowOf(this.#next)
      const end = window.start + window.seconds
      const lost = this.isLossy(window)
      if (lost || (window.start >= this.begun && end <= stoppedAt)) due.push({ window, lost })
      this.#next = end
    }
    this.#lost = this.#lost.filter(({ to }) => to >= this.#next)
    return due
  }
}
