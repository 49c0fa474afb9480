/** For tests: rows as real Parquet files in a folder of their own, and a reader over them. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { ColumnSpec } from '../src/base/columns.ts'
import { WeirError } from '../src/base/errors.ts'
import type { LogReader, SegmentFile } from '../src/logstore/logstore.ts'
import { reservedColumns } from '../src/logstore/logstore.ts'
import { flowRecordFields } from '../src/record/fields.ts'
import { quoteName } from '../src/query/quote.ts'

export type TestRow = Readonly<Record<string, string | number | null>>

export interface TestLogstore {
  readonly reader: LogReader
  readonly folder: string
  /** Leases that were not released. */
  readonly open: () => number
  remove(): Promise<void>
}

/** Project `weir`, logstore `flow-log`: `segments` become a file each. */
export async function testLogstore(
  segments: readonly (readonly TestRow[])[],
  own: readonly ColumnSpec[] = flowRecordFields,
): Promise<TestLogstore> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-query-test-'))
  const columns = [...own, ...reservedColumns]
  const files: SegmentFile[] = []
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const types = columns.map(
    ({ name, kind }) => `${quoteName(name)} ${kind === 'integer' ? 'BIGINT' : 'VARCHAR'}`,
  )
  for (const [index, rows] of segments.entries()) {
    await connection.run(`CREATE OR REPLACE TABLE segment (${types.join(', ')})`)
    const appender = await connection.createAppender('segment')
    for (const row of rows) {
      for (const { name, kind } of columns) {
        const value = row[name] ?? null
        if (value === null) appender.appendNull()
        else if (kind === 'integer') appender.appendBigInt(BigInt(value))
        else appender.appendVarchar(String(value))
      }
      appender.endRow()
    }
    appender.closeSync()
    const path = join(folder, `segment-${index}.parquet`)
    await connection.run(`COPY segment TO '${path}' (FORMAT parquet)`)
    const times = rows.map((row) => Number(row['__time__']))
    const [timeMin, timeMax] = [Math.min(...times), Math.max(...times)]
    files.push({ path, rows: rows.length, timeMin, timeMax, lacks: [], sameAsTime: [] })
  }
  connection.closeSync()
  instance.closeSync()
  let open = 0
  const check = (project: string, logstore: string): void => {
    if (project !== 'weir') throw new WeirError('ProjectNotExist', `there is no project ${project}`)
    if (logstore !== 'flow-log')
      throw new WeirError('LogStoreNotExist', `there is no logstore ${logstore}`)
  }
  const reader: LogReader = {
    columns: (project, logstore) => {
      check(project, logstore)
      return own
    },
    rollups: (project, logstore) => {
      check(project, logstore)
      return []
    },
    acknowledged: () => 0,
    lease: async (project, logstore, from, to) => {
      check(project, logstore)
      open++
      return {
        files: files.filter((file) => file.timeMin < to && file.timeMax >= from),
        missing: [],
        release: () => void open--,
      }
    },
  }
  return {
    reader,
    folder,
    open: () => open,
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

/** A record with every field, to be overwritten in part. */
export const testRecord = {
  version: 1,
  'account-id': '1210123456789012',
  'eni-id': 'eni-web1',
  'vm-id': 'i-web1',
  'vswitch-id': 'vsw-web',
  'vpc-id': 'vpc-shop',
  type: 'IPv4',
  protocol: 6,
  srcaddr: '10.0.0.1',
  srcport: 40000,
  dstaddr: '10.0.0.2',
  dstport: 80,
  direction: 'in',
  action: 'ACCEPT',
  packets: 10,
  bytes: 1000,
  start: 1_700_000_000,
  end: 1_700_000_040,
  'tcp-flags': 27,
  'log-status': 'OK',
  traffic_path: 2,
  __time__: 1_700_000_000,
  __receive_time__: 1_700_000_061,
  __topic__: 'flow_log',
  __source__: 'agent-1',
} as const satisfies TestRow
