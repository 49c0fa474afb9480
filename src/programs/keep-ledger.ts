/** The accounts of this host's taps into the ledger book: now and then, and whenever the book is read. */
import type { CaptureAgent } from '../agent/agent.ts'
import type { LedgerReader } from '../api/things.ts'
import { unixSeconds } from '../base/time.ts'
import type { LedgerBook } from '../ledger/ledger.ts'

const everyMilliseconds = 10_000

/** How far back losses are told of one by one; the totals of ledgers are kept for ever. */
const keptSeconds = 300 * 86_400

function reportAll(book: LedgerBook, agent: CaptureAgent): void {
  for (const { ledger, losses } of agent.reports()) book.report(ledger, losses)
}

/** Stop it after the agent has ended: what the agent said last is then in the book. */
export function keepLedger(book: LedgerBook, agent: CaptureAgent): { stop(): void } {
  book.prune(unixSeconds(Date.now() / 1000 - keptSeconds))
  const timer = setInterval(() => reportAll(book, agent), everyMilliseconds)
  return {
    stop() {
      clearInterval(timer)
      reportAll(book, agent)
    },
  }
}

/** The book as it is this second. */
export const ledgerReader = (book: LedgerBook, agent: CaptureAgent): LedgerReader => ({
  ledgers(filter) {
    reportAll(book, agent)
    return book.ledgers(filter)
  },
  losses: (filter) => book.losses(filter),
})
