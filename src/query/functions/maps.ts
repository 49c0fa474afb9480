import type { Printed, SqlType } from '../types.ts'
import { elementOf, lambda, valueOf } from './lists.ts'
import type { CallContext, FunctionRule } from './rule.ts'
import { sameAs, scalar } from './rule.ts'

const keyOf = (args: readonly Printed[]): SqlType => {
  const { type } = args[0]!
  return typeof type === 'object' && 'map' in type ? type.map[0] : 'unknown'
}

/** The body of a lambda of a map's key and value, for every entry: a list. */
function overEntries([map, each]: readonly Printed[], call: CallContext): string {
  const { parameters, body } = lambda(each!, 2, call)
  const inner = `list_transform([p.value], lambda ${parameters[1]}: ${body})[1]`
  return `list_transform(map_entries(${map!.sql}), lambda p: list_transform([p.key], lambda ${parameters[0]}: ${inner})[1])`
}

export const maps: readonly FunctionRule[] = [
  scalar('map', [0, 2], 'array', ([keys, values]) => ({
    map: [elementOf(keys?.type ?? 'unknown'), elementOf(values?.type ?? 'unknown')],
  })),
  scalar('map_keys', 1, 'map', (args) => ({ array: keyOf(args) })),
  scalar('map_values', 1, 'map', (args) => ({ array: valueOf(args) })),
  scalar('map_entries', 1, 'map', { array: 'row' }),
  scalar('map_from_entries', 1, 'array', { map: ['unknown', 'unknown'] }),
  scalar('map_concat', [2, 8], 'map', sameAs()),
  scalar('map_filter', 2, 'map any', sameAs(), (args, call) => {
    const kept = overEntries(args, call)
    return `map_from_entries(list_transform(list_filter(list_zip(map_entries(${args[0]!.sql}), ${kept}), lambda e: e[2]), lambda e: e[1]))`
  }),
  scalar(
    'transform_values',
    2,
    'map any',
    (args) => ({ map: [keyOf(args), args[1]!.type] }),
    (args, call) => `map(map_keys(${args[0]!.sql}), ${overEntries(args, call)})`,
  ),
  scalar(
    'transform_keys',
    2,
    'map any',
    (args) => ({ map: [args[1]!.type, valueOf(args)] }),
    (args, call) => `map(${overEntries(args, call)}, map_values(${args[0]!.sql}))`,
  ),
  scalar(
    'cosine_similarity',
    2,
    'map',
    'double',
    ([a, b]) =>
      `sls_js_cosine_similarity(CAST(${a!.sql} AS MAP(VARCHAR, DOUBLE)), CAST(${b!.sql} AS MAP(VARCHAR, DOUBLE)))`,
  ),
]
