import { reservedColumns } from '../logstore/logstore.ts'
import type { Engine, SourceFile, SourceView } from './engine.ts'
import { checkStatement, createMacros, shutAround } from './engine.ts'
import { formatValue, languageType } from './format.ts'
import { parseQuery } from './parse.ts'
import { planQuery } from './plan.ts'
import type { QueryPlan } from './plan.ts'
import { executePull } from './pull.ts'
import { scanView } from './source.ts'
import type { Scan } from './source.ts'
import type { Cut, ResultColumn, Row, WorkerQuery } from './worker-messages.ts'

export interface Executed {
  readonly columns: readonly ResultColumn[]
  readonly hasSql: boolean
  /** Rows were left out, by the default LIMIT or by a cap. */
  readonly limited: boolean
  /** It was a cap, and not what the query asks for. */
  readonly cut?: Cut | undefined
}

/** What a query is run with. */
export interface ExecuteEffects {
  /** Gets the rows as they come. */
  take(rows: Row[]): void
  /** The files of each scan. */
  files(scans: readonly Scan[]): Promise<readonly (readonly SourceFile[])[]>
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
  const views = await viewsOf(plan, query, effects)
  await shutAround(engine, views, query.memoryBytesMax)
  await checkStatement(
    engine,
    plan.sql,
    views.map(({ name }) => name),
  )
  return stream(engine, plan, query, effects)
}

async function viewsOf(
  { scans }: QueryPlan,
  query: WorkerQuery,
  effects: ExecuteEffects,
): Promise<SourceView[]> {
  const files = scans.length === 0 ? [] : await effects.files(scans)
  return scans.map(({ store, from, rollup }, scan) => {
    const own =
      store === undefined
        ? query.columns
        : query.stores!.find(({ name }) => name === store)!.columns
    const view = {
      name: scanView(scan),
      files: files[scan]!,
      columns: [...own, ...reservedColumns],
    }
    return rollup === undefined ? view : { ...view, totals: { rollup, from } }
  })
}

async function stream(
  engine: Engine,
  plan: QueryPlan,
  query: WorkerQuery,
  effects: ExecuteEffects,
): Promise<Executed> {
  const result = await engine.connection.stream(plan.sql)
  const types = result.columnTypes()
  const rowsMax = Math.min(plan.rowsMax, query.rowsMax)
  const integers = types.map((type) => languageType(type) === 'bigint')
  let rows = 0
  let characters = 0
  let limited = false
  let cut: Cut | undefined
  for (let chunk = await result.fetchChunk(); !limited; chunk = await result.fetchChunk()) {
    if (chunk === null || chunk.rowCount === 0) break
    const ready: Row[] = []
    for (const values of chunk.getRows()) {
      const row = values.map((value, each) =>
        formatValue(value, plan.columns[each]!.zone, integers[each]),
      )
      characters += row.reduce((sum, text) => sum + (text?.length ?? 0), 0)
      if (rows === rowsMax) cut = rowsMax < plan.rowsMax ? 'rows' : undefined
      else if (characters > query.charactersMax) cut = 'characters'
      limited = rows === rowsMax || cut !== undefined
      if (limited) break
      ready.push(row)
      rows++
    }
    if (ready.length > 0) effects.take(ready)
  }
  const columns = plan.columns.map(({ name, type }, each) => ({
    name,
    type: type === 'unknown' ? languageType(types[each]!) : type === 'null' ? 'varchar' : type,
  }))
  return { columns, hasSql: plan.hasSql, limited, cut }
}
