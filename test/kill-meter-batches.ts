/** Batches that are counted while their server is killed, and the counter. */
import { DatabaseSync } from 'node:sqlite'
import { Meter, type MeteredBatch, type MeteredPart } from '../src/billing/meter.ts'
import { prepareBillingTables } from '../src/billing/tables.ts'
import { UsageBook } from '../src/billing/usage.ts'
import type { ColumnBatch } from '../src/base/columns.ts'
import type { LogStore } from '../src/logstore/logstore.ts'

export const project = 'kill-meter'
export const logstore = 'records'

/** A batch of one row, whose size on a bill, made up of two owners' parts, tells which it is. */
export function meteredBatch(
  run: string,
  number: number,
): { batch: ColumnBatch; parts: MeteredPart[]; target: MeteredBatch } {
  return {
    batch: {
      rows: 1,
      columns: new Map([
        ['__time__', { kind: 'integer', values: Float64Array.of(1_700_000_000) }],
        ['number', { kind: 'integer', values: Float64Array.of(number) }],
      ]),
    },
    parts: [
      { account: '1', region: 'cn-hangzhou', bytes: 1000 + number },
      { account: '2', region: 'cn-hangzhou', bytes: 1 },
    ],
    target: { project, logstore, id: { flowLog: 'fl-kill', run, number } },
  }
}

export function openMeter(path: string, store: LogStore) {
  const db = new DatabaseSync(path)
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  prepareBillingTables(db)
  const usage = new UsageBook(db)
  const meter = new Meter(db, usage, ({ project: p, logstore: l, id }) => store.isStored(p, l, id))
  return { db, usage, meter }
}
