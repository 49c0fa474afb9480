import type { LogstoreEntry } from './catalogue.ts'
import { ttlDaysMax } from './names.ts'
import type { StoreParts } from './parts.ts'
import { hourSeconds } from './stage.ts'

/**
 * Drops the segments of hours that ended `ttlDays` ago or earlier, whole, from every later query; a
 * running one keeps its files by its lease. Nothing is rewritten to expire. The days of a record that came
 * late, a capture of last year replayed today, count from when it came.
 */
export function dropExpired(parts: StoreParts, logstore: LogstoreEntry): void {
  if (logstore.ttlDays === ttlDaysMax) return // kept for ever
  const end = parts.now() - logstore.ttlDays * 24 * hourSeconds
  const expired = parts.segments.before(logstore.id, Math.floor(end / hourSeconds), end)
  if (expired.length === 0) return
  parts.catalogue.transaction(() => {
    parts.segments.retire(expired)
    const rows = expired.reduce((sum, segment) => sum + segment.rows, 0)
    parts.catalogue.countRows(logstore.id, { expired: rows })
  })
  parts.counters.retentionDrops += expired.length
}
