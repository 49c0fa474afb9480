/** The losses of an ENI that are remembered for reports, the newest. Its ledger's totals are never cut. */
import { unixSeconds } from '../base/time.ts'
import type { LossReason } from '../ledger/ledger.ts'
import type { TapLoss } from './tap-note.ts'

const lossesMax = 1000

export interface FoundLoss {
  readonly eni: string
  readonly opening: string
  readonly reason: LossReason
  readonly from: number
  readonly to: number
  readonly frames?: number
  readonly packets?: number
  readonly bytes?: number
  readonly factor?: number
}

export class LossList {
  readonly #losses: TapLoss[]

  constructor(known: readonly TapLoss[] = []) {
    this.#losses = [...known]
  }

  get all(): readonly TapLoss[] {
    return this.#losses
  }

  /** Takes the place of what was said before of the same reason, opening and beginning. */
  add(loss: FoundLoss): void {
    const known = this.#losses.findIndex(
      ({ reason, from, opening }) =>
        reason === loss.reason && from === loss.from && opening === loss.opening,
    )
    if (known >= 0) this.#losses.splice(known, 1)
    this.#losses.push({ ...loss, from: unixSeconds(loss.from), to: unixSeconds(loss.to) })
    if (this.#losses.length > lossesMax) this.#losses.shift()
  }
}
