import { addresses } from './addresses.ts'
import { aggregates } from './aggregates.ts'
import { lists } from './lists.ts'
import { conditionals, maths } from './maths.ts'
import { regexps } from './regexps.ts'
import type { FunctionRule } from './rule.ts'
import { strings } from './strings.ts'
import { times } from './time.ts'

/** Every function of the query language, by name: what is not a row here cannot be called. */
export const functionTable: ReadonlyMap<string, FunctionRule> = new Map(
  [
    ...aggregates,
    ...strings,
    ...times,
    ...regexps,
    ...maths,
    ...conditionals,
    ...addresses,
    ...lists,
  ].map((rule) => [rule.name, rule]),
)
