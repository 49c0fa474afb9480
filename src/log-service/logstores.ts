/** Logstores of the log service: the store's, with the settings that its API keeps with them (alibaba-api.md §3.3, §4.2). */
import { WeirError } from '../base/errors.ts'
import type { Logstore, LogStore } from '../logstore/logstore.ts'
import { checkSettings, type LogstoreSettings } from './logstore-settings.ts'

export type LogstoreStore = Pick<
  LogStore,
  | 'attribute'
  | 'setAttributes'
  | 'logstores'
  | 'createLogstore'
  | 'deleteLogstore'
  | 'updateTtl'
  | 'shards'
>

export interface NewLogstore {
  readonly name: string
  readonly ttlDays: number
  readonly shards: number
  readonly settings: LogstoreSettings
}

export interface ServiceLogstore extends Logstore {
  /** Those that take logs. */
  readonly shards: number
  readonly settings: LogstoreSettings
}

export const meteringModes = ['ChargeByFunction', 'ChargeByDataIngest'] as const
export type MeteringMode = (typeof meteringModes)[number]

interface Kept {
  readonly settings: LogstoreSettings
  /** Unix seconds. */
  readonly changedAt: number
}

const namePattern = /^[a-z0-9][a-z0-9_-]{0,61}[a-z0-9]$/
const ttlDaysMax = 3650
/** At creation; splitting gives more. */
const newShardsMax = 10
/** A name a file of the catalogue is kept for, and a folder. */
const logstoresMax = 1000

export class Logstores {
  readonly #store: LogstoreStore
  readonly #now: () => number

  /** @param now Unix milliseconds */
  constructor(store: LogstoreStore, now: () => number = Date.now) {
    this.#store = store
    this.#now = now
  }

  /** Throws LogStoreInfoInvalid, ParameterInvalid, LogStoreAlreadyExist, ProjectNotExist, ProjectQuotaExceed. */
  create(project: string, { name, ttlDays, shards, settings }: NewLogstore): void {
    if (!namePattern.test(name))
      throw new WeirError('LogStoreInfoInvalid', `store name ${name} is invalid`)
    checkWhole('ttl', ttlDays, 1, ttlDaysMax)
    checkWhole('shardCount', shards, 1, newShardsMax)
    checkSettings(settings, ttlDays)
    const there = this.#store.logstores(project)
    if (there.some((each) => each.name === name))
      throw new WeirError('LogStoreAlreadyExist', `logstore ${name} already exists`)
    if (there.length >= logstoresMax)
      throw new WeirError('ProjectQuotaExceed', 'Project Quota Exceed.')
    this.#store.createLogstore(project, name, { columns: [], openColumns: true, shards, ttlDays })
    this.#keep(project, name, settings)
  }

  /** Throws ProjectNotExist, LogStoreNotExist. */
  get(project: string, name: string): ServiceLogstore {
    const found = this.#store.logstores(project).find((each) => each.name === name)
    if (found === undefined) throw notThere(name)
    return this.#served(project, found)
  }

  /** By name. Throws ProjectNotExist. */
  list(project: string): readonly ServiceLogstore[] {
    return this.#store.logstores(project).map((each) => this.#served(project, each))
  }

  /** What is left out stays. Throws ParameterInvalid (nothing changed), ProjectNotExist, LogStoreNotExist. */
  update(
    project: string,
    name: string,
    { ttlDays, shards, settings }: Partial<Omit<NewLogstore, 'name'>>,
  ): void {
    const now = this.get(project, name)
    if (shards !== undefined && shards !== now.shards)
      throw invalid('invalid shard count,you can only modify shardCount by split& merge shard')
    const ttl = ttlDays ?? now.ttlDays
    checkWhole('ttl', ttl, 1, ttlDaysMax)
    const changed = { ...now.settings, ...settings }
    checkSettings(changed, ttl)
    if (ttl !== now.ttlDays) this.#store.updateTtl(project, name, ttl)
    this.#keep(project, name, changed)
  }

  /** Throws ProjectNotExist, LogStoreNotExist. */
  async delete(project: string, name: string): Promise<void> {
    this.get(project, name)
    await this.#store.deleteLogstore(project, name)
  }

  /** Throws ProjectNotExist, LogStoreNotExist. */
  meteringMode(project: string, name: string): MeteringMode {
    this.get(project, name)
    const mode = this.#store.attribute(project, name, 'meteringMode')
    return (mode as MeteringMode | undefined) ?? 'ChargeByFunction'
  }

  /** Throws ParameterInvalid, ProjectNotExist, LogStoreNotExist. */
  setMeteringMode(project: string, name: string, mode: string): void {
    this.get(project, name)
    const known = meteringModes.find((each) => each === mode)
    if (known === undefined) throw invalid(`meteringMode ${mode} is invalid`)
    this.#store.setAttributes(project, name, new Map([['meteringMode', known]]))
  }

  /** What decides how logs are taken in, cheaply. Throws ProjectNotExist, LogStoreNotExist. */
  settings(project: string, name: string): LogstoreSettings {
    return this.#kept(project, name)?.settings ?? {}
  }

  #served(project: string, logstore: Logstore): ServiceLogstore {
    const kept = this.#kept(project, logstore.name)
    const shards = this.#store.shards(project, logstore.name)
    return {
      ...logstore,
      shards: shards.filter(({ status }) => status === 'readwrite').length,
      settings: kept?.settings ?? {},
      updatedAt: Math.max(logstore.updatedAt, kept?.changedAt ?? 0),
    }
  }

  #kept(project: string, name: string): Kept | undefined {
    return this.#store.attribute(project, name, 'settings') as Kept | undefined
  }

  #keep(project: string, name: string, settings: LogstoreSettings): void {
    const kept: Kept = { settings, changedAt: Math.floor(this.#now() / 1000) }
    this.#store.setAttributes(project, name, new Map([['settings', kept]]))
  }
}

function checkWhole(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max)
    throw invalid(`${name} must be a whole number from ${min} to ${max}`)
}

const notThere = (name: string): WeirError =>
  new WeirError('LogStoreNotExist', `logstore ${name} does not exist`)

const invalid = (message: string): WeirError => new WeirError('ParameterInvalid', message)
