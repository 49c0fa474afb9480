/**
 * A DuckDB instance: made ready ahead, then shut around the files of one query, or from the start around a
 * folder that the files of one query after the other are put into.
 */
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { ColumnSpec } from '../base/columns.ts'
import { WeirError } from '../base/errors.ts'
import type { RollupSpec } from '../logstore/logstore.ts'
import { HotTables } from '../logstore/logstore.ts'
import { fenceReason } from './fence.ts'
import { failureMark, macrosFor } from './macros.ts'
import { foundFile, storeView } from './plan.ts'
import type { QueryRange } from './plan-range.ts'
import { quoteName, quoteText } from './quote.ts'
import { isWithin, rollupSelect } from './rollup-view.ts'
import { lookupsOf } from './udf-lookups.ts'
import type { Lookups } from './udf-lookups.ts'
import type { SourceFile, SourceRows, SourceTable } from './source.ts'
import { registerFunctions } from './udf.ts'

export type { SourceFile } from './source.ts'

export interface EngineLimits {
  readonly memoryBytesMax: number
  readonly threads: number
  /** An empty private folder for sorts and joins larger than memory; '' for none. */
  readonly tempDirectory: string
  readonly tempBytesMax: number
}

export interface Engine {
  readonly instance: DuckDBInstance
  readonly connection: DuckDBConnection
  /** What functions look up. */
  readonly lookups: Lookups
  /** Rows that were given to it and are in no file. */
  readonly hot: HotTables
  /** Macros and functions that it has. */
  readonly made: Set<string>
  /** Statements that the fence let through, with what they may read: it would again. */
  readonly passed: Set<string>
  /** Nothing can be set any more: it reads what lies in the working directory, and that alone. */
  readonly isShut: boolean
}

/** A fresh instance in memory with its limits; nothing of a user has reached it yet. */
export async function createEngine(
  { memoryBytesMax, threads, tempDirectory, tempBytesMax }: EngineLimits,
  lookups: Lookups = lookupsOf({}),
): Promise<Engine> {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  // Given at once: a SET costs a quarter of a millisecond, and threads would be started and ended.
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: kibibytes(memoryBytesMax),
    threads: String(threads),
    temp_directory: tempDirectory,
    ...(tempDirectory === '' ? {} : { max_temp_directory_size: kibibytes(tempBytesMax) }),
    integer_division: 'true',
    // What is read of files is left to the system, whose memory it is then.
    enable_external_file_cache: 'false',
    // Cannot find a column of its own where a page of a small file has two conditions.
    disabled_optimizers: 'late_materialization',
    ...noExtensions,
  })
  const connection = await instance.connect()
  for (const setting of ["TimeZone = 'UTC'", 'parquet_metadata_cache = true']) {
    await connection.run(`SET GLOBAL ${setting}`)
  }
  // Counted from the first millisecond on, and not drawn on the terminal.
  const progress = ['enable_progress_bar = true', 'enable_progress_bar_print = false']
  for (const setting of [...progress, 'progress_bar_time = 1']) {
    await connection.run(`SET SESSION ${setting}`)
  }
  const hot = new HotTables(connection)
  return { instance, connection, lookups, hot, made: new Set(), passed: new Set(), isShut: false }
}

const noExtensions = {
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  allow_community_extensions: 'false',
}

/** An instance that can be asked one query after the other: each by the names that its files have in the working directory. */
export async function createShutEngine(limits: EngineLimits, lookups: Lookups): Promise<Engine> {
  const engine = await createEngine(limits, lookups)
  await shut(engine, [`allowed_directories = ['.']`])
  await lock(engine)
  return { ...engine, isShut: true }
}

export function closeEngine({ connection, instance }: Engine): void {
  connection.closeSync()
  instance.closeSync()
}

/** A view over files, and what is in none: rows of all of them, with these columns. */
export interface SourceView {
  readonly name: string
  readonly files: readonly SourceRows[]
  readonly columns: readonly ColumnSpec[]
  /** Of what times; undefined: of all. */
  readonly range?: QueryRange
  /** What it is a view of. */
  readonly rollup?: RollupSpec | undefined
}

/**
 * Opens the files and shuts everything else, in this order: the paths, external access off, the views, the
 * lock. One that is shut already is given its views.
 */
