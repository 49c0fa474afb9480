/** Functions in JavaScript that the engine calls: only those that a statement names are registered. */
import type { DuckDBConnection, DuckDBType, DuckDBValue } from '@duckdb/node-api'
import { hashFunctions } from './udf-hashes.ts'
import type { JsFunction, JsKind } from './udf-kinds.ts'
import { lookupFunctions, lookupNames } from './udf-lookups.ts'
import type { Lookups } from './udf-lookups.ts'
import { patternFunctions } from './udf-patterns.ts'
import { regexpFunctions } from './udf-regexps.ts'
import { unitFunctions } from './udf-units.ts'
import { valueFunctions } from './udf-values.ts'

type NodeApi = typeof import('@duckdb/node-api')

const pureFunctions: readonly JsFunction[] = [
  ...unitFunctions,
  ...hashFunctions,
  ...valueFunctions,
  ...regexpFunctions,
  ...patternFunctions,
]

export const jsFunctionNames: readonly string[] = [
  ...pureFunctions.map(({ name }) => name),
  ...lookupNames,
]

/**
 * Registers the functions that `sql` names, but for those in `made`, which is added to. Throws QueryRefused when one of them needs data that are
 * not there, and what opening them throws.
 */
export async function registerFunctions(
  connection: DuckDBConnection,
  sql: string,
  lookups: Lookups,
  made: Set<string>,
): Promise<void> {
  const wanted = new Set((sql.match(/\bsls_js_\w+/g) ?? []).filter((name) => !made.has(name)))
  if (wanted.size === 0) return
  const api = await import('@duckdb/node-api')
  const looking = await lookupFunctions(wanted, lookups)
  for (const each of [...pureFunctions, ...looking]) {
    if (!wanted.has(each.name)) continue
    register(api, connection, each)
    made.add(each.name)
  }
}

function register(api: NodeApi, connection: DuckDBConnection, each: JsFunction): void {
  const { name, takes, returns, run } = each
  const definition = api.DuckDBScalarFunction.create({
    name,
    parameterTypes: takes.map((kind) => typeOf(api, kind)),
    returnType: typeOf(api, returns),
    mainFunction: (info, chunk, output) => {
      try {
        const columns = takes.map((_, index) => chunk.getColumnVector(index))
        for (let row = 0; row < chunk.rowCount; row++) {
          const values = columns.map((column) => column.getItem(row) as DuckDBValue)
          const result = values.includes(null)
            ? null
            : run(values.map((value, index) => taken(value, takes[index]!)))
          output.setItem(row, given(api, result, returns))
        }
        output.flush()
      } catch (error) {
        info.setError(error instanceof Error ? error.message : String(error))
      }
    },
  })
  connection.registerScalarFunction(definition)
}

function typeOf(api: NodeApi, kind: JsKind): DuckDBType {
  const types: Record<JsKind, DuckDBType> = {
    text: api.VARCHAR,
    bigint: api.BIGINT,
    double: api.DOUBLE,
    boolean: api.BOOLEAN,
    bytes: api.BLOB,
    texts: api.LIST(api.VARCHAR),
    pairs: api.LIST(api.STRUCT({ v: api.DOUBLE, w: api.DOUBLE })),
    weights: api.MAP(api.DOUBLE, api.DOUBLE),
    vector: api.MAP(api.VARCHAR, api.DOUBLE),
  }
  return types[kind]
}

/** A value of the engine as a function takes it. */
function taken(value: DuckDBValue, kind: JsKind): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (kind === 'bytes' && 'bytes' in value) return value.bytes
  if ('entries' in value && Array.isArray(value.entries)) {
    return new Map(
      value.entries.filter((entry) => entry.value !== null).map(({ key, value: of }) => [key, of]),
    )
  }
  if (!('items' in value) || !Array.isArray(value.items)) return value
  if (kind !== 'pairs') return value.items
  return value.items.filter((each) => each !== null).map(({ entries: { v, w } }) => [v, w])
}

/** A function's result as the engine takes it. */
function given(api: NodeApi, result: unknown, kind: JsKind): DuckDBValue {
  if (result === null) return null
  if (kind === 'texts') return api.listValue(result as DuckDBValue[])
  if (kind === 'bytes') return api.blobValue(result as Uint8Array)
  if (kind === 'weights' || kind === 'vector') {
    const entries = [...(result as Map<DuckDBValue, DuckDBValue>)]
    return api.mapValue(entries.map(([key, value]) => ({ key, value })))
  }
  return result as DuckDBValue
}
