import { addresses } from './addresses.ts'
import { aggregates } from './aggregates.ts'
import { json } from './json.ts'
import { lists } from './lists.ts'
import { maps } from './maps.ts'
import { conditionals, maths } from './maths.ts'
import { regexps } from './regexps.ts'
import type { FunctionRule } from './rule.ts'
import { strings } from './strings.ts'
import { times } from './time.ts'
import { units } from './units.ts'
import { urls } from './urls.ts'

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
    ...maps,
    ...json,
    ...urls,
    ...units,
  ].map((rule) => [rule.name, rule]),
)
