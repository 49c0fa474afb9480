/** An alert's evaluation: rows of its queries in, what fires and what is over out. Pure. */
import { WeirError } from '../base/errors.ts'
import type { AlertConfig, AlertJoin, AlertSeverity, NamedText } from './alert-config.ts'
import type { Look } from './condition.ts'

/** A row of a query by column. */
export type AlertRow = ReadonlyMap<string, string>

/** A group of rows that fires, or did. */
export interface GroupState {
  /** Runs in a row that it fired in. */
  readonly fired: number
  /** Unix seconds of the first of them. */
  readonly since: number
  readonly severity: number
  readonly labels: readonly NamedText[]
  /** Whether somebody was told. */
  readonly told: boolean
}

export type AlertState = Readonly<Record<string, GroupState>>

export interface Alarm {
  readonly status: 'firing' | 'resolved'
  /** The group's values, as one text. */
  readonly group: string
  readonly severity: number
  readonly since: number
  readonly labels: readonly NamedText[]
  readonly annotations: readonly NamedText[]
  /** How many of its rows fit, and the first of them. */
  readonly count: number
  readonly row: AlertRow
}

/**
 * One run.
 * @param results rows of each query, in their order
 * @param at Unix seconds
 * @returns what to tell, and the state for the next run
 * @throws WeirError QueryFailed when a join is larger than one that is carried out whole
 */
export function evaluate(
  config: AlertConfig,
  results: readonly (readonly AlertRow[])[],
  before: AlertState,
  at: number,
): { readonly alarms: readonly Alarm[]; readonly state: AlertState } {
  const rows = joined(config.join, results)
  const alarms: Alarm[] = []
  const state: Record<string, GroupState> = {}
  const found = [...groupsOf(config, rows)].flatMap(([group, of]) => firing(config, group, of))
  if (rows.length === 0 && config.noDataFire)
    found.push({
      group: '',
      severity: config.noDataSeverity,
      count: 0,
      row: new Map(),
      labels: [{ key: 'nodata', value: 'true' }],
    })
  for (const { group, severity, count, row, labels } of found) {
    const known = before[group]
    const fired = (known?.fired ?? 0) + 1
    const since = known?.since ?? at
    const own = [...config.labels.map((each) => filled(each, row)), ...labels]
    const told = fired >= config.threshold
    state[group] = { fired, since, severity, labels: own, told }
    const annotations = config.annotations.map((each) => filled(each, row))
    if (told)
      alarms.push({
        status: 'firing',
        group,
        severity,
        since,
        labels: own,
        annotations,
        count,
        row,
      })
  }
  for (const [group, known] of Object.entries(before)) {
    if (state[group] !== undefined || !known.told || !config.sendResolved) continue
    const { severity, since, labels } = known
    const over = { group, severity, since, labels, annotations: [], count: 0, row: new Map() }
    alarms.push({ status: 'resolved', ...over })
  }
  return { alarms: at < config.muteUntil ? [] : alarms, state }
}

type Firing = Pick<Alarm, 'group' | 'severity' | 'count' | 'row' | 'labels'>

function firing(config: AlertConfig, group: string, rows: readonly AlertRow[]): Firing[] {
  const holds = (severity: AlertSeverity): Firing | undefined => {
    const { condition, count } = severity
    const fitting = condition === undefined ? rows : rows.filter((row) => condition(lookIn(row)))
    const first = fitting[0] ?? new Map<string, string>()
    const number = String(fitting.length)
    const enough =
      count === undefined
        ? fitting.length > 0
        : count((field) => (field === '__count__' ? number : first.get(field)))
    if (!enough) return undefined
    const labels = (config.groupBy ?? []).map((key) => ({ key, value: first.get(key) ?? '' }))
    return { group, severity: severity.severity, count: fitting.length, row: first, labels }
  }
  for (const severity of config.severities) {
    const found = holds(severity)
    if (found !== undefined) return [found]
  }
  return []
}

const lookIn =
  (row: AlertRow): Look =>
  (field) =>
    row.get(field)

function groupsOf({ groupBy }: AlertConfig, rows: readonly AlertRow[]): Map<string, AlertRow[]> {
  if (groupBy === undefined) return new Map([['', [...rows]]])
  return Map.groupBy(rows, (row) => JSON.stringify(groupBy.map((field) => row.get(field) ?? null)))
}

const rowsMax = 10_000
/** What a join may compare: some tenths of a second. */
const pairsMax = 1_000_000

/** Fields of a joined row are there as `$0.host`, and by their plain name where no query before has one. */
function joined(
  join: AlertJoin | undefined,
  results: readonly (readonly AlertRow[])[],
): readonly AlertRow[] {
  const prefixed = results.map((rows, index) => rows.map((row) => withPrefix(row, `$${index}.`)))
  if (join === undefined) return prefixed[0] ?? []
  if (join.type === 'concat') return prefixed.flat()
  let left: readonly AlertRow[] = prefixed[0] ?? []
  for (const right of prefixed.slice(1)) {
    const rows: AlertRow[] = []
    if (left.length * right.length > pairsMax)
      throw tooLarge(
        `compares ${left.length} rows with ${right.length}, more than ${pairsMax} pairs`,
      )
    for (const a of left) {
      const before = rows.length
      for (const b of right) {
        const both = new Map([...b, ...a])
        if (join.condition === undefined || join.condition(lookIn(both))) rows.push(both)
      }
      if (join.type === 'left_join' && rows.length === before) rows.push(a)
      if (rows.length > rowsMax) throw tooLarge(`gives more than ${rowsMax} rows`)
    }
    left = rows
  }
  return left
}

const tooLarge = (what: string): WeirError =>
  new WeirError('QueryFailed', `the join of the queries ${what}`, {
    hint: 'Group more in the queries, or give them a LIMIT',
  })

const withPrefix = (row: AlertRow, prefix: string): AlertRow =>
  new Map([...row, ...[...row].map(([name, value]) => [prefix + name, value] as const)])

/** `${field}` is the row's. */
const filled = ({ key, value }: NamedText, row: AlertRow): NamedText => ({
  key,
  value: value.replace(/\$\{([^}]+)\}/g, (whole, name: string) => row.get(name) ?? whole),
})
