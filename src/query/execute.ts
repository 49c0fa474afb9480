import type { DuckDBType, DuckDBValue } from '@duckdb/node-api'
import { reservedColumns } from '../logstore/logstore.ts'
import type { Learned } from './condition-memory.ts'
import type { Engine, SourceView } from './engine.ts'
import { checkStatement, createMacros, createViews, shutAround } from './engine.ts'
import { formatValue, languageType } from './format.ts'
import { parseQuery } from './parse.ts'
import { dropFound, findRows, isOutOfMemory, promisedRows } from './found.ts'
import { PageFiles } from './page-files.ts'
import { foundTable, planQuery } from './plan.ts'
import type { QueryPlan } from './plan.ts'
import { executePull } from './pull.ts'
import { scanView, sourceTable } from './source.ts'
import type { LeasedScan, Scan } from './source.ts'
import { Stages } from './stages.ts'
import type { Cut, ResultColumn, Row, WorkerQuery } from './worker-messages.ts'

export interface Executed {
  readonly columns: readonly ResultColumn[]
  readonly hasSql: boolean
  /** Rows were left out, by the default LIMIT or by a cap. */
  readonly limited: boolean
  /** It was a cap, and not what the query asks for. */
  readonly cut?: Cut | undefined
  /** Of the condition of its one scan. */
  readonly learned?: Learned | undefined
}

/** What a query is run with. */
export interface ExecuteEffects {
  /** Gets the rows as they come. */
  take(rows: Row[]): void
  /** What to read for each scan. */
  lease(scans: readonly Scan[]): Promise<readonly LeasedScan[]>
}

/** Parses, plans, checks and runs one query on its engine. */
export async function executeQuery(
  engine: Engine,
  query: WorkerQuery,
  effects: ExecuteEffects,
): Promise<Executed> {
  const { logstore, raw, zone, from, to, pull, index, stores = [] } = query
  if (pull !== undefined) {
    return executePull(engine, { ...query, pull }, (rows) => effects.take(rows))
  }
  const parsed = await parseQuery(query.text)
  const options = { logstore, raw, index, stores, rollups: query.rollups }
  const plan = planQuery(parsed, query.columns, { from, to }, zone, options)
  await createMacros(engine, plan.sql)
  const views = await viewsOf(engine, plan, query, effects)
  await shutAround(engine, views, query.memoryBytesMax)
  const [view] = views
  const found = plan.found && view?.learns ? await findRows(engine, plan.found, view) : undefined
  const names = views.map(({ name }) => name)
  const answerTo = async (sql: string): Promise<Answer> => {
    await checkStatement(engine, sql, found?.isWhole ? [foundTable] : names)
    return new Answer({ ...plan, sql }, query, effects)
  }
  if (plan.reach !== undefined) await checkStatement(engine, plan.reach.sql, names)
  const kept = found?.isWhole ? undefined : await keptStatement(engine, plan, views)
  const sql = found?.isWhole ? plan.found!.sql : plan.sql
  const first = await answerTo(kept ?? sql)
  const answer = await first.take(engine, views).catch(async (error: unknown) => {
    if (kept === undefined || first.hasRows || !isOutOfMemory(error)) throw error
    return (await answerTo(sql)).take(engine, views)
  })
  if (found?.isWhole) await dropFound(engine)
  return { ...answer, learned: found?.learned }
}

interface LeasedView extends SourceView {
  readonly learns: boolean
}

/** Values that are held in memory for parts of a query that read the same rows: a gigabyte at most. */
const keptValuesMax = 64_000_000

/**
 * The statement that holds what the search chose, where that is not too much by what a few files promise. Reading rows
 * twice costs up to twice as much, but needs no memory.
 */
async function keptStatement(
  engine: Engine,
  { kept, found }: QueryPlan,
  views: readonly SourceView[],
): Promise<string | undefined> {
  const [view] = views
  if (kept === undefined || view === undefined) return undefined
  const rowsMost = keptValuesMax / kept.width
  const files = views.flatMap((each) => each.files)
  const rows = files.reduce((sum, { span }) => sum + (span?.rows ?? Infinity), 0)
  if (rows <= rowsMost) return kept.sql
  const promised = found && (await promisedRows(engine, found, view))
  return promised !== undefined && promised * 2 <= rowsMost ? kept.sql : undefined
}

