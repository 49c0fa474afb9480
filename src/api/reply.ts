/** The one place that knows how an error becomes an HTTP reply. */
import { type ErrorCode, errorCatalogue, WeirError } from '../base/errors.ts'
import type { ErrorBody } from './contract.ts'

export const requestIdHeader = 'x-request-id'

export interface ErrorReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: ErrorBody
  /** Whether the fault is ours, so it must be logged with what it was. */
  readonly failed: boolean
}

/** A WeirError says what it is; of any other error the caller learns nothing but the request's id. */
export function errorReply(thrown: unknown, requestId: string): ErrorReply {
  const error = asWeirError(thrown, requestId)
  const status = errorCatalogue[error.code].http
  return {
    status,
    headers: {
      [requestIdHeader]: requestId,
      ...(status === 503 || error.code === 'WriteQuotaExceed' ? { 'retry-after': '1' } : {}),
    },
    body: {
      code: error.code,
      message: error.message,
      ...(error.place === undefined ? {} : { place: error.place }),
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      requestId,
    },
    failed: status === 500,
  }
}

/** What an error is in the catalogue's words; one that it does not know is a fault of ours. */
export function asWeirError(thrown: unknown, requestId: string): WeirError {
  if (thrown instanceof WeirError) return thrown
  const code = codeOf(thrown)
  const known = code === undefined ? undefined : parserErrors[code]
  if (known !== undefined) return new WeirError(known.code, known.message, { cause: thrown })
  if (thrown instanceof Error && isCallersFault(thrown))
    return new WeirError('ParameterInvalid', thrown.message, { cause: thrown })
  return new WeirError('ServerError', 'the server failed', {
    hint: `Its log says why: look for ${requestId}`,
    cause: thrown,
  })
}

/** Errors of the HTTP library and of Node's parser, by their codes. */
const parserErrors: Readonly<Record<string, { code: ErrorCode; message: string }>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'RequestTooLarge', message: 'the request body is too large' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'ParameterInvalid',
    message: 'the content type of the request is not one this route reads',
  },
  FST_ERR_BAD_URL: { code: 'ParameterInvalid', message: 'the path of the request cannot be read' },
  HPE_HEADER_OVERFLOW: { code: 'RequestTooLarge', message: 'the request headers are too large' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    code: 'RequestTooLarge',
    message: 'the chunk extensions of the request are too large',
  },
  ECONNRESET: { code: 'RequestTimeout', message: 'the sender went away before all had come' },
  ERR_HTTP_REQUEST_TIMEOUT: { code: 'RequestTimeout', message: 'the request did not come in time' },
}

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined

/** The HTTP library marks what the caller did wrong; Node's parser names what it stumbled over. */
function isCallersFault(error: Error): boolean {
  const status = 'statusCode' in error ? error.statusCode : undefined
  if (typeof status === 'number') return status >= 400 && status < 500
  return codeOf(error)?.startsWith('HPE_') ?? false
}
