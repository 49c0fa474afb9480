/**
 * What the engine lacks, as macros of its own language. They are untyped and look at `typeof` where
 * a type matters: typed overloads fail around aggregates. Created before the settings are locked.
 */
const v4Byte = '(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'

/**
 * `body` with `name` standing for `value`: a macro copies its arguments, and copies of copies grow
 * without bound, where a lambda's parameter is computed once.
 */
const once = (value: string, name: string, body: string): string =>
  `list_transform([${value}], lambda ${name}: ${body})[1]`

const allOnes = '340282366920938463463374607431768211455::UHUGEINT'

/** Names and bodies, each using only those above it. */
const definitions: readonly (readonly [name: string, body: string])[] = [
  [
    'sls_nz(b)',
    `CASE WHEN b = 0 AND typeof(b) NOT IN ('DOUBLE', 'FLOAT') THEN error('Division by zero') ELSE b END`,
  ],
  [
    'sls_divide(a, b)',
    `CASE WHEN b <> 0 THEN a / b WHEN a > 0 THEN CAST('inf' AS DOUBLE) WHEN a < 0 THEN CAST('-inf' AS DOUBLE)
      WHEN a IS NOT NULL AND b IS NOT NULL THEN CAST('nan' AS DOUBLE) END`,
  ],
  ['sls_cap(n)', `CASE WHEN n > 10000 THEN error('more than 10000 cannot be made') ELSE n END`],
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
      WHEN x IS NOT NULL THEN CAST(error('Cannot cast ''' || x || ''' to BIGINT') AS BIGINT) END`,
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
    'sls_distinct(l)',
    `list_transform(list_filter(list_transform(l, lambda v, i: {'v': v, 'i': i}), lambda e: list_position(l, e.v) = e.i), lambda e: e.v)`,
  ],
  [
    'sls_sequence(a, b, s)',
    `CASE WHEN s = 0 OR (b - a) / s >= 10000 THEN error('a sequence has at most 10000 elements') ELSE generate_series(a, b, s) END`,
  ],
  [
    'sls_entries_map(l)',
    `map_from_entries(list_filter(list_filter(l, lambda e: e IS NOT NULL), lambda e, i:
      list_position(list_transform(list_filter(l, lambda f: f IS NOT NULL), lambda g: g.key), e.key) = i))`,
  ],
  [
    'sls_entries_multimap(l)',
    `map_from_entries(list_transform(list_distinct(list_transform(list_filter(l, lambda e: e IS NOT NULL), lambda e: e.key)),
      lambda k: {'key': k, 'value': list_transform(list_filter(l, lambda f: f IS NOT NULL AND f.key = k), lambda g: g.value)}))`,
  ],
  [
    'sls_split(s, d, n)',
    `list_concat(string_split(s, d)[1:n - 1], list_filter([array_to_string(string_split(s, d)[n:], d)], lambda e: len(string_split(s, d)) >= n))`,
  ],
  [
    'sls_split_to_map(s, d1, d2)',
    `map_from_entries(list_transform(string_split(s, d1), lambda e: {'key': split_part(e, d2, 1), 'value': split_part(e, d2, 2)}))`,
  ],
  [
    'sls_from_base(t, b)',
    `list_reduce(list_transform(string_split(lower(t), ''), lambda ch: CAST(strpos('0123456789abcdefghijklmnopqrstuvwxyz', ch) - 1 AS BIGINT)), lambda acc, d: acc * b + d)`,
  ],
  [
    'sls_width_bucket(x, low, high, n)',
    `CASE WHEN x < low THEN 0 WHEN x >= high THEN n + 1 ELSE CAST(floor((x - low) / ((high - low) / CAST(n AS DOUBLE))) AS BIGINT) + 1 END`,
  ],
  [
    'sls_json_scalar(j, p)',
    `CASE WHEN json_type(j, p) NOT IN ('ARRAY', 'OBJECT') THEN json_extract_string(j, p) END`,
  ],
  ['sls_url_protocol(u)', `nullif(regexp_extract(u, '^([a-zA-Z][a-zA-Z0-9+.-]*)://', 1), '')`],
  [
    'sls_url_host(u)',
    `nullif(regexp_extract(u, '^[a-zA-Z][a-zA-Z0-9+.-]*://(?:[^/?#@]*@)?([^/:?#]*)', 1), '')`,
  ],
  ['sls_url_path(u)', `regexp_extract(u, '^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*([^?#]*)', 1)`],
  ['sls_url_query(u)', `regexp_extract(u, '\\?([^#]*)', 1)`],
  [
    'sls_ip4(s)',
    `CASE WHEN regexp_full_match(s, '(?:${v4Byte}\\.){3}${v4Byte}')
      THEN CAST(split_part(s, '.', 1) AS BIGINT) * 16777216 + CAST(split_part(s, '.', 2) AS BIGINT) * 65536
        + CAST(split_part(s, '.', 3) AS BIGINT) * 256 + CAST(split_part(s, '.', 4) AS BIGINT) END`,
  ],
  [
    'sls_ip4_text(n)',
    `CAST(n // 16777216 AS VARCHAR) || '.' || CAST((n // 65536) % 256 AS VARCHAR) || '.' || CAST((n // 256) % 256 AS VARCHAR) || '.' || CAST(n % 256 AS VARCHAR)`,
  ],
  [
    // An IPv4 tail becomes two groups, so that only groups are left.
    'sls_ip6_plain(s)',
    `CASE WHEN NOT contains(s, '.') THEN lower(s)
      ELSE lower(regexp_replace(s, '[^:]*$', '')) || ${once("sls_ip4(regexp_extract(s, '[^:]*$'))", 'n', "printf('%x:%x', n // 65536, n % 65536)")} END`,
  ],
  ['sls_ip6_part(s)', `list_filter(string_split(s, ':'), lambda e: e <> '')`],
  [
    'sls_ip6_fill(a, b)',
    `CASE WHEN len(a) + len(b) <= 7 THEN list_concat(a, list_concat(list_transform(range(8 - len(a) - len(b)), lambda i: '0'), b)) END`,
  ],
  [
    'sls_ip6_groups(s)',
    `CASE WHEN NOT contains(s, '::') THEN string_split(s, ':')
      WHEN len(string_split(s, '::')) = 2 THEN sls_ip6_fill(sls_ip6_part(split_part(s, '::', 1)), sls_ip6_part(split_part(s, '::', 2))) END`,
  ],
  [
    'sls_ip6_number(g)',
    `CASE WHEN len(g) = 8 AND len(list_filter(g, lambda e: regexp_full_match(e, '[0-9a-f]{1,4}'))) = 8
      THEN list_reduce(list_transform(g, lambda e: CAST(try_cast('0x' || e AS INTEGER) AS UHUGEINT)), lambda acc, d: acc * 65536::UHUGEINT + d) END`,
  ],
  [
    'sls_ip6(s)',
    `CASE WHEN contains(s, ':') THEN ${once(once('sls_ip6_plain(s)', 'p', 'sls_ip6_groups(p)'), 'g', 'sls_ip6_number(g)')} END`,
  ],
  [
    'sls_ip6_full(n)',
    `array_to_string(list_transform(range(8), lambda i: printf('%x', CAST((n >> CAST(112 - 16 * i AS UHUGEINT)) % 65536::UHUGEINT AS INTEGER))), ':')`,
  ],
  [
    'sls_ip6_zeros(t)',
    `list_filter(list_transform(range(7), lambda i: '(^|:)0(?::0){' || CAST(7 - i AS VARCHAR) || '}(:|$)'), lambda p: regexp_matches(t, p))[1]`,
  ],
  ['sls_ip6_short(t)', `coalesce(regexp_replace(t, sls_ip6_zeros(t), '::'), t)`],
  ['sls_ip6_text(n)', once('sls_ip6_full(n)', 't', 'sls_ip6_short(t)')],
  ['sls_host(s)', `split_part(s, '/', 1)`],
  [
    'sls_bits(s)',
    `CASE WHEN contains(s, '/') THEN try_cast(split_part(s, '/', 2) AS INTEGER) WHEN contains(s, ':') THEN 128 ELSE 32 END`,
  ],
  [
    'sls_ip4_mask(b)',
    `CASE WHEN b BETWEEN 0 AND 32 THEN 4294967296 - (CAST(1 AS BIGINT) << CAST(32 - b AS INTEGER)) END`,
  ],
  [
    'sls_ip6_below(b)',
    `CASE WHEN b = 0 THEN ${allOnes} WHEN b BETWEEN 1 AND 128 THEN (1::UHUGEINT << CAST(128 - b AS UHUGEINT)) - 1::UHUGEINT END`,
  ],
  ['sls_ip6_mask(b)', `${allOnes} - sls_ip6_below(b)`],
  [
    'sls_is_subnet_of(c, ip)',
    `CASE WHEN contains(c, ':') THEN sls_ip6(sls_host(c)) & sls_ip6_mask(sls_bits(c)) = sls_ip6(sls_host(ip)) & sls_ip6_mask(sls_bits(c))
      ELSE sls_ip4(sls_host(c)) & sls_ip4_mask(sls_bits(c)) = sls_ip4(sls_host(ip)) & sls_ip4_mask(sls_bits(c)) END`,
  ],
  [
    'sls_is_prefix_subnet_of(c, p)',
    `sls_is_subnet_of(c, sls_host(p)) AND sls_bits(p) >= sls_bits(c)`,
  ],
  [
    'sls_subnet_min(s, b)',
    `CASE WHEN contains(s, ':') THEN sls_ip6_text(sls_ip6(sls_host(s)) & sls_ip6_mask(b)) ELSE ${once('sls_ip4(sls_host(s)) & sls_ip4_mask(b)', 'n', 'sls_ip4_text(n)')} END`,
  ],
  ['sls_ip_prefix(ip, b)', `sls_subnet_min(ip, b) || '/' || CAST(b AS VARCHAR)`],
  ['sls_ip_subnet_min(c)', `sls_subnet_min(c, sls_bits(c))`],
  [
    'sls_ip_subnet_max(c)',
    `CASE WHEN contains(c, ':') THEN sls_ip6_text((sls_ip6(sls_host(c)) & sls_ip6_mask(sls_bits(c))) + sls_ip6_below(sls_bits(c)))
      ELSE ${once('(sls_ip4(sls_host(c)) & sls_ip4_mask(sls_bits(c))) + 4294967295 - sls_ip4_mask(sls_bits(c))', 'n', 'sls_ip4_text(n)')} END`,
  ],
  ['sls_ip_subnet_range(c)', `[sls_ip_subnet_min(c), sls_ip_subnet_max(c)]`],
  ['sls_within4(n, c)', `n & sls_ip4_mask(sls_bits(c)) = sls_ip4(sls_host(c))`],
  ['sls_within6(n, c)', `n & sls_ip6_mask(sls_bits(c)) = sls_ip6(sls_host(c))`],
  [
    'sls_domain4(n)',
    `CASE WHEN n IS NULL THEN NULL WHEN sls_within4(n, '10.0.0.0/8') OR sls_within4(n, '172.16.0.0/12')
      OR sls_within4(n, '192.168.0.0/16') OR sls_within4(n, '127.0.0.0/8') THEN 'intranet' ELSE 'internet' END`,
  ],
  [
    'sls_domain6(n)',
    `CASE WHEN n IS NULL THEN NULL WHEN sls_within6(n, 'fc00::/7') OR sls_within6(n, 'fe80::/10') OR n = 1::UHUGEINT
      THEN 'intranet' ELSE 'internet' END`,
  ],
  [
    'sls_ip_to_domain(ip)',
    `CASE WHEN contains(ip, ':') THEN ${once('sls_ip6(ip)', 'n', 'sls_domain6(n)')} ELSE ${once('sls_ip4(ip)', 'n', 'sls_domain4(n)')} END`,
  ],
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
