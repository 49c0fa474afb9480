/** The flow logs there are: tables of their own on a SQLite connection, so they survive restarts. */
import { randomInt } from 'node:crypto'
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { assert } from '../base/assert.ts'
import { WeirError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { unixSeconds, type UnixSeconds } from '../base/time.ts'
import {
  type ActivePeriod,
  checkValues,
  completed,
  type FlowLog,
  type FlowLogChange,
  type NewFlowLog,
} from './instance.ts'
import { FlowLogHistory } from './history.ts'
import { inTransaction, prepareTables } from './tables.ts'

export interface FlowLogsEffects {
  now(): UnixSeconds
  newId(): string
}

/** `fl-` and 21 lowercase letters and digits, as the cloud's are (alibaba-api.md 1.2). */
const idLength = 21
const idLetters = 'abcdefghijklmnopqrstuvwxyz0123456789'

const realEffects: FlowLogsEffects = {
  now: () => unixSeconds(Date.now() / 1000),
  newId: () =>
    `fl-${Array.from({ length: idLength }, () => idLetters[randomInt(idLetters.length)]).join('')}`,
}

/** Who changes what nobody asked for, in the history. */
const itself = 'weir'

export class FlowLogs {
  /** For those who keep a table of their own there. */
  readonly database: DatabaseSync
  readonly history: FlowLogHistory
  readonly #database: DatabaseSync
  readonly #effects: FlowLogsEffects
  readonly #listeners = new Set<() => void>()

  /** Makes its tables when they are not there. Whether resource, project and logstore exist is for others to ask. */
  constructor(database: DatabaseSync, effects: FlowLogsEffects = realEffects) {
    this.#database = database
    this.#effects = effects
    prepareTables(database)
    this.database = database
    this.history = new FlowLogHistory(database, () => effects.now())
  }

  /** What `work` does is one change: on disk together or not at all. Listeners hear of it once. */
  together<T>(work: () => T): T {
    let made: { readonly result: T } | undefined
    this.#change(() => {
      made = { result: work() }
    })
    assert(made !== undefined, 'a transaction that ended did its work')
    return made.result
  }

  /** Calls `listener` after each change, when it is on disk. @returns call it to listen no more */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /**
   * Adds a flow log: "After you create the flow log, traffic information collection starts automatically."
   * Throws ParameterInvalid.
   *
   * @param by who asks, for the history: an AccessKey's id
   */
  create(wanted: NewFlowLog, by = itself): FlowLog {
    const values = completed(wanted)
    const id = this.#effects.newId()
    const now = this.#effects.now()
    this.#change(() => {
      this.#run(
        `INSERT INTO flow_logs (id, name, description, resource_type, resource_id, traffic_type, ip_version,
           window_seconds, scope, project, logstore, status, created_at, changed_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        id,
        values.name,
        values.description,
        values.resourceType,
        values.resourceId,
        values.trafficType,
        values.ipVersion,
        values.windowSeconds,
        values.scope.join(),
        values.project,
        values.logstore,
        'Active',
        now,
        now,
      )
      this.#begin(id, now)
      this.history.add(id, by, 'create', {}, { ...values })
    })
    return this.get(id)
  }

  /** All of them, the oldest first. */
  list(): FlowLog[] {
    return this.#select('WHERE deleted_at IS NULL')
  }

  /**
   * Those that were active at `since` or later, the oldest first: the active ones, and those that were stopped
   * or deleted since then. A deleted one reads as one that was stopped.
   */
  lately(since: UnixSeconds): FlowLog[] {
    return this.#select(
      'WHERE EXISTS (SELECT * FROM flow_log_periods WHERE flow_log = id AND (until IS NULL OR until >= ?))',
      since,
    )
  }

  /** Forgets deleted flow logs and earlier periods that ended before `before`: their windows are delivered. */
  forget(before: UnixSeconds): void {
    inTransaction(this.#database, () => {
      this.#run(
        `DELETE FROM flow_logs WHERE deleted_at IS NOT NULL
           AND NOT EXISTS (SELECT * FROM flow_log_periods WHERE flow_log = id AND until >= ?)`,
        before,
      )
      this.#run(
        `DELETE FROM flow_log_periods WHERE until < ? AND (
           flow_log NOT IN (SELECT id FROM flow_logs)
           OR number < (SELECT max(number) FROM flow_log_periods AS later WHERE later.flow_log = flow_log_periods.flow_log))`,
        before,
      )
    })
  }

  /** Throws FlowLogNotExist. */
  get(id: string): FlowLog {
    const [flowLog] = this.#select('WHERE id = ? AND deleted_at IS NULL', id)
    if (flowLog === undefined) throw this.#notThere(id)
    return flowLog
  }

  /** Whether it would be otherwise then. Throws FlowLogNotExist, ParameterInvalid. */
  differs(id: string, change: FlowLogChange): boolean {
    const before = this.get(id)
    checkValues({ ...before, ...change })
    return differingKeys(before, change).length > 0
  }

  /** Nothing changes when it is so already. Throws FlowLogNotExist, ParameterInvalid. */
  modify(id: string, change: FlowLogChange, by = itself): FlowLog {
    const before = this.get(id)
    const flowLog = { ...before, ...change }
    checkValues(flowLog)
    const keys = differingKeys(before, change)
    if (keys.length === 0) return before
    this.#change(() => {
      this.#run(
        `UPDATE flow_logs SET name = ?, description = ?, ip_version = ?, window_seconds = ?, changed_at = ?
         WHERE id = ?`,
        flowLog.name,
        flowLog.description,
        flowLog.ipVersion,
        flowLog.windowSeconds,
        this.#effects.now(),
        id,
      )
      const of = (values: FlowLogChange) =>
        Object.fromEntries(keys.map((key) => [key, values[key]]))
      this.history.add(id, by, 'modify', of(before), of(flowLog))
    })
    return this.get(id)
  }

  /** Collects from now on; nothing changes when it does already. Throws FlowLogNotExist. */
  start(id: string, by = itself): FlowLog {
    if (this.get(id).status === 'Active') return this.get(id)
    const now = this.#effects.now()
    this.#change(() => {
      this.#run("UPDATE flow_logs SET status = 'Active', changed_at = ? WHERE id = ?", now, id)
      this.#begin(id, now)
      this.history.add(id, by, 'start', { status: 'Inactive' }, { status: 'Active' })
    })
    return this.get(id)
  }

  /** Collects no more; records already in a logstore stay. Throws FlowLogNotExist. */
  stop(id: string, by = itself): FlowLog {
    if (this.get(id).status === 'Inactive') return this.get(id)
    const now = this.#effects.now()
    this.#change(() => {
      this.#run("UPDATE flow_logs SET status = 'Inactive', changed_at = ? WHERE id = ?", now, id)
      this.#end(id, now)
      this.history.add(id, by, 'stop', { status: 'Active' }, { status: 'Inactive' })
    })
    return this.get(id)
  }

  /** Records already in a logstore stay. `lately` knows it until it is forgotten. Throws FlowLogNotExist. */
  delete(id: string, by = itself): void {
    const { status } = this.get(id)
    const now = this.#effects.now()
    this.#change(() => {
      this.#run(
        "UPDATE flow_logs SET status = 'Inactive', changed_at = ?, deleted_at = ? WHERE id = ?",
        now,
        now,
        id,
      )
      this.#end(id, now)
      this.history.add(id, by, 'delete', { status }, {})
    })
  }

  #begin(id: string, since: UnixSeconds): void {
    this.#run('INSERT INTO flow_log_periods (flow_log, since) VALUES (?, ?)', id, since)
  }

  /** A clock may have been set back: a period does not end before it began. */
  #end(id: string, until: UnixSeconds): void {
    this.#run(
      'UPDATE flow_log_periods SET until = max(since, ?) WHERE flow_log = ? AND until IS NULL',
      until,
      id,
    )
  }

  #change(work: () => void): void {
    const isPart = this.#database.isTransaction
    inTransaction(this.#database, work)
    if (isPart) return // of a change that tells of itself
    for (const listener of this.#listeners) listener()
  }

  #run(sql: string, ...values: (string | number)[]): void {
    this.#database.prepare(sql).run(...values)
  }

  #select(where: string, ...values: (string | number)[]): FlowLog[] {
    const rows = this.#database.prepare(`SELECT * FROM flow_logs ${where} ORDER BY number`)
    const periods = this.#database.prepare(
      'SELECT since, until FROM flow_log_periods WHERE flow_log = ? ORDER BY number',
    )
    return rows.all(...values).map((row) => fromRow(row, periods.all(textOf(row, 'id'))))
  }

  #notThere(id: string): WeirError {
    const flowLogs = this.list()
    const named = flowLogs.find(({ name }) => name === id && id !== '')
    const near =
      named?.id ??
      nearest(
        id,
        flowLogs.map((each) => each.id),
      )
    return new WeirError(
      'FlowLogNotExist',
      `there is no flow log ${id}`,
      near === undefined ? {} : { hint: `Did you mean ${near}?` },
    )
  }
}

const changeable = ['name', 'description', 'ipVersion', 'windowSeconds'] as const

const differingKeys = (before: FlowLog, change: FlowLogChange) =>
  changeable.filter((key) => change[key] !== undefined && change[key] !== before[key])

type Row = Readonly<Record<string, SQLOutputValue>>

function textOf(row: Row, column: string): string {
  const value = row[column]
  assert(typeof value === 'string', `flow_logs.${column} is a text`)
  return value
}

function fromRow(row: Row, periodRows: readonly Row[]): FlowLog {
  const text = (column: string): string => textOf(row, column)
  const second = (from: Row, column: string): UnixSeconds => unixSeconds(Number(from[column]))
  const last = periodRows.at(-1)
  assert(last !== undefined, 'a flow log was active at least once')
  const earlier: ActivePeriod[] = periodRows
    .slice(0, -1)
    .map((period) => ({ since: second(period, 'since'), until: second(period, 'until') }))
  const flowLog = {
    id: text('id'),
    name: text('name'),
    description: text('description'),
    resourceType: text('resource_type'),
    resourceId: text('resource_id'),
    trafficType: text('traffic_type'),
    ipVersion: text('ip_version'),
    windowSeconds: Number(row['window_seconds']),
    scope: text('scope').split(','),
    project: text('project'),
    logstore: text('logstore'),
    status: text('status'),
    createdAt: second(row, 'created_at'),
    changedAt: second(row, 'changed_at'),
    startedAt: second(last, 'since'),
    ...(last['until'] === null ? {} : { stoppedAt: second(last, 'until') }),
    earlier,
  } as FlowLog
  checkValues(flowLog)
  return flowLog
}