async function viewsOf(
  { hot }: Engine,
  { scans }: QueryPlan,
  query: WorkerQuery,
  effects: ExecuteEffects,
): Promise<LeasedView[]> {
  const leased = scans.length === 0 ? [] : await effects.lease(scans)
  await hot.take(leased.flatMap((each) => each.hot ?? []))
  return scans.map(({ store, from, to, rollup }, scan) => {
    const own =
      store === undefined
        ? query.columns
        : query.stores!.find(({ name }) => name === store)!.columns
    const columns = [...own, ...reservedColumns]
    const { files, hot: lease, learns } = leased[scan]!
    const tables = lease === undefined ? [] : hot.tablesOf(lease)
    const inTables = tables.map((table) => sourceTable(table, lease!, columns))
    return {
      name: scanView(scan),
      files: [...files, ...inTables],
      columns,
      range: { from, to },
      rollup,
      learns,
    }
  })
}

/** The rows of an answer as they come. */
class Answer {
  readonly #plan: QueryPlan
  readonly #query: WorkerQuery
  readonly #effects: ExecuteEffects
  readonly #rowsMax: number
  #types: readonly DuckDBType[] = []
  #rows = 0
  #characters = 0
  #limited = false
  #cut: Cut | undefined

  constructor(plan: QueryPlan, query: WorkerQuery, effects: ExecuteEffects) {
    this.#plan = plan
    this.#query = query
    this.#effects = effects
    this.#rowsMax = Math.min(plan.rowsMax, query.rowsMax)
  }

  /** Runs the statement over what its views show, or over some hours of it after the other until there are enough rows. */
  async take(engine: Engine, views: readonly SourceView[]): Promise<Executed> {
    const { order, reach, rowsAsked } = this.#plan
    const [view] = views
    if (reach !== undefined && view !== undefined) await this.#runPage(engine, view, reach)
    else if (order === undefined || view === undefined) await this.#run(engine)
    else {
      const stages = new Stages(view.files, order)
      let files = stages.next(0, rowsAsked) ?? []
      do {
        if (files !== view.files) await createViews(engine, [{ ...view, files }])
        await this.#run(engine)
        files = this.#isFull() ? [] : (stages.next(this.#rows, rowsAsked) ?? [])
      } while (files.length > 0)
    }
    const columns = this.#plan.columns.map(({ name, type }, each) => ({
      name,
      type:
        type === 'unknown' ? languageType(this.#types[each]!) : type === 'null' ? 'varchar' : type,
    }))
    const { hasSql } = this.#plan
    return { columns, hasSql, limited: this.#limited, cut: this.#cut }
  }

  async #runPage(
    engine: Engine,
    view: SourceView,
    { sql, order }: NonNullable<QueryPlan['reach']>,
  ): Promise<void> {
    const looked = new PageFiles(view.files, order)
    for (let files = looked.next(); files !== undefined; files = looked.next()) {
      if (files.length < view.files.length) await createViews(engine, [{ ...view, files }])
      const times = await engine.connection.runAndReadAll(sql)
      looked.found(times.getRows().map(([time]) => Number(time)))
    }
    const { from, to } = this.#query
    const page = looked.page({ from, to })
    if (page === undefined) return
    await createViews(engine, [{ ...view, ...page }])
    await this.#run(engine)
  }

  get hasRows(): boolean {
    return this.#rows > 0
  }

  #isFull(): boolean {
    return this.#limited || this.#rows === this.#plan.rowsAsked
  }

  async #run(engine: Engine): Promise<void> {
    const result = await engine.connection.stream(this.#plan.sql)
    this.#types = result.columnTypes()
    const integers = this.#types.map((type) => languageType(type) === 'bigint')
    for (
      let chunk = await result.fetchChunk();
      !this.#isFull();
      chunk = await result.fetchChunk()
    ) {
      if (chunk === null || chunk.rowCount === 0) break
      const ready = this.#fit(chunk.getRows(), integers)
      if (ready.length > 0) this.#effects.take(ready)
    }
  }

  /** Those that the answer has room for. */
  #fit(rows: readonly (readonly DuckDBValue[])[], integers: readonly boolean[]): Row[] {
    const { rowsMax, columns } = this.#plan
    const ready: Row[] = []
    for (const values of rows) {
      if (this.#isFull()) break
      const row = values.map((value, each) =>
        formatValue(value, columns[each]!.zone, integers[each]),
      )
      this.#characters += row.reduce((sum, text) => sum + (text?.length ?? 0), 0)
      if (this.#rows === this.#rowsMax) this.#cut = this.#rowsMax < rowsMax ? 'rows' : undefined
      else if (this.#characters > this.#query.charactersMax) this.#cut = 'characters'
      this.#limited = this.#rows === this.#rowsMax || this.#cut !== undefined
      if (this.#limited) break
      ready.push(row)
      this.#rows++
    }
    return ready
  }
}
