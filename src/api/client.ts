/** The other side of Weir's own routes, for commands. Errors come back as the WeirErrors they were. */
import { encodeBatch } from '../base/batch-codec.ts'
import type { BatchId, ColumnBatch } from '../base/columns.ts'
import { signLogService } from '../access/access.ts'
import { type ErrorCode, errorCatalogue, WeirError } from '../base/errors.ts'
import { clientKey, forgetLocalKey } from './client-key.ts'
import type {
  AgentEntry,
  AgentOrdersAnswer,
  AgentReport,
  AgentsAnswer,
  AuditAnswer,
  ErrorBody,
  HealthAnswer,
  KeyAnswer,
  MasterKeyAnswer,
  KeyChange,
  KeyRequest,
  KeysAnswer,
  NewKeyAnswer,
  LedgerAnswer,
  LedgerRequest,
  ExplainRequest,
  Explanation,
  FlowLogEntry,
  FlowLogFilter,
  FlowLogPatch,
  FlowLogRequest,
  FlowLogsAnswer,
  ProjectEntry,
  ProjectsAnswer,
  QueryAnswer,
  QueryRequest,
  RecordsAnswer,
  StoreCheckAnswer,
} from './contract.ts'

/**
 * @param server such as http://127.0.0.1:8080
 * @throws WeirError what the server answered; ServerUnreachable when none does; Usage when `server` is
 *   no URL; QueryCancelled when `signal` aborts
 */
export const queryServer = (
  server: string,
  request: QueryRequest,
  signal?: AbortSignal,
): Promise<QueryAnswer> =>
  call<QueryAnswer>(server, '/weir/v1/query', {
    ...withBody('POST', request),
    ...(signal === undefined ? {} : { signal }),
  })

/** The projects of a server, with their logstores and rows. Errors as `queryServer`. */
export async function projectsOfServer(server: string): Promise<readonly ProjectEntry[]> {
  const { projects } = await call<ProjectsAnswer>(server, '/weir/v1/projects', {})
  return projects
}

export interface RecordsTarget {
  readonly project: string
  readonly logstore: string
  readonly id: BatchId
}

const recordsQueryOf = ({ project, logstore, id }: RecordsTarget): string =>
  new URLSearchParams({
    project,
    logstore,
    flowLog: id.flowLog,
    run: id.run,
    number: String(id.number),
  }).toString()

/**
 * Puts records into a logstore. When it resolves they are on the server's disk; sending the same batch
 * again is safe: the answer says `stored: false` and nothing is stored twice.
 *
 * @param records NDJSON of the page's fields, at most `recordsMax` lines and 32 MiB
 */
export function putRecords(
  server: string,
  target: RecordsTarget,
  records: Uint8Array<ArrayBuffer> | string,
): Promise<RecordsAnswer> {
  return call<RecordsAnswer>(server, `/weir/v1/records?${recordsQueryOf(target)}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: records,
  })
}

/** The same for records as columns, at most `recordsMax` rows and 32 MiB when encoded. */
export function putRecordColumns(
  server: string,
  target: RecordsTarget,
  batch: ColumnBatch,
): Promise<RecordsAnswer> {
  return call<RecordsAnswer>(server, `/weir/v1/records?${recordsQueryOf(target)}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-weir-batch' },
    body: new Uint8Array(encodeBatch(batch, {})),
  })
}

/** Makes a logstore for flow log records, and its project, unless they are there. Errors as `queryServer`. */
export async function makeLogstore(
  server: string,
  place: { readonly project: string; readonly logstore: string },
): Promise<void> {
  const query = new URLSearchParams({ ...place })
  await call<object>(server, `/weir/v1/logstore?${query.toString()}`, { method: 'PUT' })
}

/** Why a packet is accepted or rejected, by the topology a server has or had. Errors as `queryServer`; NotFound when it has none. */
export const explainAtServer = (server: string, request: ExplainRequest): Promise<Explanation> =>
  call(server, '/weir/v1/explain', withBody('POST', request))

/** The accounts of a server's taps and what was lost. Errors as `queryServer`. */
export function ledgerOfServer(server: string, request: LedgerRequest = {}): Promise<LedgerAnswer> {
  const filter = new URLSearchParams()
  for (const [name, value] of Object.entries(request)) filter.set(name, String(value))
  return call(server, `/weir/v1/ledger?${filter.toString()}`, {})
}

/** Has a server read its whole log store again. Errors as `queryServer`. */
export const checkStoreOfServer = (server: string): Promise<StoreCheckAnswer> =>
  call(server, '/weir/v1/store-check', {})

