/** How long capture windows are, and from when on: the length may change while packets come. */
import { assert } from '../base/assert.ts'
import { alignedStart, type UnixSeconds } from '../base/time.ts'

/** "You can set the interval to 1, 5, or 10 minutes." */
export const windowSecondsAllowed = [60, 300, 600] as const
export type WindowSeconds = (typeof windowSecondsAllowed)[number]
/** "10 minutes by default" */
export const windowSecondsDefault: WindowSeconds = 600

/** From a second on, windows are this long. */
export interface WindowSpan {
  readonly from: number
  readonly seconds: WindowSeconds
}

export interface CaptureWindow {
  readonly start: UnixSeconds
  readonly seconds: WindowSeconds
}

/** Windows tile time: aligned to the epoch, each of the length in force when it starts. */
export class WindowLengths {
  #spans: readonly WindowSpan[]

  constructor(seconds: WindowSeconds) {
    this.#spans = [{ from: Number.NEGATIVE_INFINITY, seconds }]
  }

  /**
   * @param spans in order; the first is in force since ever. Each further one begins at a multiple of its own
   *   length and of the one before, so that every window is whole.
   */
  change(spans: readonly WindowSpan[]): void {
    assert(spans.length > 0, 'windows have a length')
    for (const [i, { from, seconds }] of spans.entries())
      if (i > 0)
        assert(
          from % seconds === 0 && from % spans[i - 1]!.seconds === 0,
          `windows of ${seconds} s cannot begin at ${from}`,
        )
    this.#spans = spans
  }

  at(second: number): WindowSeconds {
    const spans = this.#spans
    let i = spans.length - 1
    while (i > 0 && spans[i]!.from > second) i--
    return spans[i]!.seconds
  }

  startOf(second: number): UnixSeconds {
    return alignedStart(second, this.at(second))
  }

  windowOf(second: number): CaptureWindow {
    const seconds = this.at(second)
    return { start: alignedStart(second, seconds), seconds }
  }
}
