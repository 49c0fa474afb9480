/** The flow logs there are: a table of their own on a SQLite connection, so they survive restarts. */
import { randomInt } from 'node:crypto'
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { assert } from '../base/assert.ts'
import { WeirError } from '../base/errors.ts'
import { unixSeconds, type UnixSeconds } from '../base/time.ts'
import { checkFlowLog, type FlowLog, type FlowLogChange, type NewFlowLog } from './instance.ts'

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

const table = `
  CREATE TABLE IF NOT EXISTS flow_logs (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    traffic_type TEXT NOT NULL,
    ip_version TEXT NOT NULL,
    window_seconds INTEGER NOT NULL,
    scope TEXT NOT NULL, -- names with commas between
    project TEXT NOT NULL,
    logstore TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT`

export class FlowLogs {
  readonly #database: DatabaseSync
  readonly #effects: FlowLogsEffects

  /** Makes its table when it is not there. Whether resource, project and logstore exist is for others to ask. */
  constructor(database: DatabaseSync, effects: FlowLogsEffects = realEffects) {
    this.#database = database
    this.#effects = effects
    database.exec(table)
  }

  /**
   * Adds a flow log: "After you create the flow log, traffic information collection starts automatically."
   * Throws ParameterInvalid.
   */
  create(wanted: NewFlowLog): FlowLog {
    const flowLog: FlowLog = {
      id: this.#effects.newId(),
      name: wanted.name ?? '',
      resourceType: wanted.resourceType,
      resourceId: wanted.resourceId,
      trafficType: wanted.trafficType ?? 'All',
      ipVersion: wanted.ipVersion ?? 'IPv4',
      windowSeconds: wanted.windowSeconds ?? 600, // "each capture window (10 minutes by default)"
      scope: [...(wanted.scope ?? ['all'])],
      project: wanted.project,
      logstore: wanted.logstore,
      status: 'Active',
      createdAt: this.#effects.now(),
    }
    checkFlowLog(flowLog)
    this.#database
      .prepare(
        `INSERT INTO flow_logs (id, name, resource_type, resource_id, traffic_type, ip_version,
           window_seconds, scope, project, logstore, status, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        flowLog.id,
        flowLog.name,
        flowLog.resourceType,
        flowLog.resourceId,
        flowLog.trafficType,
        flowLog.ipVersion,
        flowLog.windowSeconds,
        flowLog.scope.join(),
        flowLog.project,
        flowLog.logstore,
        flowLog.status,
        flowLog.createdAt,
      )
    return flowLog
  }

  /** All of them, the oldest first. */
  list(): FlowLog[] {
    return this.#database.prepare('SELECT * FROM flow_logs ORDER BY number').all().map(fromRow)
  }

  /** Throws FlowLogNotExist. */
  get(id: string): FlowLog {
    const row = this.#database.prepare('SELECT * FROM flow_logs WHERE id = ?').get(id)
    if (!row) throw notThere(id)
    return fromRow(row)
  }

  /** Throws FlowLogNotExist, ParameterInvalid. */
  modify(id: string, change: FlowLogChange): FlowLog {
    const flowLog = { ...this.get(id), ...change }
    checkFlowLog(flowLog)
    this.#database
      .prepare('UPDATE flow_logs SET name = ?, ip_version = ?, window_seconds = ? WHERE id = ?')
      .run(flowLog.name, flowLog.ipVersion, flowLog.windowSeconds, id)
    return flowLog
  }

  /** Collects from now on; nothing changes when it does already. Throws FlowLogNotExist. */
  start(id: string): FlowLog {
    return this.#become(id, 'Active')
  }

  /** Collects no more; records already in a logstore stay. Throws FlowLogNotExist. */
  stop(id: string): FlowLog {
    return this.#become(id, 'Inactive')
  }

  /** Records already in a logstore stay. Throws FlowLogNotExist. */
  delete(id: string): void {
    const { changes } = this.#database.prepare('DELETE FROM flow_logs WHERE id = ?').run(id)
    if (changes === 0) throw notThere(id)
  }

  #become(id: string, status: FlowLog['status']): FlowLog {
    const { changes } = this.#database
      .prepare('UPDATE flow_logs SET status = ? WHERE id = ?')
      .run(status, id)
    if (changes === 0) throw notThere(id)
    return this.get(id)
  }
}

const notThere = (id: string): WeirError =>
  new WeirError('FlowLogNotExist', `there is no flow log ${id}`)

function fromRow(row: Record<string, SQLOutputValue>): FlowLog {
  const text = (column: string): string => {
    const value = row[column]
    assert(typeof value === 'string', `flow_logs.${column} is a text`)
    return value
  }
  const flowLog = {
    id: text('id'),
    name: text('name'),
    resourceType: text('resource_type'),
    resourceId: text('resource_id'),
    trafficType: text('traffic_type'),
    ipVersion: text('ip_version'),
    windowSeconds: Number(row['window_seconds']),
    scope: text('scope').split(','),
    project: text('project'),
    logstore: text('logstore'),
    status: text('status'),
    createdAt: unixSeconds(Number(row['created_at'])),
  } as FlowLog
  checkFlowLog(flowLog)
  return flowLog
}
