/** The other side of the routes of traffic analyzers, for commands. Errors come back as the WeirErrors they were. */
import type {
  Analyzer,
  AnalyzerChange,
  MetricsAnswer,
  MetricsRequest,
  NewAnalyzer,
  RankingPage,
  RankingRequest,
} from '../analysis/analysis.ts'
import type { AnalyzersAnswer, RankingPageRequest, RankingStarted } from './analyzer-contract.ts'
import { call, withBody } from './client.ts'

const all = '/weir/v1/analyzers'
const one = (id: string): string => `${all}/${encodeURIComponent(id)}`

/** Makes a traffic analyzer. Errors as `queryServer`, and ParameterInvalid. */
export const createAnalyzer = (server: string, wanted: NewAnalyzer): Promise<Analyzer> =>
  call(server, all, withBody('POST', wanted))

/** Those of a server, the oldest first. Errors as `queryServer`. */
export async function analyzersOfServer(server: string): Promise<readonly Analyzer[]> {
  const { analyzers } = await call<AnalyzersAnswer>(server, all, {})
  return analyzers
}

/** Errors as `queryServer`, AnalyzerNotExist and ParameterInvalid. */
export const modifyAnalyzer = (
  server: string,
  id: string,
  change: AnalyzerChange,
): Promise<Analyzer> => call(server, one(id), withBody('PATCH', change))

/** With all it holds. Errors as `queryServer`, AnalyzerNotExist and AnalyzerInUse. */
export async function deleteAnalyzer(server: string, id: string): Promise<void> {
  await call<object>(server, one(id), { method: 'DELETE' })
}

/** Makes a ranking. Errors as `queryServer`, AnalyzerNotExist and ParameterInvalid. */
export const startRanking = (
  server: string,
  { TrafficAnalyzerId, ...rest }: RankingRequest,
): Promise<RankingStarted> =>
  call(server, `${one(TrafficAnalyzerId)}/rankings`, withBody('POST', rest))

/** A page of a ranking. Errors as `queryServer`, and RankingNotExist. */
export function rankingOfServer(
  server: string,
  { NisTrafficRankingId, ...paging }: RankingPageRequest,
): Promise<RankingPage> {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(paging)) query.set(name, String(value))
  const path = `/weir/v1/rankings/${encodeURIComponent(NisTrafficRankingId)}`
  return call(server, `${path}?${query.toString()}`, {})
}

/** Errors as `queryServer`, AnalyzerNotExist and ParameterInvalid. */
export const metricsOfServer = (
  server: string,
  { TrafficAnalyzerId, ...rest }: MetricsRequest,
): Promise<MetricsAnswer> =>
  call(server, `${one(TrafficAnalyzerId)}/metrics`, withBody('POST', rest))
