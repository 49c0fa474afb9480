/** What is wrong with a topology file: all of it, each with its place and, where one can be guessed, the right name. */
import { WeirError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'

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
