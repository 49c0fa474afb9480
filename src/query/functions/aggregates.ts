import { typeName } from '../types.ts'
import type { Printed, SqlType } from '../types.ts'
import { checksumOfNull } from '../udf-kinds.ts'
import { aggregate, aggregated, list, sameAs, scalar, windowOnly } from './rule.ts'
import type { CallContext, FunctionRule } from './rule.ts'

/** The engine's sum of integers is wider than a bigint; a sum that does not fit is an error. */
const sum = (args: readonly Printed[], call: CallContext): string => {
  const total = aggregated('sum', args, call)
  return args[0]?.type === 'bigint' ? `CAST(${total} AS BIGINT)` : total
}

const numeric = (args: readonly Printed[]): SqlType => {
  const type = args[0]?.type ?? 'unknown'
  return type === 'null' ? 'bigint' : type
}

const extreme = (args: readonly Printed[]): SqlType =>
  args.length === 2 ? { array: args[0]!.type } : args[0]!.type

const by = (args: readonly Printed[]): SqlType =>
  args.length === 3 ? { array: args[0]!.type } : args[0]!.type

/** Exact, a value of the data: the answer of a query never depends on a sketch. */
function percentile(args: readonly Printed[], call: CallContext): string {
  if (args.length === 3) return weightedPercentile(args, call)
  const [value, fraction] = args
  return aggregated(
    'quantile_disc',
    [value!, { ...fraction!, sql: asFractions(fraction!, call) }],
    call,
  )
}

function asFractions(fraction: Printed, call: CallContext): string {
  if (/^[-0-9.eE()+ ,[\]CASTDOUBLE]*$/.test(fraction.sql)) return fraction.sql
  throw call.error('the fraction of approx_percentile must be a literal', fraction.at, 'as in 0.95')
}

/** Rows with a value and a weight, as a list of pairs. */
const weighed = (value: Printed, weight: Printed, call: CallContext): string =>
  aggregated(
    'list',
    [],
    call,
    `CASE WHEN ${value.sql} IS NOT NULL AND ${weight.sql} IS NOT NULL THEN {'v': CAST(${value.sql} AS DOUBLE), 'w': CAST(${weight.sql} AS DOUBLE)} END`,
  )

function weightedPercentile(
  [value, weight, fraction]: readonly Printed[],
  call: CallContext,
): string {
  if (typeof fraction!.type === 'object') {
    throw call.error('approx_percentile with weights takes one fraction', fraction!.at)
  }
  const found = `sls_js_weighted_percentile(${weighed(value!, weight!, call)}, ${asFractions(fraction!, call)})`
  return value!.type === 'bigint' ? `CAST(${found} AS BIGINT)` : found
}

/** Of all values as they come, or of values with weights. */
function numericHistogram([most, value, weight]: readonly Printed[], call: CallContext): string {
  const buckets = `CAST(${most!.sql} AS BIGINT)`
  if (weight !== undefined) {
    return `sls_js_weighted_histogram(${buckets}, ${weighed(value!, weight, call)})`
  }
  const counts = aggregated('histogram', [], call, `CAST(${value!.sql} AS DOUBLE)`)
  return `sls_js_numeric_histogram(${buckets}, CAST(${counts} AS MAP(DOUBLE, DOUBLE)))`
}

/** Of counts, as Presto has it: the engine's own is of how often each value is there. */
function entropy([count]: readonly Printed[], call: CallContext): string {
  const value = `CAST(${count!.sql} AS DOUBLE)`
  const part = `CASE WHEN ${value} > 0 THEN ${value} * log2(${value}) ELSE 0 END`
  return `sls_entropy(${aggregated('sum', [], call, value)}, ${aggregated('sum', [], call, part)})`
}

/** Each value's share by its type; the shares are added modulo 2^64, whatever the order of rows. */
function checksum([value]: readonly Printed[], call: CallContext): string {
  const shares: Partial<Record<string, string>> = {
    bigint: `sls_js_checksum_bigint(${value!.sql})`,
    double: `sls_js_checksum_double(${value!.sql})`,
    varchar: `sls_js_checksum_text(${value!.sql})`,
    boolean: `sls_js_checksum_bigint(CASE WHEN ${value!.sql} THEN 1231 ELSE 1237 END)`,
  }
  const share = shares[typeName(value!.type)]
  if (share === undefined) {
    throw call.error(
      `checksum() cannot take a ${typeName(value!.type)}`,
      value!.at,
      'write checksum(cast(... as varchar))',
    )
  }
  const known = `CASE WHEN ${value!.sql} IS NULL THEN ${checksumOfNull} ELSE ${share} END`
  return `sls_checksum(${aggregated('sum', [], call, known)})`
}

const percentileType = (args: readonly Printed[]): SqlType => {
  const fraction = args.at(-1)?.type
  const value = args[0]!.type
  return typeof fraction === 'object' ? { array: value } : value
}

/** A map of a list of entries; of equal keys the first one stays. */
const entries = (args: readonly Printed[], call: CallContext): string => {
  const [key, value] = args
  const inside = `CASE WHEN ${key!.sql} IS NOT NULL THEN {'key': ${key!.sql}, 'value': ${value!.sql}} END`
  return `sls_entries_map(${aggregated('list', args, call, inside)})`
}

const multimap = (args: readonly Printed[], call: CallContext): string => {
  const [key, value] = args
  const inside = `CASE WHEN ${key!.sql} IS NOT NULL THEN {'key': ${key!.sql}, 'value': ${value!.sql}} END`
  return `sls_entries_multimap(${aggregated('list', args, call, inside)})`
}

