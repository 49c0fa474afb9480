import type { Shard } from './contract.ts'
import { invalid } from './names.ts'

/** Shards a logstore writes to: the log service's most (alibaba-api.md 3.3, maxSplitShard). */
export const shardsMax = 256
const keySpace = 2n ** 128n
export const lastKey = 'f'.repeat(32)
export const keyForm = /^[0-9a-f]{32}$/i

/** The shards of a new logstore: equal shares, numbered from 0. Throws ParameterInvalid. */
export function firstShards(count: number, now: number): readonly Shard[] {
  if (!Number.isInteger(count) || count < 1 || count > shardsMax)
    throw invalid('invalid shard count', `1 to ${shardsMax}`)
  return shardsBetween(evenly(0n, keySpace, count), 0, now)
}

export const evenly = (begin: bigint, end: bigint, count: number): bigint[] =>
  Array.from(
    { length: count + 1 },
    (_, index) => begin + ((end - begin) * BigInt(index)) / BigInt(count),
  )

export const shardsBetween = (bounds: readonly bigint[], firstId: number, now: number): Shard[] =>
  bounds.slice(1).map((end, index) => ({
    id: firstId + index,
    status: 'readwrite',
    beginKey: keyOf(bounds[index]!),
    endKey: keyOf(end),
    createdAt: now,
    readonlyAt: undefined,
  }))

export const numberOf = (key: string): bigint => BigInt(`0x${key}`)

/** The last shard's end is written ffff...: it holds that key too. */
export const endOf = ({ endKey }: Shard): bigint =>
  endKey === lastKey ? keySpace : numberOf(endKey)

const keyOf = (number: bigint): string =>
  number === keySpace ? lastKey : number.toString(16).padStart(32, '0')
