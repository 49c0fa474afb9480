/**
 * Consumer groups: who of a group reads which shard, and how far each shard was read (alibaba-api.md 3.7). Groups,
 * checkpoints and who holds what are durable; only the times of heartbeats are not, so after a restart every holder has
 * one timeout to be heard again.
 */
import { WeirError } from '../base/errors.ts'
import type { LogStore, Shard } from '../logstore/logstore.ts'
import { type GroupShards, rebalance } from './rebalance.ts'

export type GroupStore = Pick<LogStore, 'attribute' | 'attributes' | 'setAttributes' | 'shards'>

export interface ConsumerGroup {
  readonly name: string
  /** Seconds without a heartbeat after which a consumer's shards are others'. */
  readonly timeout: number
  /** Shards that came of a split or merge are read when those they came of are. */
  readonly order: boolean
}

export interface CheckPoint {
  readonly shard: number
  /** A cursor; empty when there is none. */
  readonly checkpoint: string
  /** Unix microseconds; 0 when there is none. */
  readonly updateTime: number
  readonly consumer: string
}

/** Whether a cursor stands behind the last record that a shard without writers will ever have. */
export type IsConsumed = (
  project: string,
  logstore: string,
  shard: number,
  cursor: string,
) => Promise<boolean>

interface KeptGroup {
  readonly timeout: number
  readonly order: boolean
  /** Shard to consumer. */
  readonly holders: Readonly<Record<string, string>>
}

interface LiveGroup extends GroupShards {
  /** When each consumer was heard last, in milliseconds. */
  readonly heard: Map<string, number>
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9_-]{1,62}$/
const groupsMax = 30
const timeoutMax = 86_400

/** Base64, as cursors are; nothing takes a checkpoint back. */
const cursorPattern = /^[A-Za-z0-9+/]{0,256}={0,2}$/

export class ConsumerGroups {
  readonly #store: GroupStore
  readonly #isConsumed: IsConsumed
  readonly #now: () => number
  readonly #live = new Map<string, LiveGroup>()

  /** @param now Unix milliseconds */
  constructor(store: GroupStore, isConsumed: IsConsumed, now: () => number = Date.now) {
    this.#store = store
    this.#isConsumed = isConsumed
    this.#now = now
  }

  /** Throws ConsumerGroupAlreadyExist, ParameterInvalid. */
  create(project: string, logstore: string, { name, timeout, order }: ConsumerGroup): void {
    if (!namePattern.test(name))
      throw new WeirError('ParameterInvalid', `consumer group name ${name} is invalid`)
    checkTimeout(timeout)
    const groups = this.list(project, logstore)
    if (groups.some((each) => each.name === name))
      throw new WeirError('ConsumerGroupAlreadyExist', `consumer group ${name} already exist`)
    if (groups.length >= groupsMax)
      throw new WeirError('ParameterInvalid', `a logstore has at most ${groupsMax} consumer groups`)
    this.#live.delete(liveKey(project, logstore, name)) // of a logstore that was deleted and made again
    this.#keep(project, logstore, name, { timeout, order, holders: {} })
  }

  /** What is left out stays. Throws ConsumerGroupNotExist, ParameterInvalid. */
  update(
    project: string,
    logstore: string,
    name: string,
    change: { readonly timeout?: number; readonly order?: boolean },
  ): void {
    if (change.timeout !== undefined) checkTimeout(change.timeout)
    this.#keep(project, logstore, name, { ...this.#kept(project, logstore, name), ...change })
  }

