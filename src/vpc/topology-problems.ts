/** What is wrong with a topology file: all of it, each with its place and, where one can be guessed, the right name. */
import { WeirError } from '../base/errors.ts'

export interface TopologyProblem {
  /** `file:line:column` */
  readonly place: string
  readonly message: string
  readonly hint: string | undefined
}

/** TopologyInvalid with every problem. One problem: its own message, place and hint; more: a list in the message. */
export class TopologyInvalid extends WeirError {
  readonly problems: readonly TopologyProblem[]

  constructor(problems: readonly TopologyProblem[]) {
    const [first] = problems
    const more = first?.hint === undefined ? {} : { hint: first.hint }
    if (problems.length === 1)
      super('TopologyInvalid', first!.message, { place: first!.place, ...more })
    else {
      const lines = problems.map((each) => {
        const hint = each.hint === undefined ? '' : `. ${each.hint}`
        return `\n  ${each.place}: ${each.message}${hint}`
      })
      super('TopologyInvalid', `${problems.length} problems${lines.join('')}\n`, {
        place: first!.place,
      })
    }
    this.problems = problems
  }
}

/** `Did you mean "accept"?`, else the names there are, when they are few. */
export function suggest(wrong: string, names: readonly string[]): string | undefined {
  const near = nearest(wrong, names)
  if (near !== undefined) return `Did you mean ${JSON.stringify(near)}?`
  return names.length > 0 && names.length <= 16 ? `Known: ${names.join(', ')}` : undefined
}

/** The name that takes the fewest changes to reach, if those are no more than a third of its length (at least two). */
export function nearest(wrong: string, names: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = Infinity
  for (const name of names) {
    const distance = editDistance(wrong.toLowerCase(), name.toLowerCase())
    const near = distance < name.length && distance <= Math.max(2, Math.floor(name.length / 3))
    if (near && distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) cost = Math.min(cost, before[j - 2]! + 1)
      row.push(cost)
    }
    before = above
    above = row
  }
  return above[b.length]!
}
