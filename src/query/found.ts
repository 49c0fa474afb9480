/** What a search finds, put into a table before the query reads it: so it shows which files have none of it. */
import type { ColumnSpec } from '../base/columns.ts'
import type { Learned } from './condition-memory.ts'
import type { Engine, SourceView } from './engine.ts'
import { checkStatement, createViews } from './engine.ts'
import { foundFile, foundTable } from './plan.ts'
import type { FoundPlan } from './plan.ts'
import { quoteName } from './quote.ts'
import { isWithin } from './rollup-view.ts'
import type { SourceRows } from './source.ts'

/** A search that takes more is not worth it: the rows would be copied for nothing. */
const foundMax = 10_000
/** Rows of the files that are looked into first, to tell how many a search takes. */
const firstRows = 50_000
/** Where it takes too many, no more than this share of all was read for nothing. */
const firstShareMax = 0.25

export interface Found {
  /** The table has every row that the search takes. */
  readonly isWhole: boolean
  readonly learned: Learned
}

const takesMany: Found = { isWhole: false, learned: { empty: [], takesMany: true } }

/**
 * Puts what the search takes of a view into the table of the plan, first of a few files, and of all where that promises to
 * be few. Undefined where there is little to read. The view is as it was then, or the query needs it no more.
 */
export async function findRows(
  engine: Engine,
  plan: FoundPlan,
  view: SourceView,
): Promise<Found | undefined> {
  const columns = withFile(view.columns)
  if (columns === undefined) return undefined
  const [first, rest] = apart(view.files)
  if (Math.max(firstRows, rowsOf(first)) > firstShareMax * rowsOf(view.files)) return undefined
  const take = async (files: readonly SourceRows[], how: string, most: number): Promise<number> => {
    await createViews(engine, [{ ...view, files, columns }])
    const limited = `${how} ${plan.select} LIMIT ${most + 1}`
    const reader = await engine.connection.runAndReadAll(limited)
    return Number(reader.getRows()[0]?.[0])
  }
  await checkStatement(engine, plan.select, [view.name])
  try {
    const promised = await take(first, `CREATE OR REPLACE TEMP TABLE ${foundTable} AS`, foundMax)
    const few = promised * rowsOf(view.files) <= foundMax * rowsOf(first)
    const more = few ? await take(rest, `INSERT INTO ${foundTable}`, foundMax - promised) : Infinity
    if (promised + more <= foundMax) return { isWhole: true, learned: await learn(engine, view) }
  } catch (error) {
    // The rows may be large; who reads them one after the other may have room.
    if (!isOutOfMemory(error)) throw error
  }
  await dropFound(engine)
  await createViews(engine, [view])
  return takesMany
}

/** Files that tell for all of them, and no more than this share of the rows. */
const tellingFiles = 3
const tellingShareMax = 0.25

/** How many rows a search takes of a view, by a few files between the first and the last; undefined where they are not few. */
export async function promisedRows(
  engine: Engine,
  plan: FoundPlan,
  view: SourceView,
): Promise<number | undefined> {
  const columns = withFile(view.columns)
  const of = (each: number) => view.files.at(((each + 0.5) * view.files.length) / tellingFiles)
  const files = [...new Set(Array.from({ length: tellingFiles }, (_, each) => of(each)))].filter(
    (file) => file !== undefined,
  )
  const share = rowsOf(files) / rowsOf(view.files)
  if (columns === undefined || !(share > 0 && share <= tellingShareMax)) return undefined
  const count = `SELECT count(*) FROM (${plan.select})`
  await checkStatement(engine, count, [view.name])
  await createViews(engine, [{ ...view, files, columns }])
  const reader = await engine.connection.runAndReadAll(count)
  await createViews(engine, [view])
  return Number(reader.getRows()[0]?.[0]) / share
}

/** And the file that a row is of; undefined where a column is called what the engine calls it. */
function withFile(columns: readonly ColumnSpec[]): readonly ColumnSpec[] | undefined {
  const hidden = new Set([foundFile, 'filename'])
  if (columns.some(({ name }) => hidden.has(name.toLowerCase()))) return undefined
  return [...columns, { name: foundFile, kind: 'text' }]
}

export async function dropFound({ connection }: Engine): Promise<void> {
  await connection.run(`DROP TABLE IF EXISTS ${foundTable}`)
}

export const isOutOfMemory = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('Out of Memory Error')

/** Rows of other times than are asked for may be what the search takes too: such files are not told. */
async function learn({ connection }: Engine, { files, range }: SourceView): Promise<Learned> {
  const reader = await connection.runAndReadAll(
    `SELECT DISTINCT ${quoteName(foundFile)} FROM ${foundTable}`,
  )
  const having = new Set(reader.getRows().map(([path]) => path))
  const empty = files.flatMap((file, place) =>
    'path' in file && !having.has(file.path) && isWithin(file, range) ? [place] : [],
  )
  return { empty, takesMany: false }
}

function apart(files: readonly SourceRows[]): [SourceRows[], SourceRows[]] {
  let count = 0
  for (let rows = 0; rows < firstRows && count < files.length; count++)
    rows += files[count]!.span?.rows ?? Infinity
  return [files.slice(0, count), files.slice(count)]
}

const rowsOf = (files: readonly SourceRows[]): number =>
  files.reduce((sum, { span }) => sum + (span?.rows ?? Infinity), 0)