export async function shutAround(
  engine: Engine,
  views: readonly SourceView[],
  memoryBytesMax?: number,
): Promise<void> {
  if (engine.isShut) return createViews(engine, views)
  const paths = new Set(
    views.flatMap(({ files }) =>
      files.flatMap((each) => ('path' in each ? quoteText(each.rollup ?? each.path) : [])),
    ),
  )
  await shut(engine, [
    ...(memoryBytesMax === undefined ? [] : [`memory_limit = '${kibibytes(memoryBytesMax)}'`]),
    `allowed_paths = [${[...paths].join(', ')}]`,
  ])
  await createViews(engine, views)
  await lock(engine)
}

async function shut({ connection }: Engine, settings: readonly string[]): Promise<void> {
  for (const setting of [...settings, 'enable_external_access = false']) {
    await connection.run(`SET GLOBAL ${setting}`)
  }
}

async function lock({ connection }: Engine): Promise<void> {
  await connection.run('SET GLOBAL lock_configuration = true')
}

/** Gives an engine that is shut around their files its views, or other ones of the same names. */
export async function createViews(
  { connection }: Engine,
  views: readonly SourceView[],
): Promise<void> {
  for (const { name, files, columns, range, rollup } of views) {
    const select =
      rollup === undefined
        ? selectFrom(files, columns, range)
        : rollupSelect(files, columns, rollup, range, selectFrom)
    await connection.run(`CREATE OR REPLACE VIEW ${name} AS ${select}`)
  }
}

const kibibytes = (bytes: number): string => `${Math.floor(bytes / 1024)}KiB`

/**
 * More SELECTs than this cost more than the engine's reading every footer first: over 300 files CPU of
 * 45 ms where all are alike, 59 by 2 SELECTs, 105 by 10, 324 by 300, and 88 by name.
 */
const groupsMax = 8

/**
 * A SELECT for all files that lack the same columns, which are NULL in their rows. The time is a condition for those
 * files alone that have other times too: the rest are read without that column.
 */
function selectFrom(
  sources: readonly SourceRows[],
  columns: readonly ColumnSpec[],
  range?: QueryRange,
): string {
  const files = sources.filter((each) => 'path' in each)
  const selects = [
    ...(files.length > 0 ? selectsOf(files, columns, range) : []),
    ...sources.flatMap((each) => ('path' in each ? [] : selectHot(each, columns, range))),
  ]
  if (selects.length > 0) return selects.join(' UNION ALL ')
  return `${selectTyped(columns, () => 'NULL')} WHERE FALSE`
}

function selectTyped(columns: readonly ColumnSpec[], valueOf: (name: string) => string): string {
  const typed = columns.map(
    ({ name, kind }) =>
      `CAST(${valueOf(name)} AS ${kind === 'integer' ? 'BIGINT' : 'VARCHAR'}) AS ${quoteName(name)}`,
  )
  return `SELECT ${typed.join(', ')}`
}

function selectsOf(
  files: readonly SourceFile[],
  columns: readonly ColumnSpec[],
  range?: QueryRange,
): string[] {
  const select = ({ lacks, sameAsTime }: HeldColumns, source: string): string => {
    const held = (name: string): string => {
      if (name === foundFile) return 'filename'
      return sameAsTime.includes(name) ? '"__time__"' : quoteName(name)
    }
    const value = (name: string) => (lacks.includes(name) ? 'NULL' : held(name))
    return `${selectTyped(columns, value)} ${source}`
  }
  const listOf = (some: readonly SourceFile[]) => some.map(({ path }) => quoteText(path)).join(', ')
  const groupOf = ({ lacks, sameAsTime }: SourceFile) => JSON.stringify([lacks, sameAsTime])
  const alike = Map.groupBy(files, (file) => `${groupOf(file)} ${whereTimes(file, range)}`)
  if (alike.size <= groupsMax)
    return [...alike.values()].map((group) => {
      const where = whereTimes(group[0]!, range)
      return select(group[0]!, `FROM read_parquet([${listOf(group)}])${where}`)
    })
  // By name a column that is not there is NULL, so files that leave out others are read apart.
  const byName = ({ sameAsTime, hours }: SourceFile) => JSON.stringify([sameAsTime, hours])
  return [...Map.groupBy(files, byName).values()].map((group) => {
    const nowhere = ({ name }: ColumnSpec) => group.every(({ lacks }) => lacks.includes(name))
    const lacks = columns.filter(nowhere).map(({ name }) => name)
    const { sameAsTime, hours } = group[0]!
    const where = whereTimes({ path: '', lacks, sameAsTime, ...(hours && { hours }) }, range)
    const source = `FROM read_parquet([${listOf(group)}], union_by_name = true)${where}`
    return select({ lacks, sameAsTime }, source)
  })
}