/** What is wrong at a server. Errors as `queryServer`. */
export async function healthOfServer(server: string): Promise<HealthAnswer> {
  const { status, text } = await exchange(server, '/healthz', {})
  const body = parsed(text)
  if (body !== undefined && 'problems' in body) return body as HealthAnswer
  throw errorOf(server, status, body)
}

/** The agents a server knows. Errors as `queryServer`. */
export async function agentsOfServer(server: string): Promise<readonly AgentEntry[]> {
  const { agents } = await call<AgentsAnswer>(server, '/weir/v1/agents', {})
  return agents
}

/** How an agent reaches its server. */
export interface AgentServer {
  readonly url: string
  /** The agent's name. */
  readonly name: string
}

const agentCall = <Answer>({ url, name }: AgentServer, path: string, init: Init): Promise<Answer> =>
  call<Answer>(url, `/weir/v1/agents/${encodeURIComponent(name)}/${path}`, init)

/** Tells a server of an agent and gets its orders. Errors as `queryServer`, and AgentNotAllowed. */
export const reportAgent = (
  server: AgentServer,
  report: AgentReport,
  signal: AbortSignal,
): Promise<AgentOrdersAnswer> =>
  agentCall(server, 'report', { ...withBody('POST', report), signal })

/**
 * Puts an agent's records into a logstore. When it resolves they are on the server's disk; sending the same batch
 * again is safe.
 */
