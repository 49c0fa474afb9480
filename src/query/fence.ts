/**
 * The second fence: the statement that was generated is parsed once more, by the engine, and only
 * what a translated query can hold is let through. It knows nothing of how the text was made.
 */
import { macroNames } from './macros.ts'
import { jsFunctionNames } from './udf.ts'

const engineFunctions = (
  '+ - * / // % & | ~ << >> || ~~ !~~ ~~~ ! like_escape not_like_escape ' +
  'count count_star sum avg min max min_by max_by arg_min arg_max any_value first last bool_and bool_or list ' +
  'array_agg string_agg quantile_disc histogram entropy kurtosis skewness stddev stddev_samp stddev_pop ' +
  'variance var_samp var_pop corr covar_pop covar_samp regr_slope regr_intercept bit_and bit_or ' +
  'row_number rank dense_rank percent_rank cume_dist ntile first_value last_value nth_value lag lead grouping ' +
  'abs ceil floor round trunc sign sqrt cbrt exp ln log log2 log10 pow degrees radians sin cos tan sinh cosh tanh asin acos ' +
  'atan atan2 pi isnan isfinite isinf random greatest least to_base xor coalesce nullif ' +
  'concat length lower upper trim ltrim rtrim lpad rpad substr substring strpos position replace reverse string_split ' +
  'split_part starts_with ends_with translate chr unicode levenshtein hamming nfc_normalize encode decode ' +
  'hex unhex octet_length base64 from_base64 md5 sha1 sha256 url_decode url_encode contains prefix suffix ' +
  'regexp_matches regexp_full_match regexp_extract regexp_extract_all regexp_replace regexp_split_to_array ' +
  'json_extract json_extract_string json_array_length json ' +
  'make_timestamp timezone now strftime strptime date_trunc date_sub epoch_us date_part ' +
  'to_milliseconds to_seconds to_minutes to_hours to_days to_weeks to_months to_years ' +
  'year quarter month week day hour minute second millisecond isodow dayofyear isoyear last_day ' +
  'list_concat list_contains list_distinct list_filter list_has_any list_intersect list_max list_min ' +
  'list_position list_reduce list_reverse list_sort list_transform list_value list_slice array_slice ' +
  'array_to_string array_extract flatten len range generate_series generate_subscripts unnest struct_pack row ' +
  'struct_extract cardinality map map_keys map_values map_concat map_entries map_from_entries error ' +
  'hash list_zip printf uuid typeof bit_count json_type json_valid'
).split(' ')

const allowedFunctions = new Set([...engineFunctions, ...macroNames, ...jsFunctionNames])

const allowedClasses = new Set(
  'COLUMN_REF CONSTANT COMPARISON CONJUNCTION FUNCTION OPERATOR CAST CASE BETWEEN WINDOW SUBQUERY LAMBDA STAR'.split(
    ' ',
  ),
)

const allowedNodes = new Set(['SELECT_NODE', 'SET_OPERATION_NODE', 'CTE_NODE'])
const allowedTables = new Set(['BASE_TABLE', 'SUBQUERY', 'JOIN', 'EMPTY', 'EXPRESSION_LIST'])
const allowedModifiers = new Set(['ORDER_MODIFIER', 'LIMIT_MODIFIER', 'DISTINCT_MODIFIER'])

type Node = Readonly<Record<string, unknown>>

/**
 * Why the serialised statement may not run, or undefined when it may. `serialized` is the text of
 * `json_serialize_sql`; `tables` are the names besides the statement's own CTEs that it may read.
 */
export function fenceReason(serialized: string, tables: readonly string[]): string | undefined {
  const root = JSON.parse(serialized) as Node
  if (root['error'] !== false) return `it cannot be read again: ${String(root['error_message'])}`
  const statements = root['statements']
  if (!Array.isArray(statements) || statements.length !== 1) return 'it is not one statement'
  const names = new Set([...tables, ...cteNames(root)])
  return reasonIn((statements[0] as Node)['node'], 'node', names)
}

function* cteNames(node: unknown): Generator<string> {
  if (Array.isArray(node)) {
    for (const each of node) yield* cteNames(each)
  } else if (typeof node === 'object' && node !== null) {
    for (const [key, value] of Object.entries(node)) {
      if (key === 'cte_map') {
        for (const { key: name } of (value as { map: { key: string }[] }).map) yield name
      }
      yield* cteNames(value)
    }
  }
}

function reasonIn(value: unknown, key: string, names: ReadonlySet<string>): string | undefined {
  if (Array.isArray(value)) {
    for (const each of value) {
      const reason = reasonIn(each, key, names)
      if (reason !== undefined) return reason
    }
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const node = value as Node
  const own = ownReason(node, key, names)
  if (own !== undefined) return own
  for (const [childKey, child] of Object.entries(node)) {
    // Values and types of literals hold no expressions.
    if (childKey === 'cast_type' || (childKey === 'value' && node['class'] === 'CONSTANT')) continue
    const reason = reasonIn(child, childKey, names)
    if (reason !== undefined) return reason
  }
  return undefined
}

/** VALUES is read as `SELECT *` over its rows; COLUMNS, EXCLUDE and REPLACE are stars too. */
function isPlainStar(node: Node): boolean {
  const known = new Set(['class', 'type', 'alias', 'query_location', 'relation_name'])
  return Object.entries(node).every(
    ([key, value]) =>
      known.has(key) ||
      value === false ||
      value === null ||
      (Array.isArray(value) && value.length === 0),
  )
}

const standard = 'STANDARD_HANDLING'
const queryKeys = new Set(['node', 'left', 'right', 'query', 'child', 'subquery'])

function ownReason(node: Node, key: string, names: ReadonlySet<string>): string | undefined {
  const type = node['type']
  const kind = node['class']
  if (node['sample']) return 'a sample'
  if (node['qualify']) return 'QUALIFY'
  if ((node['aggregate_handling'] ?? standard) !== standard) return 'GROUP BY ALL'
  if (kind !== undefined) {
    if (typeof kind !== 'string' || !allowedClasses.has(kind))
      return `the class ${JSON.stringify(kind)}`
    if (kind === 'STAR') return isPlainStar(node) ? undefined : 'a star with more to it'
    const name = node['function_name']
    if (kind !== 'FUNCTION' && kind !== 'WINDOW') return undefined
    if (typeof name !== 'string' || !allowedFunctions.has(name))
      return `the function ${String(name)}`
    // Operators are read as functions of `main`.
    const schema = node['schema']
    const own = schema === undefined || schema === '' || schema === 'main'
    return own && !node['catalog'] ? undefined : `the function ${name} of another schema`
  }
  if (key === 'modifiers' && !allowedModifiers.has(String(type)))
    return `the modifier ${String(type)}`
  if (typeof type !== 'string') return undefined
  if (type.endsWith('_NODE') || (queryKeys.has(key) && 'select_list' in node)) {
    return allowedNodes.has(type) ? undefined : `the node ${type}`
  }
  if ('sample' in node || key === 'from_table') {
    if (!allowedTables.has(type)) return `the relation ${type}`
  }
  if (type !== 'BASE_TABLE') return type === 'TABLE_FUNCTION' ? 'a table function' : undefined
  const table = String(node['table_name'])
  if (node['schema_name'] || node['catalog_name']) return `the table ${table} of a schema`
  return names.has(table) ? undefined : `the table ${table}`
}
