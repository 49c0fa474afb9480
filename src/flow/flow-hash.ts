/** The hash of a flow's key, from a packet row and from an entry of the table alike. */
// Odd multipliers drawn anew in each process, and never shown: a sender cannot choose packets that collide.
const oddMultiplier = (): number => Math.floor(Math.random() * 2 ** 31) * 2 + 1
const m0 = oddMultiplier() | 0
const m1 = oddMultiplier() | 0
const m2 = oddMultiplier() | 0
const m3 = oddMultiplier() | 0
const m4 = oddMultiplier() | 0

export function hashIpv4(source: number, destination: number, ports: number, key: number): number {
  const sum =
    Math.imul(source, m0) ^ Math.imul(destination, m1) ^ Math.imul(ports, m2) ^ Math.imul(key, m3)
  const mixed = Math.imul(sum ^ (sum >>> 16), m4)
  return mixed ^ (mixed >>> 15)
}

export function hashIpv6(
  words: Int32Array,
  at: number,
  destinationAt: number,
  ports: number,
  key: number,
): number {
  const source = at + 4 - destinationAt
  const destination = at + destinationAt
  let folded = 0
  for (let i = 1; i < 4; i++)
    folded = Math.imul(folded ^ (folded >>> 16) ^ words[source + i]!, m3) + words[destination + i]!
  return hashIpv4(words[source]! ^ folded, words[destination]!, ports, key)
}

export function hashEntryIpv6(entries: Int32Array, entry: number, key: number): number {
  let folded = 0
  for (let i = 1; i < 4; i++)
    folded =
      Math.imul(folded ^ (folded >>> 16) ^ entries[entry + 15 + i]!, m3) + entries[entry + 19 + i]!
  return hashIpv4(entries[entry]! ^ folded, entries[entry + 1]!, entries[entry + 2]!, key)
}
