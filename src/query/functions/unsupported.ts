/**
 * Functions of the log service and of other dialects that Weir does not have, each with what comes
 * nearest. They are told apart from names that nobody knows.
 */
const families: readonly (readonly [name: RegExp, instead: string])[] = [
  [/^compare$|^ts_compare$/, 'compare and ts_compare stand alone in the SELECT of a grouped query'],
  [/^time_series$/, 'time_series stands in the SELECT and in the GROUP BY of a query'],
  [
    /^ts_(smooth|predicate|decompose|regression)\w*$/,
    'avg(...) OVER (... ROWS ...) smooths a series',
  ],
  [
    /^ts_(cp_detect|breakout_detect|find_peaks|anomaly)\w*$/,
    'lag() and stddev() OVER (...) find jumps',
  ],
  [/^ts_(period|density|hierarchical|similar)\w*$/, 'corr() compares two series'],
  [/^ts_\w+$/, 'time_series() and window functions are what there is for series'],
  [/^pattern_(stat|diff)$/, 'histogram() counts the values of a field'],
  [/^(rca_\w+|root_cause\w*|diff_\w+)$/, 'GROUP BY with cube(...) splits a sum by fields'],
  [/^promql_\w+$/, 'sum() by date_trunc(...) makes a series'],
  [/^(st_\w+|bing_\w+|great_circle_distance|to_geometry\w*)$/, 'geohash() names a place'],
  [/^url_classify$/, 'url_extract_host() and url_extract_path() take a URL apart'],
  [
    /^(mobile_\w+|phone_\w+)$/,
    'there are no data of telephone numbers; ip_to_provider() knows networks',
  ],
  [/^ip_to_country_geo$/, 'ip_to_geo() and ip_to_city_geo() give places'],
  [/^(color|render|rgb)$/, 'bar() draws in colours'],
  [/^window_funnel$/, 'array_agg(... ORDER BY ...) and reduce() walk through events'],
  [
    /^(bloom_filter\w*|tdigest_\w*|qdigest_\w*|\w+_digest_agg)$/,
    'approx_set() and approx_percentile() are exact',
  ],
  [/^(regr_(?!slope$|intercept$)\w+)$/, 'regr_slope() and regr_intercept() fit a line'],
  [/^(inverse_\w+_cdf|\w+_cdf)$/, 'approx_percentile() gives the distribution of a field'],
  [/^(classify|features|regress|learn_\w+)$/, 'regr_slope() and regr_intercept() fit a line'],
  [/^(ifnull|nvl|isnull)$/, 'coalesce(a, b), or IS NULL'],
  [/^left$/, 'substr(text, 1, n)'],
  [/^right$/, 'substr(text, -n)'],
  [/^(len|char_length|character_length)$/, 'length(text)'],
  [/^(instr|locate|charindex)$/, 'strpos(text, part)'],
  [/^ascii$/, 'codepoint(text)'],
  [/^unix_timestamp$/, 'to_unixtime(now())'],
  [/^(str_to_date|to_timestamp|to_date)$/, 'date_parse(text, format)'],
  [/^(group_concat|string_agg)$/, "listagg(value, ',') WITHIN GROUP (ORDER BY value)"],
  [/^concat_ws$/, 'array_join(array[...], separator)'],
  [/^(median|percentile|percentile_cont|quantile)$/, 'approx_percentile(value, 0.5), exact here'],
  [/^(mode|approx_most_frequent)$/, 'GROUP BY, ORDER BY count(*) DESC and LIMIT 1'],
  [/^(array_sum|array_average|array_frequency)$/, 'CROSS JOIN UNNEST(...) and an aggregate'],
  [/^reduce_agg$/, 'array_agg() and reduce()'],
  [/^json_(value|query|exists)$/, 'json_extract() and json_extract_scalar()'],
  [/^json_(object|array)$/, 'cast(map(...) AS json) or cast(array[...] AS json)'],
  [/^at_timezone$/, "time AT TIME ZONE 'zone'"],
]

/** What comes nearest to a function that is documented and not supported, or undefined. */
export function insteadOf(name: string): string | undefined {
  return families.find(([pattern]) => pattern.test(name))?.[1]
}
