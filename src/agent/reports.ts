/** What an agent tells of its taps, as its server's ledger book takes it. */
import type { Ledger, Loss } from '../ledger/ledger.ts'
import type { ExportNote } from './export-messages.ts'
import type { TapLoss, TapNote } from './tap-note.ts'

export interface TapReport {
  readonly ledger: Ledger
  /** Of this ledger's opening. */
  readonly losses: readonly Loss[]
}

/** The accounts of a tap's openings, the newest last. */
export const reportsOf = ({ ledger, earlier, losses }: TapNote): TapReport[] =>
  reports([...earlier, ledger], losses)

/** The account of a port for exported flows, and those of the ENIs they are about. */
export const exportReportsOf = ({ port, accounts, losses }: ExportNote): TapReport[] =>
  reports([port, ...accounts.map(({ ledger }) => ledger)], losses)

function reports(ledgers: readonly Ledger[], losses: readonly TapLoss[]): TapReport[] {
  const byOpening = Map.groupBy(losses, ({ opening }) => opening)
  return ledgers.map((ledger) => ({
    ledger,
    losses: (byOpening.get(ledger.opening) ?? []).map(({ opening: _, ...loss }) => loss),
  }))
}
