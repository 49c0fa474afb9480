/**
 * The name that was probably meant: the one fewest edits away, if those are at most a third of its length
 * (or two, for short names).
 */
export function nearest(written: string, names: Iterable<string>): string | undefined {
  const wanted = written.slice(0, 64).toLowerCase()
  let best: string | undefined
  let bestDistance = Infinity
  for (const name of names) {
    const distance = editDistance(wanted, name.toLowerCase())
    const allowed = Math.min(name.length - 1, Math.max(2, Math.floor(name.length / 3)))
    if (distance <= allowed && distance < bestDistance) [best, bestDistance] = [name, distance]
  }
  return best
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `from` into `to`. */
function editDistance(from: string, to: string): number {
  let twoAbove: number[] = []
  let above = Array.from({ length: to.length + 1 }, (_, j) => j)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = above[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1)
      const swapped =
        i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
          ? twoAbove[j - 2]! + 1
          : Infinity
      row.push(Math.min(above[j]! + 1, row[j - 1]! + 1, replaced, swapped))
    }
    twoAbove = above
    above = row
  }
  return above[to.length]!
}
