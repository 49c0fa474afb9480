/** How an error becomes an answer of the log service: its codes, its body (alibaba-api.md §3.1, §3.9). */
import { type ErrorCode, errorCatalogue, WeirError } from '../../base/errors.ts'
import { asWeirError } from '../reply.ts'

export interface LogServiceError {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: { readonly errorCode: string; readonly errorMessage: string }
  /** Whether the fault is ours, so it must be logged with what it was. */
  readonly failed: boolean
}

interface Row {
  readonly status: number
  readonly code: string
  /** What comes before the message. */
  readonly type?: string
  /** Seconds after which it is worth another try. */
  readonly retryAfter?: number
}

const query = (type: string): Row => ({ status: 400, code: 'ParameterInvalid', type })
const busySeconds = 1
/** A disk is not emptied in a second. */
const fullSeconds = 30

/** Codes of ours that clients of the log service know by another name. */
const rows: Partial<Record<ErrorCode, Row>> = {
  QuerySyntax: query('OLSQueryParseError'),
  QueryRefused: query('OLSQueryParseError'),
  QueryFailed: query('OLSQueryExecuteError'),
  QueryTimeout: query('OLSQueryTimeout'),
  QueryMemory: query('OLSQueryMemoryExceed'),
  QueryBusy: { status: 403, code: 'ReadQuotaExceed', retryAfter: busySeconds },
  WriteQuotaExceed: { status: 403, code: 'WriteQuotaExceed', retryAfter: busySeconds },
  ReadQuotaExceed: { status: 403, code: 'ReadQuotaExceed', retryAfter: busySeconds },
  StorageFull: { status: 403, code: 'WriteQuotaExceed', retryAfter: fullSeconds },
  RequestTooLarge: { status: 400, code: 'PostBodyTooLarge' },
  // A 404 would tell Terraform that the resource is gone.
  NotFound: { status: 405, code: 'InvalidMethod' },
  CheckpointShardNotExist: { status: 404, code: 'ShardNotExist' },
  AccessDenied: { status: 403, code: 'Unauthorized' },
  // Python waits and asks again on a status of 500 and more.
  DataDirLocked: { status: 503, code: 'ServerBusy', retryAfter: busySeconds },
}

/** Of any error that is no WeirError the caller learns nothing but the request's id. */
export function logServiceError(thrown: unknown, requestId: string): LogServiceError {
  const error = contentTypeError(thrown) ?? asWeirError(thrown, requestId)
  const { http } = errorCatalogue[error.code]
  const row = rows[error.code] ?? {
    status: http,
    code: http >= 500 ? 'InternalServerError' : error.code,
  }
  return {
    status: row.status,
    headers: {
      ...commonHeaders(requestId),
      'content-type': 'application/json',
      ...(row.retryAfter === undefined ? {} : { 'retry-after': String(row.retryAfter) }),
    },
    body: { errorCode: row.code, errorMessage: messageOf(error, row.type) },
    failed: http === 500,
  }
}

/** The library reads the header before any route does. */
function contentTypeError(thrown: unknown): WeirError | undefined {
  if (!(thrown instanceof Error && 'code' in thrown)) return undefined
  if (thrown.code !== 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return undefined
  return new WeirError('InvalidContentType', 'the header content-type cannot be read')
}

function messageOf({ message, place, hint }: WeirError, type: string | undefined): string {
  const told = hint === undefined ? message : `${message}. ${hint}`
  if (type === undefined) return place === undefined ? told : `${told} (${place})`
  const at = /^line (\d+):(\d+)$/.exec(place ?? '')
  const position = at === null ? '' : `.ErrorPosition,line:${at[1]},column:${at[2]}`
  return `ErrorType:${type}${position}.ErrorMessage:${told}`
}

/** On every answer, good or bad. The id is 24 digits of 0-9 and A-F. */
export const commonHeaders = (requestId: string): Readonly<Record<string, string>> => ({
  'x-log-requestid': requestId,
  server: 'Weir',
  'access-control-allow-origin': '*',
})

/** The log service's form of a request's id; in the server's log it begins with the same digits. */
export const logRequestId = (id: string): string => id.replaceAll('-', '').slice(0, 24)
