import type { FunctionRule } from './rule.ts'
import { inJs, onDistinct, scalar } from './rule.ts'

const KiB = 1024

/** A data size (`1.5GB`) in one unit; units are powers of 1024. What is no size gives NULL. */
const sizes = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'].map((unit, power) =>
  scalar(`to_data_size_${unit.toLowerCase()}`, 1, 'text', 'double', (args, call) => {
    const bytes = onDistinct(`sls_js_data_size(${args[0]!.sql})`, args, call)
    return `(${bytes} / CAST(${KiB ** power} AS DOUBLE))`
  }),
)

/** A time (`1.2h`) in one unit. What is no time gives NULL. */
const times = Object.entries({
  nanoseconds: 1,
  microseconds: 1e3,
  milliseconds: 1e6,
  seconds: 1e9,
  minutes: 60e9,
  hours: 3600e9,
  days: 86_400e9,
}).map(([unit, nanoseconds]) =>
  scalar(`to_${unit}`, 1, 'text', 'double', (args, call) => {
    const value = onDistinct(`sls_js_nanoseconds(${args[0]!.sql})`, args, call)
    return `(${value} / CAST(${nanoseconds} AS DOUBLE))`
  }),
)

export const units: readonly FunctionRule[] = [
  scalar('convert_data_size', [1, 2], 'text', 'varchar', (args, call) => {
    const [size, unit] = args
    const sql =
      unit === undefined
        ? `sls_js_readable_size(${size!.sql})`
        : `sls_js_size_in_unit(sls_js_data_size(${size!.sql}), ${unit.sql})`
    return onDistinct(sql, args, call)
  }),
  inJs('format_data_size', 2, 'number text', 'varchar', 'sls_js_size_in_unit', 'DOUBLE VARCHAR'),
  scalar('parse_data_size', 1, 'text', 'decimal', (args, call) => {
    const bytes = onDistinct(`sls_js_data_size(${args[0]!.sql})`, args, call)
    return `CAST(${bytes} AS DECIMAL(38, 0))`
  }),
  ...sizes,
  inJs('format_duration', 1, 'number', 'varchar', 'sls_js_readable_seconds', 'DOUBLE'),
  inJs('human_readable_seconds', 1, 'number', 'varchar', 'sls_js_readable_seconds', 'DOUBLE'),
  inJs('to_most_succinct_time_unit', 1, 'text', 'varchar', 'sls_js_succinct_time', 'VARCHAR'),
  scalar('parse_duration', 1, 'text', 'interval', (args, call) => {
    const value = onDistinct(`sls_js_nanoseconds(${args[0]!.sql})`, args, call)
    return `to_milliseconds(round(${value} / CAST(1000000 AS DOUBLE)))`
  }),
  ...times,
  inJs('bar', 2, 'number', 'varchar', 'sls_js_bar', 'DOUBLE BIGINT'),
  scalar('geohash', [1, 2], 'any number', 'varchar', (args, call) => {
    const [first, second] = args
    const sql =
      second === undefined
        ? `sls_js_geohash_text(CAST(${first!.sql} AS VARCHAR))`
        : `sls_js_geohash(CAST(${first!.sql} AS DOUBLE), CAST(${second.sql} AS DOUBLE))`
    return onDistinct(sql, args, call)
  }),
]