  /** By name. */
  list(project: string, logstore: string): ConsumerGroup[] {
    return this.#store.attributes(project, logstore, groupPrefix).map(({ key, value }) => {
      const { timeout, order } = value as KeptGroup
      return { name: key.slice(groupPrefix.length), timeout, order }
    })
  }

  /** With its checkpoints. Throws ConsumerGroupNotExist. */
  delete(project: string, logstore: string, name: string): void {
    this.#kept(project, logstore, name)
    const checkpoints = this.#store.attributes(project, logstore, checkpointPrefix(name))
    const gone = [groupKey(name), ...checkpoints.map(({ key }) => key)]
    this.#store.setAttributes(project, logstore, new Map(gone.map((key) => [key, undefined])))
    this.#live.delete(liveKey(project, logstore, name))
  }

  /**
   * A consumer is there and reads the shards `held`.
   * @returns the shards that it shall read from now on
   */
  async heartbeat(
    project: string,
    logstore: string,
    name: string,
    consumer: string,
    held: readonly number[],
  ): Promise<number[]> {
    const { order, timeout } = this.#kept(project, logstore, name)
    const open = await this.#openShards(project, logstore, name, order)
    const kept = this.#kept(project, logstore, name)
    const live = this.#liveGroup(project, logstore, name, kept)
    const now = this.#now()
    live.heard.set(consumer, now)
    for (const [each, heard] of live.heard)
      if (now - heard > timeout * 1000) live.heard.delete(each)
    const before = JSON.stringify(holdersOf(live))
    const mine = rebalance(live, open, [...live.heard.keys()], consumer, held)
    const holders = holdersOf(live)
    // The answer is given only when what it says outlives this process.
    if (JSON.stringify(holders) !== before)
      this.#keep(project, logstore, name, { ...kept, holders })
    return mine
  }

  /** One for each shard, or for the one asked for. Throws ConsumerGroupNotExist, ShardNotExist. */
  checkpoints(project: string, logstore: string, name: string, shard?: number): CheckPoint[] {
    this.#kept(project, logstore, name)
    const shards = this.#store.shards(project, logstore).map(({ id }) => id)
    if (shard !== undefined && !shards.includes(shard)) throw noShard(shard)
    const wanted = shard === undefined ? shards : [shard]
    return wanted.map(
      (id) => this.#checkpoint(project, logstore, name, id) ?? { ...noCheckpoint, shard: id },
    )
  }

  /**
   * Throws ConsumerGroupNotExist, CheckpointShardNotExist, InvalidShardCheckPoint for what is no cursor; unless `force`,
   * ConsumerNotExist when the consumer is not there and InvalidShardCheckPoint when the shard is another's.
   */
  setCheckpoint(
    project: string,
    logstore: string,
    name: string,
    point: { readonly shard: number; readonly checkpoint: string },
    by: { readonly consumer: string; readonly force: boolean },
  ): void {
    const kept = this.#kept(project, logstore, name)
    const { shard, checkpoint } = point
    if (!this.#store.shards(project, logstore).some(({ id }) => id === shard))
      throw new WeirError('CheckpointShardNotExist', `shard ${shard} not exist`)
    if (!cursorPattern.test(checkpoint))
      throw new WeirError('InvalidShardCheckPoint', 'shard checkpoint not encoded by base64')
    if (!by.force) assertHolds(this.#liveGroup(project, logstore, name, kept), shard, by.consumer)
    const value = { checkpoint, consumer: by.consumer, updateTime: this.#now() * 1000 }
    this.#store.setAttributes(project, logstore, new Map([[checkpointKey(name, shard), value]]))
  }

  #checkpoint(
    project: string,
    logstore: string,
    name: string,
    shard: number,
  ): CheckPoint | undefined {
    const value = this.#store.attribute(project, logstore, checkpointKey(name, shard))
    return value === undefined ? undefined : { ...(value as Omit<CheckPoint, 'shard'>), shard }
  }

  /** Shards to read. In order: of a split or merge, first those that were there before. */
  async #openShards(
    project: string,
    logstore: string,
    name: string,
    order: boolean,
  ): Promise<number[]> {
    const shards = this.#store.shards(project, logstore)
    if (!order) return shards.map(({ id }) => id)
    const unread: Shard[] = []
    for (const shard of shards.filter(({ status }) => status === 'readonly')) {
      const at = this.#checkpoint(project, logstore, name, shard.id)?.checkpoint ?? ''
      if (!(await this.#isConsumed(project, logstore, shard.id, at))) unread.push(shard)
    }
    const waits = (shard: Shard): boolean => unread.some((older) => cameOf(shard, older))
    return shards.filter((shard) => !waits(shard)).map(({ id }) => id)
  }

  #liveGroup(project: string, logstore: string, name: string, kept: KeptGroup): LiveGroup {
    const key = liveKey(project, logstore, name)
    const known = this.#live.get(key)
    if (known !== undefined) return known
    const holders = Object.entries(kept.holders).map(([id, by]) => [Number(id), by] as const)
    const now = this.#now()
    const live: LiveGroup = {
      holders: new Map(holders),
      leaving: new Set(),
      heard: new Map(holders.map(([, consumer]) => [consumer, now])),
    }
    this.#live.set(key, live)
    return live
  }

  #kept(project: string, logstore: string, name: string): KeptGroup {
    const value = this.#store.attribute(project, logstore, groupKey(name))
    if (value === undefined)
      throw new WeirError('ConsumerGroupNotExist', `consumer group ${name} not exist`)
    return value as KeptGroup
  }

  #keep(project: string, logstore: string, name: string, group: KeptGroup): void {
    this.#store.setAttributes(project, logstore, new Map([[groupKey(name), group]]))
  }
}

const noCheckpoint = { checkpoint: '', updateTime: 0, consumer: '' }
const groupPrefix = 'consumerGroup/'
const groupKey = (name: string): string => groupPrefix + name
const checkpointPrefix = (name: string): string => `checkpoint/${name}/`
const checkpointKey = (name: string, shard: number): string => `${checkpointPrefix(name)}${shard}`
const liveKey = (...parts: readonly string[]): string => parts.join('/')

const holdersOf = ({ holders }: LiveGroup): Record<string, string> => Object.fromEntries(holders)

function assertHolds({ heard, holders }: LiveGroup, shard: number, consumer: string): void {
  if (!heard.has(consumer))
    throw new WeirError('ConsumerNotExist', `consumer ${consumer} not exist`)
  if (holders.get(shard) !== consumer)
    throw new WeirError(
      'InvalidShardCheckPoint',
      `shard ${shard} is not held by consumer ${consumer}`,
    )
}

const cameOf = (shard: Shard, older: Shard): boolean =>
  shard.id > older.id && shard.beginKey < older.endKey && older.beginKey < shard.endKey

const noShard = (shard: number): WeirError =>
  new WeirError('ShardNotExist', `shard ${shard} not exist`)

function checkTimeout(timeout: number): void {
  if (Number.isInteger(timeout) && timeout >= 1 && timeout <= timeoutMax) return
  throw new WeirError('ParameterInvalid', `timeout is ${timeout}, not 1 to ${timeoutMax} seconds`)
}
