/** How an error becomes an answer of the cloud's APIs: the one table of their codes (alibaba-api.md 1.11, 2.6). */
import { type ErrorCode, errorCatalogue, type WeirError } from '../../base/errors.ts'
import { asWeirError } from '../reply.ts'
import { contentTypes, type Format, written } from './answer.ts'

export interface CloudError {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  /** Whether the fault is ours, so it must be logged with what it was. */
  readonly failed: boolean
}

interface Row {
  readonly status: number
  readonly code: string
  /** In place of ours: clients look for some texts. */
  readonly message?: string
}

const throttled: Row = { status: 400, code: 'Throttling.User' }
const notFound: Row = {
  status: 404,
  code: 'InvalidAction.NotFound',
  message: 'Specified api is not found, please check your url and method.',
}
const gone: Row = { status: 400, code: 'ProjectOrLogstoreNotExist' }

/** Codes of ours that clients know by another name. */
const rows: Partial<Record<ErrorCode, Row>> = {
  InvalidAccessKeyId: {
    status: 404,
    code: 'InvalidAccessKeyId.NotFound',
    message: 'Specified access key is not found.',
  },
  Unauthorized: {
    status: 400,
    code: 'InvalidAccessKeyId.Inactive',
    message: 'Specified access key is disabled.',
  },
  SignatureNotMatch: { status: 400, code: 'SignatureDoesNotMatch' },
  InvalidSignatureMethod: { status: 400, code: 'InvalidParameter' },
  InvalidDateFormat: { status: 400, code: 'InvalidTimeStamp.Format' },
  RequestTimeTooSkewed: { status: 400, code: 'InvalidTimeStamp.Expired' },
  AccessDenied: { status: 403, code: 'Forbidden.RAM' },
  ParameterInvalid: { status: 400, code: 'InvalidParameter' },
  InvalidContentType: { status: 400, code: 'InvalidParameter' },
  WriteQuotaExceed: throttled,
  ReadQuotaExceed: throttled,
  PostBodyTooLarge: { status: 413, code: 'RequestTooLarge' },
  NotFound: notFound,
  InvalidMethod: notFound,
  'InvalidAction.NotFound': notFound,
  FlowLogNotExist: { status: 404, code: 'InvalidFlowLogId.NotFound' },
  ResourceNotExist: { status: 404, code: 'ResourceNotFound' },
  AnalyzerNotExist: { status: 404, code: 'ResourceNotFound.TrafficAnalyzer' },
  RankingNotExist: { status: 404, code: 'ResourceNotFound.TrafficRanking' },
  InvalidTimeRange: { status: 400, code: 'InvalidParameter' },
  ProjectNotExist: gone,
  LogStoreNotExist: gone,
  // It is tried again then, and may succeed.
  StorageFull: { status: 503, code: 'ServiceUnavailable' },
}

function rowOf(code: ErrorCode): Row {
  const row = rows[code]
  if (row !== undefined) return row
  const { http } = errorCatalogue[code]
  if (http < 500) return { status: http, code }
  return http === 503 || http === 507
    ? { status: 503, code: 'ServiceUnavailable' }
    : { status: 500, code: 'InternalError' }
}

/** What is known of the request that failed. */
export interface Failed {
  readonly requestId: string
  /** The host as it was sent. */
  readonly host: string
  readonly format: Format
}

/** Of any error that is no WeirError the caller learns nothing but the request's id. */
export function cloudError(thrown: unknown, { requestId, host, format }: Failed): CloudError {
  const error = asWeirError(thrown, requestId)
  const { status, code, message = messageOf(error) } = rowOf(error.code)
  return {
    status,
    headers: { 'content-type': contentTypes[format] },
    text: written(format, 'Error', {
      RequestId: requestId,
      HostId: host,
      Code: code,
      Message: message,
    }),
    failed: status === 500,
  }
}

function messageOf({ code, message, place, hint }: WeirError): string {
  const isNamed = code === 'ParameterInvalid' && place !== undefined
  const told = isNamed ? `The specified parameter "${place}" is not valid: ${message}` : message
  const ended = told.endsWith('.') || (hint === undefined && !isNamed) ? told : `${told}.`
  return hint === undefined ? ended : `${ended} ${hint}`
}
