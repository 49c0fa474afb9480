/** Batches of flow log records that are folded while their server is killed. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { TrafficAnalyzers } from '../src/analysis/analysis.ts'
import type { Column, ColumnBatch } from '../src/base/columns.ts'
import { type LogStore, openLogStore } from '../src/logstore/logstore.ts'

/** Every flush makes files, and they are merged at once. */
const config = { flushIntervalMs: 20, maintainIntervalMs: 50, mergeFiles: 4, hourSettleSeconds: 0 }
/** 2026-11-20T00:00:00Z. */
export const firstSecond = 1_795_132_800
const rows = 50

export async function openAnalyzer(folder: string): Promise<{
  readonly store: LogStore
  readonly analyzers: TrafficAnalyzers
  close(): Promise<void>
}> {
  const store = await openLogStore(join(folder, 'data'), config)
  const db = new DatabaseSync(join(folder, 'state.db'))
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  const now = (): number => Date.now() / 1000
  const parts = { store, db, region: 'cn-hangzhou', attached: () => [], now }
  const analyzers = new TrafficAnalyzers(parts)
  await analyzers.resume()
  const close = async (): Promise<void> => {
    await store.close()
    db.close()
  }
  return { store, analyzers, close }
}

/** What row `row` of batch `number` has; batches go forth and back in time. */
export const bytesOf = (number: number, row: number): number => number * 1000 + row
export const portOf = (number: number, row: number): number => 1000 + ((number + row) % 7)

export function batchNumber(number: number): ColumnBatch {
  const integer = (valueOf: (row: number) => number): Column => ({
    kind: 'integer',
    values: Float64Array.from({ length: rows }, (_, row) => valueOf(row)),
  })
  const text = (value: string): Column => ({
    kind: 'text',
    codes: new Uint32Array(rows).fill(1),
    dictionary: [value],
  })
  const columns = new Map<string, Column>([
    ['__time__', integer((row) => firstSecond + ((number * 977) % 5) * 3600 + row)],
    ['direction', text('in')],
    ['action', text('ACCEPT')],
    ['srcaddr', text('8.8.8.8')],
    ['dstaddr', text('10.0.0.1')],
    ['protocol', integer(() => 6)],
    ['srcport', integer(() => 443)],
    ['dstport', integer((row) => portOf(number, row))],
    ['packets', integer(() => 1)],
    ['bytes', integer((row) => bytesOf(number, row))],
  ])
  return { rows, columns }
}
