/** Rollups of the hours of a day: joined into files of that day, and taken apart again. */
import { dirname, join } from 'node:path'
import { assert } from '../base/assert.ts'
import type { LogstoreEntry } from './catalogue.ts'
import type { DayBounds } from './day-bounds.ts'
import { rollupColumns } from './contract.ts'
import type { RollupSpec } from './contract.ts'
import { checksumOf } from './damage.ts'
import { quoteName, quoteText } from './engine.ts'
import { asStorageError, placeOf, writtenWrong } from './flush.ts'
import { dayBlocks, dayRollupOptions, sortedParquetOptions } from './parquet.ts'
import type { StoreParts } from './parts.ts'
import { dropDamagedRollups, totalsSelect } from './rollups.ts'
import type { RollupFile, Segment } from './segments.ts'

/** Rollups of one name to be joined, or to be taken apart. */
export interface DayRollupPlan {
  readonly work: 'join rollups' | 'part rollups'
  readonly name: string
  /** All segments that the files are of, and, to be joined with them, those that have none: what came late. */
  readonly inputs: readonly Segment[]
}

export function planApart(
  { segments }: StoreParts,
  { id }: LogstoreEntry,
  { apartBefore }: DayBounds,
): DayRollupPlan | undefined {
  const [first] = segments.joinedDays(id, apartBefore)
  if (first === undefined) return undefined
  const { day, name } = first
  const inputs = segments.ofDay(id, day).filter((each) => (rollupOf(each, name)?.parts ?? 1) > 1)
  return { work: 'part rollups', name, inputs }
}

/** Of days whose hours do not become one file. */
export function planJoin(
  { config, segments }: StoreParts,
  { id }: LogstoreEntry,
  { first, over, quietSince }: DayBounds,
): DayRollupPlan | undefined {
  for (const { day, name } of segments.apartDays(id, first, over)) {
    const files = segments.ofDay(id, day)
    const rows = files.reduce((sum, each) => sum + each.rows, 0)
    if (rows <= config.dayRowsMax || files.some(({ cameBy }) => cameBy > quietSince)) continue
    const inputs = toJoin(files, name, config)
    if (inputs !== undefined) return { work: 'join rollups', name, inputs }
  }
  return undefined
}

function toJoin(
  segments: readonly Segment[],
  name: string,
  limits: { readonly lateFiles: number; readonly dayRollupBytesMax: number },
): Segment[] | undefined {
  const having = segments.filter((each) => rollupOf(each, name) !== undefined)
  const files = [...Map.groupBy(having, (each) => rollupOf(each, name)!.path).values()].map(
    (of) => ({ of, ...rollupOf(of[0]!, name)! }),
  )
  const isAlone = ({ parts }: RollupFile) => parts === 1
  const joined = files.some((file) => !isAlone(file))
  if (joined && files.filter(isAlone).length < limits.lateFiles) return undefined
  const bare = segments.filter((each) => !having.includes(each) && each.damage === undefined)
  let group: typeof files = []
  let bytes = 0
  for (const file of files) {
    if (!isAlone(file) && file.bytes > limits.dayRollupBytesMax / 2) continue
    if (bytes + file.bytes > limits.dayRollupBytesMax && group.length > 1) break
    group = [...group, file]
    bytes += file.bytes
  }
  const isMore = group.length > 1 && group.some(isAlone)
  return isMore ? [...group.flatMap(({ of }) => of), ...bare] : undefined
}

const rollupOf = ({ rollups }: Segment, name: string): RollupFile | undefined =>
  rollups.find((each) => each.name === name)

/**
 * Does what was planned: the new files are written under temporary names, compared with the rows and sums of their
 * segments, synced, and put in the place of the old ones in one transaction. Throws StorageFull, StorageBroken.
 */
export async function runDayRollups(
  parts: StoreParts,
  logstore: LogstoreEntry,
  { work, name, inputs }: DayRollupPlan,
): Promise<void> {
  const spec = logstore.rollups.find((each) => each.name === name)
  assert(spec !== undefined, 'a logstore keeps its rollups for ever')
  const lease = parts.files.lease(inputs, [], name)
  const own = inputs.map((each) => ({
    ...each,
    rollups: each.rollups.filter((rollup) => rollup.name === name),
  }))
  const made = new Map<number, RollupFile>()
  try {
    if ((await dropDamagedRollups(parts, own, 'content')).length > 0) return // planned anew
    const rows = await rowsOf(parts, logstore, spec, own)
    const kept = own.filter(({ id }) => rows.ids.has(id))
    const together = work === 'join rollups' ? [kept] : kept.map((each) => [each])
    for (const some of together) {
      const file = await write(parts, spec, some, rows.select)
      for (const { id } of some) made.set(id, file)
    }
    const replaced = parts.catalogue.transaction(() => {
      const { segments } = parts
      if (!segments.holds(kept) || !segments.haveRollups(kept)) return false // changed meanwhile
      segments.moveRollups(kept, (id) => made.get(id)!)
      return true
    })
    if (replaced) parts.counters.dayMerges++
    else await discardFiles(parts, made)
  } catch (error) {
    await discardFiles(parts, made)
    throw asStorageError(error, placeOf(logstore))
  } finally {
    lease.release()
  }
}