function listagg(args: readonly Printed[], call: CallContext): string {
  const separator = args[1]?.sql ?? "''"
  return aggregated('string_agg', args, call, `${args[0]!.sql}, ${separator}`)
}

export const aggregates: readonly FunctionRule[] = [
  aggregate('count', [0, 1], 'any', 'bigint', (args, call) =>
    args.length === 0 ? `count(*)${call.tail}` : aggregated('count', args, call),
  ),
  // The engine's own is NULL over no rows.
  aggregate('count_if', 1, 'boolean', 'bigint', (args, call) =>
    aggregated('count', args, call, `CASE WHEN ${list(args)} THEN 1 END`),
  ),
  aggregate('sum', 1, 'number', numeric, sum),
  aggregate('avg', 1, 'number', 'double'),
  aggregate('min', [1, 2], 'any number', extreme),
  aggregate('max', [1, 2], 'any number', extreme),
  aggregate('min_by', [2, 3], 'any any number', by),
  aggregate('max_by', [2, 3], 'any any number', by),
  aggregate('arbitrary', 1, 'any', sameAs(), 'any_value'),
  aggregate('any_value', 1, 'any', sameAs()),
  aggregate('bool_and', 1, 'boolean', 'boolean'),
  aggregate('bool_or', 1, 'boolean', 'boolean'),
  aggregate('every', 1, 'boolean', 'boolean', 'bool_and'),
  aggregate('array_agg', 1, 'any', (args) => ({ array: args[0]!.type }), 'list'),
  aggregate(
    'set_agg',
    1,
    'any',
    (args) => ({ array: args[0]!.type }),
    (args, call) => aggregated('list', args, { ...call, distinct: 'DISTINCT ' }),
  ),
  aggregate('listagg', [1, 2], 'text text', 'varchar', listagg),
  aggregate(
    'geometric_mean',
    1,
    'number',
    'double',
    (args, call) => `exp(${aggregated('avg', args, call, `ln(${list(args)})`)})`,
  ),
  aggregate('stddev', 1, 'number', 'double'),
  aggregate('stddev_samp', 1, 'number', 'double'),
  aggregate('stddev_pop', 1, 'number', 'double'),
  aggregate('variance', 1, 'number', 'double'),
  aggregate('var_samp', 1, 'number', 'double'),
  aggregate('var_pop', 1, 'number', 'double'),
  aggregate('kurtosis', 1, 'number', 'double'),
  aggregate('skewness', 1, 'number', 'double'),
  aggregate('entropy', 1, 'number', 'double', entropy),
  aggregate('corr', 2, 'number', 'double'),
  aggregate('covar_pop', 2, 'number', 'double'),
  aggregate('covar_samp', 2, 'number', 'double'),
  aggregate('regr_slope', 2, 'number', 'double'),
  aggregate('regr_intercept', 2, 'number', 'double'),
  aggregate('bitwise_and_agg', 1, 'number', 'bigint', 'bit_and'),
  aggregate('bitwise_or_agg', 1, 'number', 'bigint', 'bit_or'),
  aggregate('histogram', 1, 'any', (args) => ({ map: [args[0]!.type, 'bigint'] })),
  aggregate('map_agg', 2, 'any', (args) => ({ map: [args[0]!.type, args[1]!.type] }), entries),
  aggregate(
    'multimap_agg',
    2,
    'any',
    (args) => ({ map: [args[0]!.type, { array: args[1]!.type }] }),
    multimap,
  ),
  aggregate('approx_distinct', [1, 2], 'any number', 'bigint', (args, call) =>
    aggregated('count', [args[0]!], { ...call, distinct: 'DISTINCT ' }),
  ),
  aggregate('approx_percentile', [2, 3], 'number any any', percentileType, percentile),
  aggregate('map_union', 1, 'map', sameAs(), (args, call) => {
    const inside = `map_entries(${args[0]!.sql})`
    return `sls_entries_map(flatten(${aggregated('list', [], call, inside)}))`
  }),
  aggregate('numeric_histogram', [2, 3], 'number', { map: ['double', 'double'] }, numericHistogram),
  aggregate('checksum', 1, 'any', 'varbinary', checksum),
  aggregate('approx_set', [1, 2], 'any number', 'hyperloglog', ([value], call) =>
    aggregated('list', [], { ...call, distinct: 'DISTINCT ' }, `hash(${value!.sql})`),
  ),
  aggregate(
    'merge',
    1,
    'any',
    'hyperloglog',
    (args, call) => `list_distinct(flatten(${aggregated('list', args, call)}))`,
  ),
  scalar('empty_approx_set', 0, 'any', 'hyperloglog', () => 'CAST([] AS UBIGINT[])'),
  windowOnly('row_number', 0, 'any', 'bigint'),
  windowOnly('rank', 0, 'any', 'bigint'),
  windowOnly('dense_rank', 0, 'any', 'bigint'),
  windowOnly('percent_rank', 0, 'any', 'double'),
  windowOnly('cume_dist', 0, 'any', 'double'),
  windowOnly('ntile', 1, 'number', 'bigint'),
  windowOnly('first_value', 1, 'any', sameAs()),
  windowOnly('last_value', 1, 'any', sameAs()),
  windowOnly('nth_value', 2, 'any number', sameAs()),
  windowOnly('lag', [1, 3], 'any number any', sameAs()),
  windowOnly('lead', [1, 3], 'any number any', sameAs()),
  scalar('grouping', [1, 8], 'any', 'bigint'),
]
