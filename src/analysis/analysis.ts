/**
 * analysis/: traffic analyzers. Each keeps what flow logs bring in as totals of 1-, 2- and 5-tuples, at its own interval
 * and at a day, and answers rankings and metrics from those.
 *
 *   analyzer.ts        what one is; analyzer-book.ts, which there are, and the rankings they made
 *   tuples.ts          the six rollups of one, as logstores of a project of its own
 *   fold.ts            a batch of records as rows of a rollup; groups.ts, which of them are of one tuple; internet.ts,
 *                      which are of the internet
 *   asked.ts filter.ts what is asked, as conditions
 *   ranking.ts metrics.ts   the answers, by queries over the rollups; whole-days.ts, of those with days in them;
 *                      protocols.ts names protocols
 *
 * A batch is folded when it is stored, under its own id, so the log store keeps its totals once, whenever it comes and
 * however often; late records add rows, and rows add up. It knows no flow log: who hands batches in says which analyzer
 * they are for.
 */
import { randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { BatchId, ColumnBatch } from '../base/columns.ts'
import { WeirError } from '../base/errors.ts'
import type { LogStore } from '../logstore/logstore.ts'
import type { QueryRequest, QueryResult } from '../query/query.ts'
import {
  type Analyzer,
  type AnalyzerChange,
  changed,
  defaultStorage,
  droppedBy,
  intervalOf,
  invalid,
  type NewAnalyzer,
  rollupsOf,
} from './analyzer.ts'
import { AnalyzerBook } from './analyzer-book.ts'
import { pageOf } from './asked.ts'
import { fold, keysOfBatch } from './fold.ts'
import { type MetricsAnswer, metricsOf, type MetricsRequest } from './metrics.ts'
import { type Ask, assertWhole, type FlowRanking, rank, type RankingRequest } from './ranking.ts'
import { storeNameOf, storeOptionsOf } from './tuples.ts'

export type { Analyzer, AnalyzerChange, NewAnalyzer, StorageDays } from './analyzer.ts'
export type { FilterClause } from './filter.ts'
export type { MetricsAnswer, MetricsRequest } from './metrics.ts'
export type { FlowRanking, RankingRequest } from './ranking.ts'
export { dimensions } from './tuples.ts'

export interface AnalysisParts {
  readonly store: Pick<
    LogStore,
    | 'append'
    | 'isStored'
    | 'projects'
    | 'logstores'
    | 'createProject'
    | 'deleteProject'
    | 'createLogstore'
    | 'updateTtl'
  >
  readonly db: DatabaseSync
  readonly region: string
  /** Ids of the flow logs that bring their records to an analyzer. */
  readonly attached: (analyzer: string) => readonly string[]
  /** Unix seconds. */
  readonly now: () => number
}

export type RunQuery = (request: QueryRequest, signal?: AbortSignal) => Promise<QueryResult>

export interface RankingPage {
  readonly NisTrafficRankingId: string
  readonly Status: 'Complete'
  readonly TotalCount: number
  readonly MaxResults: number
  /** Empty: there is no more. */
  readonly NextToken: string
  readonly FlowRankingList: readonly FlowRanking[]
}

const analyzersMax = 20
/** A ranking can be read for a day. */
const rankingSeconds = 86_400

export class TrafficAnalyzers {
  readonly #parts: AnalysisParts
  readonly #book: AnalyzerBook

  constructor(parts: AnalysisParts) {
    this.#parts = parts
    this.#book = new AnalyzerBook(parts.db)
  }

  /** Finishes what a crash left half made or half deleted. Call it before anything else. */
  async resume(): Promise<void> {
    for (const each of this.#book.list('deleting')) await this.#finishDelete(each)
    for (const each of [...this.#book.list('making'), ...this.#book.list('ready')]) {
      this.#finishCreate(each)
      this.#setTtls(each)
    }
  }

  /** Throws ParameterInvalid. */
  create({ intervalMinutes = 10, ...more }: NewAnalyzer): Analyzer {
    if (this.list().length >= analyzersMax)
      throw invalid('analyzers', `there are ${analyzersMax}, and that is the most`)
    const now = Math.floor(this.#parts.now())
    const fixed = {
      id: `nta-${randomBytes(8).toString('hex')}`,
      region: this.#parts.region,
      intervalMinutes: intervalOf(intervalMinutes),
      createdAt: now,
      changedAt: now,
    }
    const blank = { ...fixed, name: '', description: '', storage: defaultStorage }
    const analyzer: Analyzer = changed(blank, more)
    this.#book.put(analyzer, 'making')
    this.#finishCreate(analyzer)
    return analyzer
  }

  /** The oldest first. */
  list(): Analyzer[] {
    return this.#book.list('ready')
  }

  /** Undefined: there is no such analyzer. */
  find(id: string): Analyzer | undefined {
    return this.#book.find(id)
  }

  /** Throws AnalyzerNotExist. */
  get(id: string): Analyzer {
    const found = this.find(id)
    if (found !== undefined) return found
    throw new WeirError('AnalyzerNotExist', `there is no traffic analyzer ${id}`, {
      hint: 'weir analyzer list',
    })
  }

  /**
   * Whether a flow log with such a window can bring its records to an analyzer: the analyzer's interval must not be
   * shorter. Throws AnalyzerNotExist, ParameterInvalid.
   */
  checkWindow(id: string, windowSeconds: number): void {
    const { intervalMinutes } = this.get(id)
    if (intervalMinutes * 60 >= windowSeconds) return
    throw invalid(
      'analyzer',
      `the interval of ${id}, ${intervalMinutes} minutes, is shorter than the capture window, ${windowSeconds / 60}`,
      'Choose a shorter window, or an analyzer with a longer interval',
    )
  }

  /** Throws AnalyzerNotExist, ParameterInvalid. Shorter storage drops what is older at once. */
  modify(id: string, change: AnalyzerChange): Analyzer {
    const before = this.get(id)
    const changedAt = Math.floor(this.#parts.now())
    const after = changed(before, change)
    const next = { ...after, dropped: droppedBy(before, after, changedAt), changedAt }
    this.#book.put(next, 'ready')
    this.#setTtls(next)
    return next
  }

  /** With its rollups and rankings. Throws AnalyzerNotExist, AnalyzerInUse. */
  async delete(id: string): Promise<void> {
    const analyzer = this.get(id)
    const users = this.#parts.attached(id)
    if (users.length > 0)
      throw new WeirError('AnalyzerInUse', `${users.join(', ')} bring records to ${id}`, {
        hint: 'Detach or delete those flow logs first',
      })
    this.#book.put(analyzer, 'deleting')
    await this.#finishDelete(analyzer)
  }

  /**
   * Adds a batch of flow log records to the rollups of an analyzer: on disk when it resolves, and counted once however
   * often the same batch is handed in. An analyzer that is no more takes nothing. Throws as `LogStore.append`.
   */
  async deliver(id: string, batch: ColumnBatch, batchId: BatchId): Promise<void> {
    const analyzer = this.find(id)
    if (analyzer === undefined) return
    const keys = keysOfBatch(batch)
    if (keys.rows.length === 0) return
    const stored = await Promise.allSettled(
      rollupsOf(analyzer).map(({ dimension, minutes }) =>
        this.#parts.store.append(
          id,
          storeNameOf(dimension, minutes),
          fold(keys, dimension, minutes),
          { id: batchId },
        ),
      ),
    )
    const failed = stored.find((each) => each.status === 'rejected')
    if (failed !== undefined && this.find(id) !== undefined) throw failed.reason
  }

  /** Whether all rollups of an analyzer have a batch. One without traffic is in none. */
  hasFolded(id: string, batchId: BatchId): boolean {
    const analyzer = this.find(id)
    return (
      analyzer !== undefined &&
      rollupsOf(analyzer).every(({ dimension, minutes }) =>
        this.#parts.store.isStored(id, storeNameOf(dimension, minutes), batchId),
      )
    )
  }

  /**
   * StartNisTrafficRanking: makes a ranking, which `ranking` gives for a day. Throws AnalyzerNotExist,
   * ParameterInvalid, InvalidTimeRange, and what a query throws.
   */
  async startRanking(
    request: RankingRequest,
    run: RunQuery,
    signal?: AbortSignal,
  ): Promise<{ readonly NisTrafficRankingId: string }> {
    const analyzer = this.get(request.TrafficAnalyzerId)
    const now = Math.floor(this.#parts.now())
    const rows = await rank(request, analyzer, asking(analyzer, run, signal), now)
    const id = `task-${randomBytes(10).toString('hex')}`
    this.#book.keepRanking(id, { analyzer: analyzer.id, rows }, now)
    return { NisTrafficRankingId: id }
  }

  /** The analyzer that made a ranking: who may read the one may read the other. Throws RankingNotExist. */
  analyzerOfRanking(id: string): string {
    return this.#kept(id).analyzer
  }

  /** DescribeNisTrafficRanking. `MaxResults` is 1 to 100, 20 unless told. Throws RankingNotExist, ParameterInvalid. */
  ranking({
    NisTrafficRankingId: id,
    ...paging
  }: {
    readonly NisTrafficRankingId: string
    readonly MaxResults?: number
    readonly NextToken?: string
  }): RankingPage {
    const { rows } = this.#kept(id)
    const { page, nextToken, maxResults } = pageOf(rows, paging, { most: 100, otherwise: 20 })
    return {
      NisTrafficRankingId: id,
      Status: 'Complete',
      TotalCount: rows.length,
      MaxResults: maxResults,
      NextToken: nextToken,
      FlowRankingList: page,
    }
  }

  /** GetNisTrafficMetrics. Throws AnalyzerNotExist, ParameterInvalid, InvalidTimeRange, and what a query throws. */
  async metrics(
    request: MetricsRequest,
    run: RunQuery,
    signal?: AbortSignal,
  ): Promise<MetricsAnswer> {
    const analyzer = this.get(request.TrafficAnalyzerId)
    return metricsOf(request, analyzer, asking(analyzer, run, signal), this.#parts.now())
  }

  #kept(id: string) {
    const found = this.#book.ranking(id, Math.floor(this.#parts.now()) - rankingSeconds)
    if (found !== undefined) return found
    throw new WeirError('RankingNotExist', `there is no ranking ${id}`, {
      hint: 'A ranking is kept for a day',
    })
  }

  #finishCreate(analyzer: Analyzer): void {
    const { store } = this.#parts
    const { id } = analyzer
    if (!store.projects().some(({ name }) => name === id))
      store.createProject(id, {
        description: 'Rollups of a traffic analyzer',
        labels: { analyzer: id },
      })
    const there = new Set(store.logstores(id).map(({ name }) => name))
    for (const { dimension, minutes, ttlDays } of rollupsOf(analyzer)) {
      const name = storeNameOf(dimension, minutes)
      if (!there.has(name))
        store.createLogstore(id, name, storeOptionsOf(dimension, minutes, ttlDays))
    }
    this.#book.put(analyzer, 'ready')
  }

  async #finishDelete({ id }: Analyzer): Promise<void> {
    const { store } = this.#parts
    if (store.projects().some(({ name }) => name === id)) await store.deleteProject(id)
    this.#book.remove(id)
  }

  #setTtls(analyzer: Analyzer): void {
    const { store } = this.#parts
    const kept = new Map(store.logstores(analyzer.id).map((each) => [each.name, each.ttlDays]))
    for (const { dimension, minutes, ttlDays } of rollupsOf(analyzer)) {
      const name = storeNameOf(dimension, minutes)
      if (kept.get(name) !== ttlDays) store.updateTtl(analyzer.id, name, ttlDays)
    }
  }
}

const asking =
  ({ id }: Analyzer, run: RunQuery, signal: AbortSignal | undefined): Ask =>
  async (query, { logstore, from, to }, rows) => {
    const limits = { rowsMax: rows + 1 }
    const result = await run({ project: id, logstore, query, from, to, limits }, signal)
    assertWhole(result)
    return result
  }
