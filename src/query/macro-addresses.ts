import { once } from './macro.ts'
import type { Macro } from './macro.ts'

const v4Byte = '(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'

const allOnes = '340282366920938463463374607431768211455::UHUGEINT'

/** Addresses and networks, IPv4 and IPv6; each uses only those above it. */
export const addressMacros: readonly Macro[] = [
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
    `CASE WHEN contains(s, '/') THEN CASE WHEN split_part(s, '/', 3) = '' AND regexp_full_match(split_part(s, '/', 2), '[0-9]{1,3}') THEN CAST(split_part(s, '/', 2) AS INTEGER) END WHEN contains(s, ':') THEN 128 ELSE 32 END`,
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
    // An IPv4 address written as IPv6 (RFC 4291, 2.5.5.2: ::ffff:10.0.0.1) is that IPv4 address.
    'sls_canonical(s)',
    `CASE WHEN contains(s, ':') THEN ${once(
      'sls_ip6(sls_host(s))',
      'n',
      `CASE WHEN n >> 32::UHUGEINT = 65535::UHUGEINT AND sls_bits(s) BETWEEN 96 AND 128
        THEN sls_ip4_text(CAST(n & 4294967295::UHUGEINT AS BIGINT)) || CASE WHEN contains(s, '/') THEN '/' || CAST(sls_bits(s) - 96 AS VARCHAR) ELSE '' END
        ELSE s END`,
    )} ELSE s END`,
  ],
  [
    'sls_within4_of(c, ip)',
    `sls_ip4(sls_host(c)) & sls_ip4_mask(sls_bits(c)) = sls_ip4(sls_host(ip)) & sls_ip4_mask(sls_bits(c))`,
  ],
  [
    'sls_within6_of(c, ip)',
    `sls_ip6(sls_host(c)) & sls_ip6_mask(sls_bits(c)) = sls_ip6(sls_host(ip)) & sls_ip6_mask(sls_bits(c))`,
  ],
  [
    // Of two families: not inside, if both are what they say.
    'sls_within_of(c, ip)',
    `CASE WHEN contains(c, ':') AND contains(ip, ':') THEN sls_within6_of(c, ip)
      WHEN contains(c, ':') THEN CASE WHEN sls_ip4(sls_host(ip)) >= 0 AND sls_ip6(sls_host(c)) & sls_ip6_mask(sls_bits(c)) >= 0 THEN FALSE END
      WHEN contains(ip, ':') THEN CASE WHEN sls_ip6(sls_host(ip)) >= 0 AND sls_ip4(sls_host(c)) & sls_ip4_mask(sls_bits(c)) >= 0 THEN FALSE END
      ELSE sls_within4_of(c, ip) END`,
  ],
  [
    'sls_is_subnet_of(c, ip)',
    `CASE WHEN contains(c, ':') OR contains(ip, ':') THEN ${once('sls_canonical(c)', 'x', once('sls_canonical(ip)', 'y', 'sls_within_of(x, y)'))}
      ELSE sls_within4_of(c, ip) END`,
  ],
  [
    'sls_is_prefix_subnet_of(c, p)',
    once(
      'sls_canonical(c)',
      'x',
      once(
        'sls_canonical(p)',
        'y',
        `CASE WHEN sls_bits(y) BETWEEN 0 AND CASE WHEN contains(y, ':') THEN 128 ELSE 32 END THEN sls_within_of(x, y) AND sls_bits(y) >= sls_bits(x) END`,
      ),
    ),
  ],
  [
    'sls_subnet_min(s, b)',
    `CASE WHEN contains(s, ':') THEN sls_ip6_text(sls_ip6(sls_host(s)) & sls_ip6_mask(b)) ELSE ${once('sls_ip4(sls_host(s)) & sls_ip4_mask(b)', 'n', 'sls_ip4_text(n)')} END`,
  ],
  ['sls_prefix_of(s)', `sls_subnet_min(s, sls_bits(s)) || '/' || CAST(sls_bits(s) AS VARCHAR)`],
  [
    'sls_ip_prefix(ip, b)',
    `CASE WHEN contains(ip, ':') THEN ${once(`sls_canonical(sls_host(ip) || '/' || CAST(b AS VARCHAR))`, 'x', 'sls_prefix_of(x)')}
      ELSE sls_subnet_min(ip, b) || '/' || CAST(b AS VARCHAR) END`,
  ],
  ['sls_ip_subnet_min(c)', once('sls_canonical(c)', 'x', 'sls_subnet_min(x, sls_bits(x))')],
  [
    'sls_subnet_max(c)',
    `CASE WHEN contains(c, ':') THEN sls_ip6_text((sls_ip6(sls_host(c)) & sls_ip6_mask(sls_bits(c))) + sls_ip6_below(sls_bits(c)))
      ELSE ${once('(sls_ip4(sls_host(c)) & sls_ip4_mask(sls_bits(c))) + 4294967295 - sls_ip4_mask(sls_bits(c))', 'n', 'sls_ip4_text(n)')} END`,
  ],
  ['sls_ip_subnet_max(c)', once('sls_canonical(c)', 'x', 'sls_subnet_max(x)')],
  [
    'sls_ip_subnet_range(c)',
    `CASE WHEN sls_ip_subnet_min(c) IS NOT NULL THEN [sls_ip_subnet_min(c), sls_ip_subnet_max(c)] END`,
  ],
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
    'sls_domain(ip)',
    `CASE WHEN contains(ip, ':') THEN ${once('sls_ip6(ip)', 'n', 'sls_domain6(n)')} ELSE ${once('sls_ip4(ip)', 'n', 'sls_domain4(n)')} END`,
  ],
  [
    'sls_ip_to_domain(ip)',
    `CASE WHEN contains(ip, ':') THEN ${once('sls_canonical(ip)', 'x', 'sls_domain(x)')} ELSE sls_domain(ip) END`,
  ],
]
