/** The shape of every route of the log service: what it is asked with, and what it answers. HTTP itself is in `serve.ts`. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Caller } from '../../access/access.ts'

export interface LogServiceRequest {
  /** The first label of the host; undefined on the bare endpoint. */
  readonly project: string | undefined
  /** The parts of the path that the route names, decoded: `logstore` of `/logstores/:logstore`. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** Without its compression. */
  readonly body: Buffer
  /** Bytes of the body as they came. */
  readonly wireBytes: number
  /** Undefined on a route that needs no signature. */
  readonly caller: Caller | undefined
  /** The peer's address. */
  readonly source: string
  readonly requestId: string
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal
}

/** Status 200. Neither `json` nor `body`: an empty answer without a content type (alibaba-api.md §0.5). */
export interface LogServiceAnswer {
  readonly json?: unknown
  readonly body?: Buffer
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, string>>
  /** May be compressed as the client's Accept-Encoding asks (GetLogsV2, PullLogs). */
  readonly compressible?: boolean
}

export interface LogServiceRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** As in `/logstores/:logstore/index`. */
  readonly path: string
  /** Parameters of the query that choose among routes of one method and path: `{ type: 'histogram' }`. */
  readonly where?: Readonly<Record<string, string>>
  /** Whether the host names a project. */
  readonly host: 'project' | 'bare' | 'any'
  /** The action of a policy: `log:GetLogStore`. */
  readonly action: string
  /** The resource below the project that a policy names; the logstore of the path unless told, and else the project. */
  readonly resource?: (request: LogServiceRequest) => string
  /** The handler asks its caller about each thing that it answers or changes: `resource` is not looked at. */
  readonly asksEach?: true
  /** Web tracking is the one route without a signature. */
  readonly unsigned?: true
  /** Of the body without its compression; 1 MiB unless told. */
  readonly bodyBytesMax?: number
  handle(request: LogServiceRequest): Promise<LogServiceAnswer> | LogServiceAnswer
}
