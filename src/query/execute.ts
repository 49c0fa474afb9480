import { reservedColumns } from '../logstore/logstore.ts'
import type { Engine } from './engine.ts'
import { checkStatement, createMacros, shutAround } from './engine.ts'
import { formatValue, languageType } from './format.ts'
import { parseQuery } from './parse.ts'
import { planQuery } from './plan.ts'
import { executePull } from './pull.ts'
import type { ResultColumn, Row, WorkerQuery } from './worker-messages.ts'

export interface Executed {
  readonly columns: readonly ResultColumn[]
  readonly hasSql: boolean
  /** Rows were left out, by the default LIMIT or by a cap. */
  readonly limited: boolean
}

/** Parses, plans, checks and runs one query on its engine. `take` gets the rows as they come. */
export async function executeQuery(
  engine: Engine,
  query: WorkerQuery,
  take: (rows: Row[]) => void,
): Promise<Executed> {
  const { logstore, raw, zone, from, to, pull } = query
  if (pull !== undefined) return executePull(engine, { ...query, pull }, take)
  const parsed = await parseQuery(query.text)
  const plan = planQuery(parsed, query.columns, { from, to }, zone, { logstore, raw })
  await createMacros(engine, plan.sql)
  await shutAround(engine, query.files, [...query.columns, ...reservedColumns])
  await checkStatement(engine, plan.sql)
  const result = await engine.connection.stream(plan.sql)
  const types = result.columnTypes()
  const rowsMax = Math.min(plan.rowsMax, query.rowsMax)
  const integers = types.map((type) => languageType(type) === 'bigint')
  let rows = 0
  let characters = 0
  let limited = false
  for (let chunk = await result.fetchChunk(); !limited; chunk = await result.fetchChunk()) {
    if (chunk === null || chunk.rowCount === 0) break
    const ready: Row[] = []
    for (const values of chunk.getRows()) {
      const row = values.map((value, index) =>
        formatValue(value, plan.columns[index]!.zone, integers[index]),
      )
      characters += row.reduce((sum, text) => sum + (text?.length ?? 0), 0)
      limited = rows === rowsMax || characters > query.charactersMax
      if (limited) break
      ready.push(row)
      rows++
    }
    if (ready.length > 0) take(ready)
  }
  const columns = plan.columns.map(({ name, type }, index) => ({
    name,
    type: type === 'unknown' ? languageType(types[index]!) : type === 'null' ? 'varchar' : type,
  }))
  return { columns, hasSql: plan.hasSql, limited }
}
