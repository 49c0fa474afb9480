/** What an agent tells of its taps, as its server's ledger book takes it. */
import type { Ledger, Loss } from '../ledger/ledger.ts'
import type { TapNote } from './tap-note.ts'

export interface TapReport {
  readonly ledger: Ledger
  /** Of this ledger's opening. */
  readonly losses: readonly Loss[]
}

/** The accounts of a tap's openings, the newest last. */
export function reportsOf({ ledger, earlier, losses }: TapNote): TapReport[] {
  return [...earlier, ledger].map((each) => ({
    ledger: each,
    losses: losses
      .filter(({ opening }) => opening === each.opening)
      .map(({ opening: _, ...loss }) => loss),
  }))
}
