import type { LogstoreAccount } from './contract.ts'
import type { StoreParts } from './parts.ts'

/** Read in one turn: no flush and no retention run comes between the parts of an account. */
export function accountsOf({ catalogue, hot }: StoreParts): LogstoreAccount[] {
  return catalogue.db
    .prepare(
      `SELECT id, project, name, stored_rows, expired_rows,
        count(path) AS segments, total(rows) AS rows, total(bytes) AS bytes,
        (SELECT total(last - first + 1) FROM delivered WHERE logstore = logstores.id) AS batches
      FROM logstores LEFT JOIN (SELECT logstore, path, rows, bytes FROM segments) AS segment
        ON segment.logstore = logstores.id
      GROUP BY logstores.id ORDER BY project, name`,
    )
    .all()
    .map((row) => ({
      project: String(row['project']),
      logstore: String(row['name']),
      segments: Number(row['segments']),
      segmentRows: Number(row['rows']),
      segmentBytes: Number(row['bytes']),
      hotRows: hot.rowsOf(Number(row['id'])),
      storedRows: Number(row['stored_rows']),
      expiredRows: Number(row['expired_rows']),
      batches: Number(row['batches']),
    }))
}
