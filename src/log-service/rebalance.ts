/** Which consumer of a group reads which shard. Pure but for the group it is given. */

export interface GroupShards {
  /** Shard to consumer. */
  readonly holders: Map<number, string>
  /** Shards whose holder was told to let go, and has not yet. */
  readonly leaving: Set<number>
}

/**
 * Takes in what a consumer says that it reads, and says what it shall read. A shard is another's only when its holder is
 * gone, or has let it go: never do two read one. Loads differ by one shard at most when all have been heard.
 *
 * @param shards that may be read
 * @param alive the consumers that were heard within the timeout, `consumer` among them
 * @param held what `consumer` reads at this moment
 */
export function rebalance(
  group: GroupShards,
  shards: readonly number[],
  alive: readonly string[],
  consumer: string,
  held: readonly number[],
): number[] {
  const { holders, leaving } = group
  release(group, shards, alive, consumer, held)
  for (const shard of held)
    if (shards.includes(shard) && !holders.has(shard)) holders.set(shard, consumer)
  const load = new Map(alive.map((each) => [each, 0]))
  for (const [shard, holder] of holders)
    if (!leaving.has(shard)) load.set(holder, load.get(holder)! + 1)
  const least = (): number => Math.min(...load.values())
  const own = (): number => load.get(consumer)!
  for (const shard of shards) {
    if (holders.has(shard) || own() > least()) continue
    holders.set(shard, consumer)
    load.set(consumer, own() + 1)
  }
  const isGivenOut = shards.every((shard) => holders.has(shard))
  for (const shard of isGivenOut ? shards.toReversed() : []) {
    if (holders.get(shard) !== consumer || leaving.has(shard) || own() <= least() + 1) continue
    leaving.add(shard)
    break // one at a heartbeat: who has least takes it at its own
  }
  return shards.filter((shard) => holders.get(shard) === consumer && !leaving.has(shard))
}

function release(
  { holders, leaving }: GroupShards,
  shards: readonly number[],
  alive: readonly string[],
  consumer: string,
  held: readonly number[],
): void {
  for (const [shard, holder] of holders) {
    const isGone = !shards.includes(shard) || !alive.includes(holder)
    const isLetGo = holder === consumer && leaving.has(shard) && !held.includes(shard)
    if (!isGone && !isLetGo) continue
    holders.delete(shard)
    leaving.delete(shard)
  }
}
