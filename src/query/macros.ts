import { addressMacros } from './macro-addresses.ts'
import { once } from './macro.ts'
import type { Macro } from './macro.ts'

/**
 * What the engine lacks, as macros of its own language. They are untyped and look at `typeof` where
 * a type matters: typed overloads fail around aggregates. Created before the settings are locked.
 */
/** In front of a message that is raised as a cast that fails. */
export const failureMark = 'weir: '

/** Names and bodies, each using only those above it. */
const definitions: readonly Macro[] = [
  [
    // An error that `TRY` turns into NULL, which it does not do with the engine's own error().
    'sls_fail(message)',
    `CAST(CAST('${failureMark}' || message AS BIGINT) AS "NULL")`,
  ],
  [
    'sls_nz(b)',
    `CASE WHEN b = 0 AND typeof(b) NOT IN ('DOUBLE', 'FLOAT') THEN sls_fail('Division by zero') ELSE b END`,
  ],
  [
    'sls_divide(a, b)',
    `CASE WHEN b <> 0 THEN a / b WHEN a > 0 THEN CAST('inf' AS DOUBLE) WHEN a < 0 THEN CAST('-inf' AS DOUBLE)
      WHEN a IS NOT NULL AND b IS NOT NULL THEN CAST('nan' AS DOUBLE) END`,
  ],
  [
    // Where the engine fails, Java's arithmetic has NaN and infinities.
    'sls_remainder(a, b)',
    `CASE WHEN b <> 0 THEN a % b WHEN a IS NOT NULL AND b IS NOT NULL THEN CAST('nan' AS DOUBLE) END`,
  ],
  ['sls_sqrt(x)', `CASE WHEN x < 0 THEN CAST('nan' AS DOUBLE) ELSE sqrt(x) END`],
  ...['ln', 'log2', 'log10'].map((name): Macro => [
    `sls_${name}(x)`,
    `CASE WHEN x > 0 THEN ${name}(x) WHEN x = 0 THEN CAST('-inf' AS DOUBLE) WHEN x < 0 THEN CAST('nan' AS DOUBLE) END`,
  ]),
  [
    'sls_log(b, x)',
    `CASE WHEN b > 0 AND b <> 1 AND x > 0 THEN log(b, x) ELSE sls_divide(sls_ln(x), sls_ln(b)) END`,
  ],
  ...['sin', 'cos', 'tan'].map((name): Macro => [
    `sls_${name}(x)`,
    `CASE WHEN isinf(x) THEN CAST('nan' AS DOUBLE) ELSE ${name}(x) END`,
  ]),
  ...['asin', 'acos'].map((name): Macro => [
    `sls_${name}(x)`,
    `CASE WHEN abs(x) > 1 THEN CAST('nan' AS DOUBLE) ELSE ${name}(x) END`,
  ]),
  [
    'sls_substr(t, start)',
    `CASE WHEN start = 0 OR -start > length(t) THEN '' ELSE substr(t, start) END`,
  ],
  [
    'sls_substr_of(t, start, size)',
    `CASE WHEN start = 0 OR -start > length(t) THEN '' ELSE substr(t, start, size) END`,
  ],
  ['sls_part(i)', `CASE WHEN i < 1 THEN sls_fail('Index must be greater than zero') ELSE i END`],
  ['sls_cap(n)', `CASE WHEN n > 10000 THEN sls_fail('more than 10000 cannot be made') ELSE n END`],
  [
    'sls_any_ts(x, zone)',
    `CASE WHEN typeof(x) IN ('BIGINT', 'INTEGER', 'DOUBLE', 'HUGEINT')
      THEN timezone(zone, to_timestamp(try_cast(CAST(x AS VARCHAR) AS DOUBLE)))
      ELSE try_cast(CAST(x AS VARCHAR) AS TIMESTAMP) END`,
  ],
  [
    'sls_round_half_up(x)',
    `CAST(sign(CAST(x AS DOUBLE)) * floor(abs(CAST(x AS DOUBLE)) + 0.5) AS BIGINT)`,
  ],
  [
    'sls_text_bigint(x)',
    `CASE WHEN regexp_full_match(x, '\\s*[+-]?\\d+\\s*') THEN CAST(x AS BIGINT)
      WHEN x IS NOT NULL THEN sls_fail('Cannot cast ''' || x || ''' to BIGINT') END`,
  ],
  [
    'sls_try_text_bigint(x)',
    `CASE WHEN regexp_full_match(x, '\\s*[+-]?\\d+\\s*') THEN try_cast(x AS BIGINT) END`,
  ],
  [
    'sls_any_bigint(x)',
    `CASE WHEN typeof(x) IN ('DOUBLE', 'FLOAT') OR starts_with(typeof(x), 'DECIMAL') THEN sls_round_half_up(try_cast(CAST(x AS VARCHAR) AS DOUBLE))
      ELSE CAST(x AS BIGINT) END`,
  ],
  [
    'sls_try_round_half_up(x)',
    `CASE WHEN abs(CAST(x AS DOUBLE)) < 9223372036854774784 THEN sls_round_half_up(x) END`,
  ],
  ['sls_digits(t)', `rtrim(replace(t, '.', ''), '0')`],
  [
    'sls_scientific(t)',
    `t[1] || '.' || CASE WHEN length(sls_digits(t)) < 2 THEN '0' ELSE sls_digits(t)[2:] END || 'E' || CAST(strpos(t, '.') - 2 AS VARCHAR)`,
  ],
  ['sls_small_digits(t)', `ltrim(replace(t, '.', ''), '0')`],
  ['sls_small(d)', `d[1] || '.' || CASE WHEN length(d) < 2 THEN '0' ELSE d[2:] END || 'E-4'`],
  [
    'sls_double_text(x)',
    `CASE WHEN isnan(x) THEN 'NaN' WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END
      WHEN contains(CAST(x AS VARCHAR), 'e') THEN regexp_replace(regexp_replace(CAST(x AS VARCHAR), '^(-?[0-9])e', '\\1.0e'), 'e[+]?(-?)0*', 'E\\1')
      WHEN x <> 0 AND abs(x) < 1e-3 THEN CASE WHEN x < 0 THEN '-' ELSE '' END || sls_small(sls_small_digits(CAST(abs(x) AS VARCHAR)))
      WHEN abs(x) >= 1e7 THEN CASE WHEN x < 0 THEN '-' ELSE '' END || sls_scientific(CAST(abs(x) AS VARCHAR))
      ELSE CAST(x AS VARCHAR) END`,
  ],
  [
    // The first of each value, in the order they came: sorted, so that long lists take no square time.
    'sls_distinct(l)',
    once(
      `list_sort(list_transform(l, lambda v, i: {'v': v, 'i': i}))`,
      's',
      `list_transform(list_sort(list_transform(list_filter(s, lambda e, j: j = 1 OR e.v IS DISTINCT FROM s[j - 1].v), lambda e: {'i': e.i, 'v': e.v})), lambda e: e.v)`,
    ),
  ],
  [
    'sls_sequence(a, b, s)',
    `CASE WHEN s = 0 OR (b - a) / s >= 10000 THEN sls_fail('a sequence has at most 10000 elements') ELSE generate_series(a, b, s) END`,
  ],
  [
    // By key, then by place in the list.
    'sls_by_key(l)',
    `list_sort(list_transform(list_filter(l, lambda e: e IS NOT NULL), lambda e, i: {'k': e.key, 'i': i, 'v': e.value}))`,
  ],
  [
    'sls_item(l, i)',
    `CASE WHEN i BETWEEN 1 AND len(l) THEN l[i] WHEN i > len(l) THEN sls_fail('Array subscript out of bounds: ' || CAST(i AS VARCHAR))
      WHEN i = 0 THEN sls_fail('SQL array indices start at 1') WHEN i < 0 AND l IS NOT NULL THEN sls_fail('Array subscript is negative: ' || CAST(i AS VARCHAR)) END`,
  ],
  [
    'sls_element(l, i)',
    `CASE WHEN i <> 0 THEN l[i] WHEN i = 0 AND l IS NOT NULL THEN sls_fail('SQL array indices start at 1') END`,
  ],
  [
    'sls_value(m, k)',
    `CASE WHEN map_contains(m, k) THEN m[k] WHEN m IS NOT NULL AND k IS NOT NULL THEN sls_fail('Key not present in map: ' || CAST(k AS VARCHAR)) END`,
  ],
  [
    'sls_entries_map(l)',
    once(
      'sls_by_key(l)',
      's',
      `map_from_entries(list_transform(list_filter(s, lambda e, j: j = 1 OR e.k <> s[j - 1].k), lambda e: {'key': e.k, 'value': e.v}))`,
    ),
  ],
  ['sls_keys(s)', `list_filter(s, lambda e, j: j = 1 OR e.k <> s[j - 1].k)`],
  [
    // The places where a key begins, and one behind the end.
    'sls_key_starts(s)',
    `list_concat(list_transform(list_filter(list_transform(s, lambda e, j: {'j': j, 'new': j = 1 OR e.k <> s[j - 1].k}), lambda e: e.new), lambda e: e.j), [len(s) + 1])`,
  ],
  ['sls_parts(v, b)', `list_transform(list_zip(b[:-2], b[2:]), lambda z: v[z[1]:z[2] - 1])`],
  [
    'sls_entries_multimap(l)',
    once(
      'sls_by_key(l)',
      's',
      once(
        'sls_key_starts(s)',
        'b',
        once(
          'list_transform(s, lambda e: e.v)',
          'v',
          'map(list_transform(sls_keys(s), lambda e: e.k), sls_parts(v, b))',
        ),
      ),
    ),
  ],
  ['sls_entropy(s, p)', `CASE WHEN s > 0 THEN log2(s) - p / s ELSE 0 END`],
  [
    'sls_shuffle(l)',
    `list_transform(list_sort(list_transform(l, lambda v, i: {'r': random(), 'i': i, 'v': v})), lambda e: e.v)`,
  ],
  [
    // A sum of 64-bit shares as eight bytes, the lowest first.
    'sls_checksum(s)',
    once(
      `lpad(hex(CAST((s % 18446744073709551616 + 18446744073709551616) % 18446744073709551616 AS UBIGINT)), 16, '0')`,
      'h',
      `unhex(array_to_string(list_transform(range(8), lambda i: h[15 - 2 * i:16 - 2 * i]), ''))`,
    ),
  ],
  [
    'sls_split(s, d, n)',
    `list_concat(string_split(s, d)[1:n - 1], list_filter([array_to_string(string_split(s, d)[n:], d)], lambda e: len(string_split(s, d)) >= n))`,
  ],
  [
    'sls_split_to_map(s, d1, d2)',
    `map_from_entries(list_transform(string_split(s, d1), lambda e: {'key': split_part(e, d2, 1), 'value': split_part(e, d2, 2)}))`,
  ],
  ['sls_cbrt(x)', `CASE WHEN pow(round(cbrt(x)), 3) = x THEN round(cbrt(x)) ELSE cbrt(x) END`],
  [
    'sls_truncate(x, n)',
    `CASE WHEN isfinite(x * pow(10, n)) AND pow(10, n) > 0 THEN trunc(x * pow(10, n)) / pow(10, n) ELSE x END`,
  ],
  [
    'sls_digit(ch, b)',
    `CASE WHEN strpos('0123456789abcdefghijklmnopqrstuvwxyz', ch) BETWEEN 1 AND b THEN CAST(strpos('0123456789abcdefghijklmnopqrstuvwxyz', ch) - 1 AS BIGINT)
      ELSE sls_fail('"' || ch || '" is not a digit of base ' || CAST(b AS VARCHAR)) END`,
  ],
  [
    'sls_from_base(t, b)',
    `CASE WHEN b NOT BETWEEN 2 AND 36 THEN sls_fail('a base is 2 to 36') WHEN starts_with(t, '-') THEN -1 ELSE 1 END
      * list_reduce(list_transform(string_split(lower(ltrim(t, '-')), ''), lambda ch: sls_digit(ch, b)), lambda acc, d: acc * b + d)`,
  ],
  [
    'sls_to_base(n, b)',
    `CASE WHEN n < 0 THEN '-' || lower(to_base(-n, b)) ELSE lower(to_base(n, b)) END`,
  ],
  ['sls_bits64(n)', `(CAST(n AS HUGEINT) & 18446744073709551615::HUGEINT)`],
  [
    'sls_signed64(n)',
    `CAST(CASE WHEN n >= 9223372036854775808::HUGEINT THEN n - 18446744073709551616::HUGEINT ELSE n END AS BIGINT)`,
  ],
  [
    'sls_shift_left(a, n)',
    `CASE WHEN n < 0 THEN sls_fail('a shift cannot be negative') WHEN n > 63 THEN 0 ELSE sls_signed64(sls_bits64(sls_bits64(a) * (1::HUGEINT << CAST(n AS HUGEINT)))) END`,
  ],
  [
    'sls_shift_right(a, n)',
    `CASE WHEN n < 0 THEN sls_fail('a shift cannot be negative') WHEN n > 63 THEN 0 ELSE sls_signed64(sls_bits64(a) >> CAST(n AS HUGEINT)) END`,
  ],
  [
    'sls_shift_right_signed(a, n)',
    `CASE WHEN n < 0 THEN sls_fail('a shift cannot be negative') ELSE CAST(a AS BIGINT) >> CAST(least(n, 63) AS BIGINT) END`,
  ],
  [
    'sls_bit_count(n, bits)',
    `CASE WHEN bits NOT BETWEEN 2 AND 64 THEN sls_fail('bit_count takes 2 to 64 bits')
      WHEN n < -(1::HUGEINT << CAST(bits - 1 AS HUGEINT)) OR n >= 1::HUGEINT << CAST(bits - 1 AS HUGEINT) THEN sls_fail(CAST(n AS VARCHAR) || ' does not fit in ' || CAST(bits AS VARCHAR) || ' bits')
      ELSE CAST(bit_count(CAST(n AS HUGEINT) & ((1::HUGEINT << CAST(bits AS HUGEINT)) - 1::HUGEINT)) AS BIGINT) END`,
  ],
  ['sls_bin(x, bins)', `len(list_filter(bins, lambda e: e <= x))`],
  [
    'sls_width_bucket(x, low, high, n)',
    `CASE WHEN n <= 0 THEN sls_fail('width_bucket needs at least one bucket') WHEN low = high THEN sls_fail('width_bucket needs two bounds')
      WHEN low < high AND x < low OR low > high AND x > low THEN 0 WHEN low < high AND x >= high OR low > high AND x <= high THEN n + 1
      ELSE CAST(floor((x - low) / ((high - low) / CAST(n AS DOUBLE))) AS BIGINT) + 1 END`,
  ],
  [
    // Functions of JSON give NULL for a text that is none.
    'sls_json(j)',
    `CASE WHEN json_valid(j) THEN j END`,
  ],
  [
    'sls_json_scalar(j, p)',
    `CASE WHEN json_type(j, p) NOT IN ('ARRAY', 'OBJECT') THEN json_extract_string(j, p) END`,
  ],
  [
    'sls_json_array_get(j, i)',
    `CASE WHEN json_type(j) = 'ARRAY' THEN json_extract_string(j, CASE WHEN i < 0 THEN '$[#' || CAST(i AS VARCHAR) || ']' ELSE '$[' || CAST(i AS VARCHAR) || ']' END) END`,
  ],
  [
    'sls_json_array_contains(j, v)',
    `CASE WHEN json_type(j) = 'ARRAY' THEN list_contains(CAST(json_extract(j, '$[*]') AS VARCHAR[]), CAST(to_json(v) AS VARCHAR)) END`,
  ],
  [
    'sls_json_array_length(j)',
    `CASE WHEN json_type(j) = 'ARRAY' THEN CAST(json_array_length(j) AS BIGINT) END`,
  ],
  [
    'sls_json_size(j, p)',
    `CASE json_type(j, p) WHEN 'ARRAY' THEN CAST(json_array_length(j, p) AS BIGINT) WHEN 'OBJECT' THEN len(json_keys(j, p)) WHEN 'NULL' THEN 0 ELSE CASE WHEN json_type(j, p) IS NOT NULL THEN 0 END END`,
  ],
  ['sls_percent(t)', once('t', 'v', 'TRY(url_decode(v))')],
  ['sls_url_decode(t)', once(`replace(t, '+', ' ')`, 'v', 'TRY(url_decode(v))')],
  ['sls_form_letters(t)', `replace(replace(replace(t, '%20', '+'), '~', '%7E'), '%2A', '*')`],
  [
    'sls_url(u)',
    `CASE WHEN regexp_full_match(u, '(?:[A-Za-z0-9._~:/?#@!$&()*+,;=''\\[\\]-]|%[0-9A-Fa-f]{2}|[^\\x00-\\x7F])*') THEN u END`,
  ],
  [
    'sls_url_part(u, n)',
    `regexp_extract(sls_url(u), '^(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)(?:\\?([^#]*))?(?:#(.*))?', n)`,
  ],
  ['sls_url_protocol(u)', `sls_url_part(u, 1)`],
  [
    'sls_url_host(u)',
    `regexp_extract(sls_url_part(u, 2), '^(?:[^@]*@)?(\\[[^\\]]*\\]|[^:]*)(?::[0-9]*)?$', 1)`,
  ],
  ['sls_url_port(u)', `try_cast(regexp_extract(sls_url_part(u, 2), ':([0-9]+)$', 1) AS BIGINT)`],
  ['sls_url_path(u)', `sls_percent(sls_url_part(u, 3))`],
  ['sls_url_query(u)', `sls_percent(sls_url_part(u, 4))`],
  ['sls_url_fragment(u)', `sls_percent(sls_url_part(u, 5))`],
  [
    'sls_url_parameter(u, name)',
    once(
      `list_filter(string_split(sls_url_part(u, 4), '&'), lambda e: sls_url_decode(split_part(e, '=', 1)) = name)[1]`,
      'found',
      `sls_url_decode(found[strpos(found || '=', '=') + 1:])`,
    ),
  ],
  ...addressMacros,
]

const named = definitions.map(([head, body]) => ({
  name: head.replace(/\(.*$/, ''),
  statement: `CREATE MACRO ${head} AS (${body})`,
  uses: namesIn(body),
}))

export const macroNames: readonly string[] = named.map(({ name }) => name)

/** The statements that create the macros `sql` names, and those they name, in order. */
export function macrosFor(sql: string): string[] {
  const wanted = new Set(namesIn(sql))
  // A macro uses only those above it: one pass from the last to the first finds them all.
  for (const { name, uses } of named.toReversed()) {
    if (wanted.has(name)) for (const used of uses) wanted.add(used)
  }
  return named.filter(({ name }) => wanted.has(name)).map(({ statement }) => statement)
}

function namesIn(sql: string): string[] {
  return sql.match(/\bsls_\w+/g) ?? []
}
