import { WeirError } from '../base/errors.ts'
import type { Catalogue } from './catalogue.ts'
import type { AppendOptions, Shard } from './contract.ts'
import { invalid } from './names.ts'
import {
  endOf,
  evenly,
  keyForm,
  lastKey,
  numberOf,
  shardsBetween,
  shardsMax,
} from './shard-keys.ts'

/**
 * The shards of each logstore. Those that are readwrite share the space of keys between them without
 * a gap; a split or a merge makes them readonly and puts new ones in their place.
 */
export class ShardTable {
  readonly #catalogue: Catalogue
  readonly #byLogstore = new Map<number, readonly Shard[]>()
  /** Batches that went to whichever shard was next, by logstore. */
  readonly #turns = new Map<number, number>()

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue
  }

  /** By id. */
  of(logstore: number): readonly Shard[] {
    const known = this.#byLogstore.get(logstore)
    if (known) return known
    const shards = this.#catalogue.shards(logstore)
    this.#byLogstore.set(logstore, shards)
    return shards
  }

  /** The shard that a batch goes to now. Throws ShardNotExist, ParameterInvalid. */
  choose(logstore: number, { shard, hashKey }: AppendOptions): number {
    if (shard !== undefined) return this.#writable(logstore, shard).id
    const writable = this.of(logstore).filter(isWritable)
    if (hashKey === undefined) {
      const turn = this.#turns.get(logstore) ?? 0
      this.#turns.set(logstore, turn + 1)
      return writable[turn % writable.length]?.id ?? 0
    }
    if (!keyForm.test(hashKey)) throw invalid('invalid hash key', '32 hex digits')
    const key = hashKey.toLowerCase()
    const found = writable.find(({ beginKey, endKey }) => beginKey <= key && key < endKey)
    return (found ?? writable.find(({ endKey }) => endKey === lastKey))?.id ?? 0
  }

  /** The shard, readonly now, and the new ones. Throws ShardNotExist, ParameterInvalid. */
  split(
    logstore: number,
    id: number,
    { key, count = 2 }: { key?: string; count?: number },
    now: number,
  ): readonly Shard[] {
    const old = this.#writable(logstore, id)
    const writable = this.of(logstore).filter(isWritable).length
    if (!Number.isInteger(count) || count < 2 || writable - 1 + count > shardsMax)
      throw invalid('invalid shard count', `at most ${shardsMax} shards can be written to`)
    if (key !== undefined && (count !== 2 || !keyForm.test(key))) throw invalid('invalid mid hash')
    const begin = numberOf(old.beginKey)
    const end = endOf(old)
    const middle = key === undefined ? [] : [BigInt(`0x${key}`)]
    const bounds = middle.length > 0 ? [begin, ...middle, end] : evenly(begin, end, count)
    if (bounds.some((bound, index) => index > 0 && bound <= bounds[index - 1]!))
      throw invalid('invalid mid hash', `between ${old.beginKey} and ${old.endKey}`)
    return this.#replace(logstore, [old], bounds, now)
  }

  /** The new shard, then the two, readonly now. Throws ShardNotExist, ParameterInvalid. */
  merge(logstore: number, id: number, now: number): readonly Shard[] {
    const left = this.#writable(logstore, id)
    const right = this.of(logstore).find(
      (each) => isWritable(each) && each.beginKey === left.endKey,
    )
    if (!right) throw invalid('can not merge the last shard')
    const [first, second, merged] = this.#replace(
      logstore,
      [left, right],
      [numberOf(left.beginKey), endOf(right)],
      now,
    )
    return [merged, first, second].filter((each) => each !== undefined)
  }

  forget(logstore: number): void {
    this.#byLogstore.delete(logstore)
    this.#turns.delete(logstore)
  }

  #writable(logstore: number, id: number): Shard {
    if (!Number.isInteger(id) || id < 0) throw invalid('invalid shard id')
    const shard = this.of(logstore).find((each) => each.id === id)
    if (!shard) throw new WeirError('ShardNotExist', `there is no shard ${id}`)
    if (!isWritable(shard)) throw invalid('invalid shard id', `shard ${id} is readonly`)
    return shard
  }

  #replace(
    logstore: number,
    old: readonly Shard[],
    bounds: readonly bigint[],
    now: number,
  ): readonly Shard[] {
    const before = this.of(logstore)
    const made = shardsBetween(bounds, Math.max(...before.map(({ id }) => id)) + 1, now)
    const closed = old.map((each): Shard => ({ ...each, status: 'readonly', readonlyAt: now }))
    this.#catalogue.transaction(() => this.#catalogue.putShards(logstore, [...closed, ...made]))
    this.#byLogstore.delete(logstore)
    return [...closed, ...made]
  }
}

const isWritable = ({ status }: Shard): boolean => status === 'readwrite'
