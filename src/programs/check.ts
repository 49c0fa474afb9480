/** `weir check`: health and conservation of a server or of a data directory. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { checkStoreOfServer, healthOfServer, ledgerOfServer } from '../api/client.ts'
import type { LedgerAnswer, StoreCheckAnswer } from '../api/contract.ts'
import { createLog } from '../base/log.ts'
import { describeError, WeirError } from '../base/errors.ts'
import type { SpoolStats } from '../delivery/delivery.ts'
import { difference, printLedger } from '../ledger/ledger.ts'
import { printStore } from './check-store.ts'
import { spoolFolder, withData } from './data-directory.ts'
import { exitStatus } from './exit-status.ts'
import { startFileProgress } from './progress.ts'
import { writeStandardOutput } from './standard-output.ts'

export interface CheckOptions {
  readonly data?: string
  readonly server: string
  readonly json?: boolean
}

interface Found extends LedgerAnswer {
  /** A sentence each. */
  readonly problems: readonly string[]
  /** Undefined when the log store could not be opened. */
  readonly store: StoreCheckAnswer | undefined
  /** What waits on disk; known of a data directory. */
  readonly spool?: Pick<SpoolStats, 'entries' | 'oldest'>
}

/** @returns the exit status */
export async function check({ data, server, json }: CheckOptions): Promise<number> {
  const found =
    data === undefined
      ? await checkServer(server)
      : await withData(data, checkServer, () => checkData(data))
  const { ledgers, losses, store } = found
  const printed = printLedger(ledgers, losses)
  const stored = store === undefined ? { text: '', problems: [] } : await printStore(store)
  const problems = [...found.problems, ...printed.problems, ...stored.problems]
  if (json === true) {
    const accounts = ledgers.map((ledger) => ({ ...ledger, difference: difference(ledger) }))
    const report = { problems, store, spool: found.spool, ledgers: accounts, losses }
    writeStandardOutput(`${JSON.stringify(report, undefined, 2)}\n`)
  } else {
    const result = problems.length === 0 ? 'All is well.' : `Not well:\n  ${problems.join('\n  ')}`
    writeStandardOutput(`${printed.text}${stored.text}${waitingText(found)}\n${result}\n`)
  }
  return problems.length === 0 ? exitStatus.ok : exitStatus.failed
}

async function checkServer(server: string): Promise<Found> {
  const store = await checkStoreOfServer(server)
  const { problems } = await healthOfServer(server)
  return { problems, store, ...(await ledgerOfServer(server)) }
}

function waitingText({ spool }: Found): string {
  if (spool?.oldest === undefined) return ''
  const since = new Date(spool.oldest * 1000).toISOString()
  return `\nClosed windows that wait in the spool: ${spool.entries}, the oldest since ${since}\n`
}

async function checkData(dataDir: string): Promise<Found> {
  const { openState } = await import('./state.ts')
  const { problems, store } = await checkStoreIn(dataDir)
  const spool = await checkSpool(join(dataDir, spoolFolder))
  if (spool.damages > 0) problems.push(`damaged places of the spool: ${spool.damages}`)
  const state = openState(dataDir)
  try {
    const { ledger } = state
    return { problems, store, spool, ledgers: ledger.ledgers(), losses: ledger.losses() }
  } finally {
    state.close()
  }
}

/** A store that does not open for what its log has lost is a problem among others. */
async function checkStoreIn(
  dataDir: string,
): Promise<{ problems: string[]; store: StoreCheckAnswer | undefined }> {
  const { openLogStore } = await import('../logstore/logstore.ts')
  const { checkStore } = await import('../api/store-check-route.ts')
  const progress = startFileProgress('Reading the log store')
  try {
    const store = await openLogStore(dataDir, {}, { log: createLog() })
    try {
      const checked = await checkStore(store, progress.tick)
      const others = store.stats().damages - checked.damages.length
      const problems = others > 0 ? [`damaged places of the log, at its opening: ${others}`] : []
      return { problems, store: checked }
    } finally {
      await store.close()
    }
  } catch (error) {
    if (!(error instanceof WeirError && error.code === 'StorageBroken')) throw error
    return { problems: [describeError(error)], store: undefined }
  } finally {
    await progress.stop()
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
