import type { DatabaseSync } from 'node:sqlite'

/** Which flow logs bring their records to which traffic analyzer. */
export interface Attachments {
  /** Of a flow log, by its id; undefined: to none. */
  readonly analyzerOf: (flowLog: string) => string | undefined
  /** Of a flow log, by its id: whether its records go to its analyzer and to no logstore. */
  readonly isAlone: (flowLog: string) => boolean
  /** Ids of the flow logs there are. */
  readonly attached: (analyzer: string) => readonly string[]
}

/** As they are whenever it is asked. */
export function attachmentsOf({ database }: { readonly database: DatabaseSync }): Attachments {
  const one = database.prepare('SELECT analyzer FROM flow_log_resources WHERE flow_log = ?')
  const alone = database.prepare(
    `SELECT 1 FROM flow_log_resources
     WHERE flow_log = ? AND delivers = 0 AND analyzer IS NOT NULL`,
  )
  const all = database.prepare(
    `SELECT id FROM flow_log_resources JOIN flow_logs ON id = flow_log
     WHERE deleted_at IS NULL AND analyzer = ? ORDER BY id`,
  )
  return {
    analyzerOf(flowLog) {
      const analyzer = one.get(flowLog)?.['analyzer']
      return typeof analyzer === 'string' ? analyzer : undefined
    },
    isAlone: (flowLog) => alone.get(flowLog) !== undefined,
    attached: (analyzer) => all.all(analyzer).map(({ id }) => String(id)),
  }
}
