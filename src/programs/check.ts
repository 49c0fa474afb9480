/** `weir check`: health and conservation of a server or of a data directory. */
import { healthOfServer, ledgerOfServer } from '../api/client.ts'
import type { LedgerAnswer } from '../api/contract.ts'
import { createLog } from '../base/log.ts'
import { describeError, WeirError } from '../base/errors.ts'
import { difference, printLedger } from '../ledger/ledger.ts'
import { withData } from './data-directory.ts'
import { exitStatus } from './exit-status.ts'
import { writeStandardOutput } from './standard-output.ts'

export interface CheckOptions {
  readonly data?: string
  readonly server: string
  readonly json?: boolean
}

interface Found extends LedgerAnswer {
  /** A sentence each. */
  readonly problems: readonly string[]
}

/** @returns the exit status */
export async function check({ data, server, json }: CheckOptions): Promise<number> {
  const found =
    data === undefined
      ? await checkServer(server)
      : await withData(data, checkServer, () => checkData(data))
  const { ledgers, losses } = found
  const printed = printLedger(ledgers, losses)
  const problems = [...found.problems, ...printed.problems]
  if (json === true) {
    const accounts = ledgers.map((ledger) => ({ ...ledger, difference: difference(ledger) }))
    const report = { problems, ledgers: accounts, losses }
    writeStandardOutput(`${JSON.stringify(report, undefined, 2)}\n`)
  } else {
    const result = problems.length === 0 ? 'All is well.' : `Not well:\n  ${problems.join('\n  ')}`
    writeStandardOutput(`${printed.text}\n${result}\n`)
  }
  return problems.length === 0 ? exitStatus.ok : exitStatus.failed
}

async function checkServer(server: string): Promise<Found> {
  const { problems } = await healthOfServer(server)
  return { problems, ...(await ledgerOfServer(server)) }
}

/** A log store that opens has read its log, and has the segments that its catalogue names. */
async function checkData(dataDir: string): Promise<Found> {
  const { openLogStore } = await import('../logstore/logstore.ts')
  const { openState } = await import('./state.ts')
  const problems: string[] = []
  try {
    await (await openLogStore(dataDir, {}, { log: createLog() })).close()
  } catch (error) {
    if (!(error instanceof WeirError && error.code === 'StorageBroken')) throw error
    problems.push(describeError(error))
  }
  const state = openState(dataDir)
  try {
    return { problems, ledgers: state.ledger.ledgers(), losses: state.ledger.losses() }
  } finally {
    state.close()
  }
}
