import { classOf, typeName } from '../types.ts'
import type { Printed, SqlType } from '../types.ts'
import type { CallContext, FunctionRule } from './rule.ts'
import { list, sameAs, scalar } from './rule.ts'
import { capped, itemsMax } from './strings.ts'

export const elementOf = (type: SqlType): SqlType =>
  typeof type === 'object' && 'array' in type ? type.array : 'unknown'

const isMap = (arg: Printed) => typeof arg.type === 'object' && 'map' in arg.type
const element = (args: readonly Printed[]): SqlType => elementOf(args[0]!.type)

export const valueOf = (args: readonly Printed[]): SqlType => {
  const { type } = args[0]!
  return typeof type === 'object' && 'map' in type ? type.map[1] : elementOf(type)
}

export const lambda = (arg: Printed, parameters: number, call: CallContext) => {
  if (arg.lambda?.parameters.length === parameters) return arg.lambda
  const shape = parameters === 1 ? 'x -> ...' : '(x, y) -> ...'
  throw call.error(`expected a lambda of ${parameters}`, arg.at, `as in ${shape}`)
}

const filtered = (args: readonly Printed[], call: CallContext): string => {
  lambda(args[1]!, 1, call)
  return `list_filter(${list(args)})`
}

function sequence(args: readonly Printed[], call: CallContext): string {
  const [from, to, step] = args
  const stepSql = step?.sql ?? '1'
  const literals = args.every((arg) => arg.literal !== undefined || /^\(?-? ?\d+\)?$/.test(arg.sql))
  if (!literals) return `sls_sequence(${from!.sql}, ${to!.sql}, ${stepSql})`
  const number = (sql: string) => Number(sql.replace(/[() ]/g, ''))
  const size = (number(to!.sql) - number(from!.sql)) / number(stepSql)
  if (size < itemsMax) return `generate_series(${from!.sql}, ${to!.sql}, ${stepSql})`
  throw call.error(`a sequence has at most ${itemsMax} elements`, from!.at)
}

/** The reduced state is passed through the last lambda as a list of one. */
function reduce([values, initial, step, last]: readonly Printed[], call: CallContext): string {
  const state = `list_reduce(${values!.sql}, ${step!.sql}, ${initial!.sql})`
  lambda(step!, 2, call)
  lambda(last!, 1, call)
  const [element, begun] = [classOf(elementOf(values!.type)), classOf(initial!.type)]
  if (element !== undefined && begun !== undefined && element !== begun) {
    const what = `reduce() needs a state like the elements, not a ${typeName(initial!.type)}`
    throw call.error(what, initial!.at, 'CROSS JOIN UNNEST(...) and aggregates do the same')
  }
  return `list_transform([${state}], ${last!.sql})[1]`
}

/** Two lists side by side; the shorter one goes on with NULL. */
function zipWith([left, right, each]: readonly Printed[], call: CallContext): string {
  const { parameters, body } = lambda(each!, 2, call)
  const inner = `list_transform([p[2]], lambda ${parameters[1]}: ${body})[1]`
  return `list_transform(list_zip(${left!.sql}, ${right!.sql}), lambda p: list_transform([p[1]], lambda ${parameters[0]}: ${inner})[1])`
}

