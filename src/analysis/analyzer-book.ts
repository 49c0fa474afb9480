/** Which analyzers there are, and the rankings they made: in SQLite, so that both outlive the process. */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { Analyzer } from './analyzer.ts'
import type { FlowRanking } from './ranking.ts'

/** `making` and `deleting` are finished when the server starts again. */
export type AnalyzerState = 'making' | 'ready' | 'deleting'

export interface KeptRanking {
  readonly analyzer: string
  readonly rows: readonly FlowRanking[]
}

const schema = `
  CREATE TABLE IF NOT EXISTS analyzers (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, created_at INTEGER NOT NULL, document TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS analyzer_rankings (
    id TEXT PRIMARY KEY, analyzer TEXT NOT NULL, made_at INTEGER NOT NULL, rows TEXT NOT NULL
  ) STRICT;
`
/** More are made only by programs; the oldest go. */
const rankingsMax = 1000

export class AnalyzerBook {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
    db.exec(schema)
  }

  put(analyzer: Analyzer, state: AnalyzerState): void {
    this.#db
      .prepare(
        `INSERT INTO analyzers VALUES (?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, document = excluded.document`,
      )
      .run(analyzer.id, state, analyzer.createdAt, JSON.stringify(analyzer))
  }

  /** The oldest first. */
  list(state: AnalyzerState): Analyzer[] {
    const rows = this.#db
      .prepare('SELECT document FROM analyzers WHERE state = ? ORDER BY created_at, id')
      .all(state)
    return rows.map(analyzerOf)
  }

  find(id: string): Analyzer | undefined {
    const row = this.#db
      .prepare("SELECT document FROM analyzers WHERE id = ? AND state = 'ready'")
      .get(id)
    return row && analyzerOf(row)
  }

  /** Its rankings too. */
  remove(id: string): void {
    this.#db.prepare('DELETE FROM analyzer_rankings WHERE analyzer = ?').run(id)
    this.#db.prepare('DELETE FROM analyzers WHERE id = ?').run(id)
  }

  keepRanking(id: string, { analyzer, rows }: KeptRanking, now: number): void {
    this.#db
      .prepare('INSERT INTO analyzer_rankings VALUES (?, ?, ?, ?)')
      .run(id, analyzer, now, JSON.stringify(rows))
    this.#db
      .prepare(
        `DELETE FROM analyzer_rankings WHERE rowid <=
           (SELECT max(rowid) FROM analyzer_rankings) - ${rankingsMax}`,
      )
      .run()
  }

  /** @param before those made earlier are forgotten */
  ranking(id: string, before: number): KeptRanking | undefined {
    this.#db.prepare('DELETE FROM analyzer_rankings WHERE made_at < ?').run(before)
    const row = this.#db
      .prepare('SELECT analyzer, rows FROM analyzer_rankings WHERE id = ?')
      .get(id)
    if (row === undefined) return undefined
    const rows = JSON.parse(String(row['rows'])) as FlowRanking[]
    return { analyzer: String(row['analyzer']), rows }
  }
}

const analyzerOf = ({ document }: Record<string, SQLOutputValue>): Analyzer =>
  JSON.parse(String(document)) as Analyzer