async function discardFiles(
  { disk, files }: StoreParts,
  made: ReadonlyMap<number, RollupFile>,
): Promise<void> {
  for (const path of new Set([...made.values()].map((each) => each.path)))
    await disk.remove(files.absolute(path))
}

/** One file with the totals of these segments, which `rows` has. */
async function write(
  { catalogue, disk, engine, files, segments }: StoreParts,
  spec: RollupSpec,
  inputs: readonly Segment[],
  rows: string,
): Promise<RollupFile> {
  const id = segments.takeId()
  catalogue.transaction(() => segments.keepIds(id)) // else its name could be given again
  const [first] = inputs
  const isOne = inputs.length === 1
  const hour = isOne ? String(first!.hour % 24).padStart(2, '0') : 'day'
  const path = join(dirname(first!.path), `${hour}-2-${id}-${spec.name}.parquet`)
  const final = files.absolute(path)
  const temporary = `${final}.tmp`
  try {
    const { part } = rollupColumns
    const order = [...spec.by, '__time__'].map(quoteName).join(', ')
    const copy = isOne
      ? `SELECT * EXCLUDE (${part}) FROM (${rows}) WHERE ${part} = ${first!.id} ORDER BY ${order}`
      : `SELECT * FROM (${rows}) ORDER BY ${dayBlocks}, ${order}`
    const options = isOne ? sortedParquetOptions : dayRollupOptions(spec)
    await engine.merging.run(`COPY (${copy}) TO ${quoteText(temporary)} (${options})`)
    await checkParts(engine, temporary, spec, inputs)
    const checksum = await checksumOf(disk, temporary)
    await disk.publish(temporary, final)
    const bytes = await disk.size(final)
    return { name: spec.name, path, bytes, checksum, parts: inputs.length }
  } catch (error) {
    await disk.remove(temporary)
    throw error
  }
}

/** The totals of these segments and whose they are, and the segments that can have some. */
async function rowsOf(
  parts: StoreParts,
  logstore: LogstoreEntry,
  spec: RollupSpec,
  inputs: readonly Segment[],
): Promise<{ readonly select: string; readonly ids: ReadonlySet<number> }> {
  const { part, rows, sum, values } = rollupColumns
  const totals = spec.sums.flatMap((_, index) => [sum(index), values(index)])
  const columns = ['__time__', ...spec.by, rows, ...totals].map(quoteName).join(', ')
  const ids = new Set<number>()
  const selects: string[] = []
  for (const [path, some] of Map.groupBy(inputs, ({ rollups }) => rollups[0]?.path)) {
    const source = `read_parquet(${quoteText(parts.files.absolute(path ?? ''))})`
    if (path !== undefined && some[0]!.rollups[0]!.parts > 1) {
      const list = some.map(({ id }) => id).join(', ')
      selects.push(`SELECT ${columns}, ${part} FROM ${source} WHERE ${part} IN (${list})`)
      for (const { id } of some) ids.add(id)
      continue
    }
    for (const each of some) {
      const own =
        path === undefined ? await totalsSelect(parts, logstore, each, spec) : `FROM ${source}`
      if (own === undefined) continue
      selects.push(`SELECT ${columns}, ${each.id}::BIGINT AS ${part} FROM (${own})`)
      ids.add(each.id)
    }
  }
  return { select: selects.join(' UNION ALL '), ids }
}

/** Of each segment: as many records as it has rows, and its sums. */
async function checkParts(
  { merging }: StoreParts['engine'],
  path: string,
  { sums }: RollupSpec,
  inputs: readonly Segment[],
): Promise<void> {
  const { part, rows, sum, values } = rollupColumns
  const totals = sums.flatMap((_, index) => [
    `coalesce(sum(${sum(index)}), 0)::VARCHAR`,
    `sum(coalesce(${values(index)}, ${rows}))::VARCHAR`,
  ])
  const of = inputs.length === 1 ? `${inputs[0]!.id}::BIGINT` : part
  const select = [`${of} AS of`, `sum(${rows})::VARCHAR`, ...totals].join(', ')
  const reader = await merging.runAndReadAll(
    `SELECT ${select} FROM read_parquet(${quoteText(path)}) GROUP BY 1`,
  )
  const found = reader
    .getRows()
    .map((row) => row.join())
    .toSorted()
  const wanted = inputs
    .map((segment) => {
      const own = sums.flatMap((name) => {
        const total = segment.sums.get(name)
        return [String(total?.sum ?? 0), String(total?.values ?? 0)]
      })
      return [segment.id, segment.rows, ...own].join()
    })
    .toSorted()
  if (found.join(';') !== wanted.join(';'))
    throw writtenWrong(path, `totals ${found.join(';')} instead of ${wanted.join(';')}`)
}
