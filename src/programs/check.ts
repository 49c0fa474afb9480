/** `weir check`: health and conservation of a server or of a data directory. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { healthOfServer, ledgerOfServer } from '../api/client.ts'
import type { LedgerAnswer } from '../api/contract.ts'
import { createLog } from '../base/log.ts'
import { describeError, WeirError } from '../base/errors.ts'
import type { SpoolStats } from '../delivery/delivery.ts'
import { difference, printLedger } from '../ledger/ledger.ts'
import { spoolFolder, withData } from './data-directory.ts'
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
  /** What waits on disk; known of a data directory. */
  readonly spool?: Pick<SpoolStats, 'entries' | 'oldest'>
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
    const report = { problems, spool: found.spool, ledgers: accounts, losses }
    writeStandardOutput(`${JSON.stringify(report, undefined, 2)}\n`)
  } else {
    const result = problems.length === 0 ? 'All is well.' : `Not well:\n  ${problems.join('\n  ')}`
    writeStandardOutput(`${printed.text}${waitingText(found)}\n${result}\n`)
  }
  return problems.length === 0 ? exitStatus.ok : exitStatus.failed
}

async function checkServer(server: string): Promise<Found> {
  const { problems } = await healthOfServer(server)
  return { problems, ...(await ledgerOfServer(server)) }
}

function waitingText({ spool }: Found): string {
  if (spool?.oldest === undefined) return ''
  const since = new Date(spool.oldest * 1000).toISOString()
  return `\nClosed windows that wait in the spool: ${spool.entries}, the oldest since ${since}\n`
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
  const spool = await checkSpool(join(dataDir, spoolFolder))
  if (spool.damages > 0) problems.push(`damaged places of the spool: ${spool.damages}`)
  const state = openState(dataDir)
  try {
    const { ledger } = state
    return { problems, spool, ledgers: ledger.ledgers(), losses: ledger.losses() }
  } finally {
    state.close()
  }
}

async function checkSpool(
  dir: string,
): Promise<Pick<SpoolStats, 'entries' | 'oldest' | 'damages'>> {
  if (!existsSync(dir)) return { entries: 0, oldest: undefined, damages: 0 }
  const { openSpool } = await import('../delivery/delivery.ts')
  const spool = await openSpool(dir, { bytesMax: 0 }, { log: createLog() }) // nothing is put
  const { entries, oldest, damages } = spool.stats()
  await spool.close()
  return { entries, oldest, damages }
}
