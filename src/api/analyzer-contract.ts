/** What travels between the routes of traffic analyzers and their callers, and what the routes ask. */
import type {
  Analyzer,
  AnalyzerChange,
  MetricsAnswer,
  MetricsRequest,
  NewAnalyzer,
  RankingPage,
  RankingRequest,
} from '../analysis/analysis.ts'

export interface AnalyzersAnswer {
  readonly analyzers: readonly Analyzer[]
}

export interface RankingStarted {
  readonly NisTrafficRankingId: string
}

export interface RankingPageRequest {
  readonly NisTrafficRankingId: string
  readonly MaxResults?: number
  readonly NextToken?: string
}

/** The traffic analyzers of a server. Those with an id throw AnalyzerNotExist. */
export interface AnalyzerKeeper {
  /** Throws ParameterInvalid. */
  create(wanted: NewAnalyzer): Analyzer
  /** The oldest first. */
  list(): readonly Analyzer[]
  get(id: string): Analyzer
  /** Throws ParameterInvalid. */
  modify(id: string, change: AnalyzerChange): Analyzer
  /** With all it holds. Throws AnalyzerInUse while flow logs bring records to it. */
  delete(id: string): Promise<void>
  /** Whether a flow log with such a window may bring its records. Throws ParameterInvalid. */
  checkWindow(id: string, windowSeconds: number): void
  /** Throws ParameterInvalid, InvalidTimeRange, and as a query does. */
  startRanking(request: RankingRequest, signal?: AbortSignal): Promise<RankingStarted>
  /** The analyzer that made a ranking. Throws RankingNotExist. */
  analyzerOfRanking(id: string): string
  /** Throws RankingNotExist, ParameterInvalid. */
  ranking(request: RankingPageRequest): RankingPage
  /** Throws ParameterInvalid, InvalidTimeRange, and as a query does. */
  metrics(request: MetricsRequest, signal?: AbortSignal): Promise<MetricsAnswer>
}