/** The condition for those rows of a source that are wanted, where it may have others. */
function whereTimes(
  source: SourceRows,
  range: QueryRange | undefined,
  time = '"__time__"',
  more: readonly string[] = [],
): string {
  const { hours } = source
  const ofDay = hours && `(${time} + ${hours.dayOffset}) % 86400`
  const conditions = [
    ...more,
    ...(isWithin(source, range) ? [] : [`${time} >= ${range!.from} AND ${time} < ${range!.to}`]),
    ...(hours ? [`${ofDay} >= ${hours.from} AND ${ofDay} < ${hours.to}`] : []),
  ]
  return conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
}

type HeldColumns = Pick<SourceFile, 'lacks' | 'sameAsTime'>

function selectHot(
  source: SourceTable,
  columns: readonly ColumnSpec[],
  range: QueryRange | undefined,
): string {
  const { table, sequences } = source
  const { from, values, sequence } = table
  const time = values.get('__time__')!
  const taken =
    sequences && `${sequence} > ${sequences.after} AND ${sequence} <= ${sequences.through}`
  const where = whereTimes(source, range, time, taken === undefined ? [] : [taken])
  return `${selectTyped(columns, (each) => values.get(each) ?? 'NULL')} FROM ${from}${where}`
}

/** Creates the macros and registers the functions that the statement, or any other text, names. */
export async function createMacros(
  { connection, lookups, made }: Engine,
  sql: string,
): Promise<void> {
  await registerFunctions(connection, sql, lookups, made)
  for (const statement of macrosFor(sql)) {
    if (made.has(statement)) continue
    await connection.run(statement)
    made.add(statement)
  }
}

/** Each has a hundred kilobytes at most. */
const passedMax = 100

/** Throws QueryRefused when the second fence does not know what the statement holds. */
export async function checkStatement(
  { connection, passed }: Engine,
  sql: string,
  views: readonly string[] = [storeView],
): Promise<void> {
  const asked = JSON.stringify([sql, views])
  if (passed.has(asked)) return
  const reader = await connection.runAndReadAll('SELECT json_serialize_sql($1::VARCHAR)', [sql])
  const serialized = reader.getRows()[0]?.[0]
  const reason = fenceReason(String(serialized), views)
  if (reason === undefined) {
    if (passed.size === passedMax) passed.delete(passed.values().next().value!)
    passed.add(asked)
    return
  }
  throw new WeirError(
    'QueryRefused',
    `the translated query holds ${reason}, which is not let through`,
  )
}

/** What a macro of ours raises: see `sls_fail`. */
const raised = new RegExp(`^Could not convert string '${failureMark}(.*)' to INT64$`)

/** An error of the engine in the words of the query, without paths and internal names. */
export function engineError(error: unknown): WeirError {
  if (error instanceof WeirError) return error
  const message = error instanceof Error ? error.message : String(error)
  const plain = message
    .split('\n')[0]!
    .replace(/^[A-Za-z ]*(Error|Exception): /, '')
    .replace(raised, '$1')
    .replace(/(?:\/[^/\s"']+)+\/([^/\s"']+)/g, '$1')
    .replace(/"?__(src|store)[0-9]*(_rows|_all|_kept)*"?/g, 'log')
    .replace(/sls_(?:js_)?(\w+)/g, '$1')
  if (message.startsWith('Out of Memory')) {
    return new WeirError('QueryMemory', 'the query needs more memory than it may have', {
      hint: 'ask for a shorter time range or fewer groups',
      cause: error,
    })
  }
  if (/^(Binder|Parser|Catalog) Error/.test(message)) {
    return new WeirError('QuerySyntax', plain, { cause: error })
  }
  return new WeirError('QueryFailed', plain, { cause: error })
}