export function putAgentRecords(
  server: AgentServer,
  target: RecordsTarget,
  batch: ColumnBatch,
  signal?: AbortSignal,
): Promise<RecordsAnswer> {
  return agentCall(server, `records?${recordsQueryOf(target)}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-weir-batch' },
    body: new Uint8Array(encodeBatch(batch, {})),
    ...(signal === undefined ? {} : { signal }),
  })
}

/** Makes the sample project of a server anew. */
export async function addSample(server: string): Promise<void> {
  await call<object>(server, '/weir/v1/sample', { method: 'PUT' })
}

/** Removes the sample project of a server. */
export async function removeSample(server: string): Promise<void> {
  await call<object>(server, '/weir/v1/sample', { method: 'DELETE' })
}

const flowLogsPath = '/weir/v1/flow-logs'
const flowLogPath = (id: string): string => `${flowLogsPath}/${encodeURIComponent(id)}`

/** The flow logs of a server that fit, the oldest first. Errors as `queryServer`. */
export async function flowLogsOfServer(
  server: string,
  filter: FlowLogFilter = {},
): Promise<readonly FlowLogEntry[]> {
  const query = new URLSearchParams(filter)
  const { flowLogs } = await call<FlowLogsAnswer>(server, `${flowLogsPath}?${query.toString()}`, {})
  return flowLogs
}

/** One of them. Throws FlowLogNotExist; other errors as `queryServer`. */
export const flowLogOfServer = (server: string, id: string): Promise<FlowLogEntry> =>
  call(server, flowLogPath(id), {})

/** Makes a flow log, which collects from then on. Errors as `FlowLogKeeper.create` and `queryServer`. */
export const createFlowLog = (server: string, wanted: FlowLogRequest): Promise<FlowLogEntry> =>
  call(server, flowLogsPath, withBody('POST', wanted))

/** Errors as `flowLogOfServer`, and ParameterInvalid. */
export const modifyFlowLog = (
  server: string,
  id: string,
  change: FlowLogPatch,
): Promise<FlowLogEntry> => call(server, flowLogPath(id), withBody('PATCH', change))

/** Errors as `flowLogOfServer`. */
export const switchFlowLog = (
  server: string,
  id: string,
  to: 'start' | 'stop' | 'disable-delivery',
): Promise<FlowLogEntry> => call(server, `${flowLogPath(id)}/${to}`, { method: 'POST' })

/** @param analyzer null for none. Errors as `flowLogOfServer`, AnalyzerNotExist, and ParameterInvalid for its interval. */
export const attachAnalyzer = (
  server: string,
  id: string,
  analyzer: string | null,
): Promise<FlowLogEntry> =>
  call(server, `${flowLogPath(id)}/analyzer`, withBody('PUT', { analyzer }))

/** Its records stay. Errors as `flowLogOfServer`. */
export async function deleteFlowLog(server: string, id: string): Promise<void> {
  await call<object>(server, flowLogPath(id), { method: 'DELETE' })
}

/** What a request is made of: its body is signed, so it is not a stream. */
interface Init {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array<ArrayBuffer>
  readonly signal?: AbortSignal
}

const keysPath = '/weir/v1/keys'
const keyPath = (id: string): string => `${keysPath}/${encodeURIComponent(id)}`

/** Makes a key. Errors as `queryServer`, and ParameterInvalid. */
export const createServerKey = (server: string, wanted: KeyRequest): Promise<NewKeyAnswer> =>
  call(server, keysPath, withBody('POST', wanted))

/** The keys of a server, the oldest first. Errors as `queryServer`. */
export async function keysOfServer(server: string): Promise<readonly KeyAnswer[]> {
  const { keys } = await call<KeysAnswer>(server, keysPath, {})
  return keys
}

/** Errors as `queryServer`, AccessKeyNotExist and ParameterInvalid. */
export const changeServerKey = (
  server: string,
  id: string,
  change: KeyChange,
): Promise<KeyAnswer> => call(server, keyPath(id), withBody('PATCH', change))

/** Errors as `queryServer`, and AccessKeyNotExist. */
export async function deleteServerKey(server: string, id: string): Promise<void> {
  await call<object>(server, keyPath(id), { method: 'DELETE' })
}

/** Errors as `queryServer`, and ParameterInvalid when the server has it from its environment. */
export const changeServerMasterKey = (server: string): Promise<MasterKeyAnswer> =>
  call(server, '/weir/v1/master-key', { method: 'POST' })

/** What was changed, the latest first; times are Unix seconds. Errors as `queryServer`. */
export async function auditOfServer(
  server: string,
  filter: {
    readonly from?: number
    readonly to?: number
    readonly key?: string
    readonly limit?: number
  },
): Promise<AuditAnswer['entries']> {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(filter)) query.set(name, String(value))
  const { entries } = await call<AuditAnswer>(server, `/weir/v1/audit?${query.toString()}`, {})
  return entries
}

/** A request with a JSON body. */
export const withBody = (method: string, body: object): Init => ({
  method,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

/** Signed, and its answer read. Errors as `queryServer`. */
export async function call<Answer>(server: string, path: string, init: Init): Promise<Answer> {
  const { status, text } = await exchange(server, path, init)
  const body = parsed(text)
  if (status === 200 && body !== undefined) return body as Answer
  throw errorOf(server, status, body)
}

async function exchange(server: string, path: string, init: Init) {
  const url = URL.parse(path, server)
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new WeirError('Usage', `${JSON.stringify(server)} is not the URL of a server`, {
      hint: 'Write it like http://127.0.0.1:8080',
    })
  const ask = async () => {
    const headers = { ...init.headers, ...(await signatureOf(url, init)) }
    const response = await fetch(url, { ...init, headers, redirect: 'error' })
    return { status: response.status, text: await response.text() }
  }
  try {
    const answer = await ask()
    return answer.status === 401 && forgetLocalKey(url) ? await ask() : answer
  } catch (cause) {
    if (cause instanceof WeirError) throw cause
    if (init.signal?.aborted === true)
      throw new WeirError('QueryCancelled', 'the query was cancelled', { cause })
    throw new WeirError('ServerUnreachable', `no answer from ${url.origin}: ${reasonOf(cause)}`, {
      hint: 'Is it running? Start one with: weir start',
      cause,
    })
  }
}

/** Without a key it is asked all the same: what needs none is answered, and for the rest the server says what to do. */
async function signatureOf(url: URL, { method = 'GET', body = '', headers }: Init) {
  if (url.pathname === '/healthz') return {}
  const key = await clientKey(url)
  if (key === undefined) return {}
  const request = {
    method,
    url: `${url.pathname}${url.search}`,
    host: url.host,
    headers: headers ?? {},
    body: Buffer.from(body),
  }
  return signLogService(request, key, new Date())
}

/** `fetch failed` says nothing; its cause does. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(cause instanceof Error)) return String(cause)
  if (cause.message !== '') return cause.message
  return 'code' in cause ? String(cause.code) : cause.name
}

function parsed(text: string): object | undefined {
  try {
    const body: unknown = JSON.parse(text)
    return typeof body === 'object' && body !== null ? body : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function errorOf(server: string, status: number, body: object | undefined): WeirError {
  const { code, message, place, hint } = (body ?? {}) as Partial<ErrorBody>
  if (typeof code !== 'string' || typeof message !== 'string')
    return new WeirError('ServerError', `${server} answered with HTTP status ${status}`, {
      hint: 'Is it a Weir server?',
    })
  return new WeirError(isErrorCode(code) ? code : 'ServerError', message, {
    ...(typeof place === 'string' ? { place } : {}),
    ...(typeof hint === 'string' ? { hint } : {}),
  })
}

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorCatalogue, code)