export const lists: readonly FunctionRule[] = [
  scalar('cardinality', 1, 'any', 'bigint', ([value]) =>
    isMap(value!) ? `CAST(cardinality(${value!.sql}) AS BIGINT)` : `len(${value!.sql})`,
  ),
  scalar('element_at', 2, 'any', valueOf, (args, call) =>
    typeName(args[0]!.type).startsWith('array') && !call.nulls
      ? `sls_element(${list(args)})`
      : `(${args[0]!.sql})[${args[1]!.sql}]`,
  ),
  scalar('contains', 2, 'array any', 'boolean', 'list_contains'),
  scalar('array_distinct', 1, 'array', sameAs(), 'sls_distinct'),
  scalar(
    'array_union',
    2,
    'array',
    sameAs(),
    ([a, b]) => `sls_distinct(list_concat(${a!.sql}, ${b!.sql}))`,
  ),
  scalar(
    'array_intersect',
    2,
    'array',
    sameAs(),
    ([a, b]) => `list_sort(list_intersect(${a!.sql}, ${b!.sql}))`,
  ),
  scalar(
    'array_except',
    2,
    'array',
    sameAs(),
    ([a, b]) => `list_filter(sls_distinct(${a!.sql}), lambda e: NOT list_contains(${b!.sql}, e))`,
  ),
  scalar('array_join', [2, 3], 'array text text', 'varchar', ([values, delimiter, none]) =>
    none === undefined
      ? `array_to_string(${values!.sql}, ${delimiter!.sql})`
      : `array_to_string(list_transform(${values!.sql}, lambda e: coalesce(CAST(e AS VARCHAR), ${none.sql})), ${delimiter!.sql})`,
  ),
  scalar('array_max', 1, 'array', element, 'list_max'),
  scalar('array_min', 1, 'array', element, 'list_min'),
  scalar(
    'array_position',
    2,
    'array any',
    'bigint',
    (args) => `coalesce(list_position(${list(args)}), 0)`,
  ),
  scalar(
    'array_remove',
    2,
    'array any',
    sameAs(),
    ([values, gone]) => `list_filter(${values!.sql}, lambda e: e <> ${gone!.sql})`,
  ),
  scalar(
    'array_sort',
    1,
    'array',
    sameAs(),
    ([values]) => `list_sort(${values!.sql}, 'ASC', 'NULLS LAST')`,
  ),
  scalar('arrays_overlap', 2, 'array', 'boolean', 'list_has_any'),
  scalar('flatten', 1, 'array', (args) => elementOf(args[0]!.type)),
  scalar(
    'slice',
    3,
    'array number number',
    sameAs(),
    ([values, start, length]) =>
      `(${values!.sql})[${start!.sql} : ${start!.sql} + ${length!.sql} - 1]`,
  ),
  scalar('sequence', [2, 3], 'number', { array: 'bigint' }, sequence),
  scalar(
    'repeat',
    2,
    'any number',
    ([value]) => ({ array: value!.type }),
    ([value, count], call) =>
      `list_transform(range(${capped(count!, call)}), lambda i: ${value!.sql})`,
  ),
  scalar(
    'transform',
    2,
    'array any',
    (args) => ({ array: args[1]!.type }),
    (args, call) => {
      lambda(args[1]!, 1, call)
      return `list_transform(${list(args)})`
    },
  ),
  scalar('filter', 2, 'array any', sameAs(), filtered),
  scalar(
    'any_match',
    2,
    'array any',
    'boolean',
    (args, call) => `(len(${filtered(args, call)}) > 0)`,
  ),
  scalar(
    'none_match',
    2,
    'array any',
    'boolean',
    (args, call) => `(len(${filtered(args, call)}) = 0)`,
  ),
  scalar(
    'all_match',
    2,
    'array any',
    'boolean',
    (args, call) => `(len(${filtered(args, call)}) = len(${args[0]!.sql}))`,
  ),
  scalar('reduce', 4, 'array any any any', (args) => args[3]!.type, reduce),
  scalar('zip_with', 3, 'array array any', (args) => ({ array: args[2]!.type }), zipWith),
  scalar('zip', [2, 8], 'array', { array: 'row' }, (args) => {
    const fields = args.map((_, index) => `'field${index}': p[${index + 1}]`).join(', ')
    return `list_transform(list_zip(${list(args)}), lambda p: {${fields}})`
  }),
  scalar('shuffle', 1, 'array', sameAs(), 'sls_shuffle'),
]

/** Functions that take a lambda. */
export const lambdaCalls: ReadonlySet<string> = new Set(
  (
    'transform filter any_match none_match all_match reduce zip_with ' +
    'map_filter transform_keys transform_values'
  ).split(' '),
)

/** What the parameters of a lambda are, by the arguments in front of it. */
export function lambdaTypes(name: string, before: readonly Printed[]): SqlType[] {
  const first = before[0]?.type ?? 'unknown'
  if (name === 'zip_with') return before.map((each) => elementOf(each.type))
  if (name === 'reduce') return [before[1]?.type ?? 'unknown', elementOf(first)]
  if (typeof first === 'object' && 'map' in first) return [...first.map]
  return [elementOf(first), typeName(first) === 'unknown' ? 'unknown' : elementOf(first)]
}
