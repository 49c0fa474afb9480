/** The records in ClickHouse inside a process (chdb): over Weir's Parquet files, and in a MergeTree of its own. */
import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { flowRecordFields } from '../../src/record/fields.ts'
import type { Engine } from './store-ask.ts'
import type { ChdbAnswer, ChdbQuestion } from './store-chdb-child.ts'
import type { PeerOptions } from './store-peers.ts'

/** The release that docs/performance-store.md has figures of. Half a gigabyte, so it is no dependency. */
const release = 'chdb@3.4.0'
const childFile = fileURLToPath(new URL('./store-chdb-child.ts', import.meta.url))

export async function openChdb({
  kept,
  files,
  rows,
  say,
}: PeerOptions): Promise<readonly Engine[] | string> {
  const packages = join(kept, 'peers')
  const missing = install(packages, say)
  if (missing !== undefined) return missing
  const folder = join(kept, 'data/chdb')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const child = fork(childFile, [packages, folder])
  const ask = (sql: string) => askChild(child, sql)
  // Without rollups, which end with their names.
  const place = join(dirname(dirname(files[0]!)), '*/*{0..9}.parquet')
  const written = `file('${place}', Parquet)`
  const held = (await ask(`DESCRIBE ${written}`)).rows.map(([name]) => name)
  // Weir leaves out a column that is the time in each row.
  const parquet = held.includes('start')
    ? written
    : `(SELECT *, "__time__" AS start FROM ${written})`
  const version = String((await ask('SELECT version()')).rows[0]?.[0])
  await ask('CREATE DATABASE IF NOT EXISTS bench ENGINE = Atomic')
  const columns = flowRecordFields.map(({ name, kind }) => `"${name}" ${typeOf(name, kind)}`)
  await ask(
    `CREATE TABLE bench.merged ("__time__" UInt32, ${columns.join(', ')}) ENGINE = MergeTree ORDER BY ("eni-id", "__time__")`,
  )
  const names = ['__time__', ...flowRecordFields.map(({ name }) => name)].map((name) => `"${name}"`)
  const filled = await ask(`INSERT INTO bench.merged SELECT ${names.join(', ')} FROM ${parquet}`)
  const merged = await ask('OPTIMIZE TABLE bench.merged FINAL')
  const size = await ask(
    "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'merged'",
  )
  const rate = rows / (filled.cpuSeconds + merged.cpuSeconds) / 1000
  const remark = `${rate.toFixed(0)} k records/CPU s stored from Parquet in one statement and merged, ${(Number(size.rows[0]?.[0]) / rows).toFixed(1)} bytes a record`
  say(`chdb MergeTree: ${remark}`)
  const engineOf = (
    name: string,
    table: string,
    { settings = '', ...more }: { readonly settings?: string; readonly remark?: string },
    close: () => Promise<void> = async () => {},
  ): Engine => ({
    name,
    scale: 1,
    version: `${release}, ClickHouse ${version}`,
    ...more,
    close,
    ask: ({ sql }) => ask(`${sql.replaceAll(/\bFROM log\b/g, `FROM ${table}`)}${settings}`),
  })
  const end = async (): Promise<void> => {
    child.disconnect()
    await once(child, 'exit')
  }
  // It remembers which blocks of rows a condition found nothing in, so a question that is repeated reads less.
  const forgetting = {
    settings: ' SETTINGS use_query_condition_cache = 0',
    remark:
      'the same with use_query_condition_cache = 0, as a question is answered that was not asked before',
  }
  return [
    engineOf('chdb Parquet', parquet, {}),
    engineOf('chdb MergeTree, new question', 'bench.merged', forgetting),
    engineOf('chdb MergeTree', 'bench.merged', { remark }, end),
  ]
}

const few = new Set(['srcaddr', 'dstaddr'])

function typeOf(name: string, kind: 'text' | 'integer'): string {
  if (kind === 'text') return few.has(name) ? 'String' : 'LowCardinality(String)'
  if (name === 'bytes' || name === 'packets') return 'UInt64'
  if (name === 'start' || name === 'end') return 'UInt32'
  return name.endsWith('port') ? 'UInt16' : 'UInt8'
}

/** Why it cannot be had, or nothing. */
function install(folder: string, say: (line: string) => void): string | undefined {
  if (existsSync(join(folder, 'node_modules/chdb'))) return undefined
  say(`installing ${release} into ${folder}`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const done = spawnSync('npm', ['install', '--no-audit', '--no-fund', release], {
    cwd: folder,
    encoding: 'utf8',
  })
  if (done.status === 0) return undefined
  return `npm install ${release}: ${(done.stderr ?? String(done.error)).trim().split('\n').at(-1)}`
}

async function askChild(
  child: ChildProcess,
  sql: string,
): Promise<ChdbAnswer & { failed?: never }> {
  const question: ChdbQuestion = { sql }
  child.send(question)
  const [answer] = (await once(child, 'message')) as [ChdbAnswer | { failed: string }]
  if ('failed' in answer) throw new Error(`chdb: ${answer.failed}: ${sql}`)
  return answer
}
