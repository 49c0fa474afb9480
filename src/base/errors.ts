/**
 * Every error a user can meet, in one catalogue. A code's row says how a command ends (`exit`) and
 * how an HTTP reply answers (`http`). The message carries what went wrong, `place` where (a file and
 * line, a byte, a position in a query) and `hint` what to do about it.
 */
export const errorCatalogue = {
  Usage: { exit: 2, http: 400 },
  FileUnreadable: { exit: 2, http: 400 },
  CaptureUnknownFormat: { exit: 2, http: 400 },
  FlowLogInvalid: { exit: 2, http: 400 },
  TopologyInvalid: { exit: 2, http: 400 },
  TopologyAmbiguous: { exit: 2, http: 400 },
  ConfigInvalid: { exit: 2, http: 400 },
  QuerySyntax: { exit: 2, http: 400 },
  QueryRefused: { exit: 2, http: 400 },
  QueryFailed: { exit: 1, http: 400 },
  QueryTimeout: { exit: 1, http: 408 },
  QueryMemory: { exit: 1, http: 413 },
  QueryCancelled: { exit: 130, http: 499 },
  QueryBusy: { exit: 1, http: 503 },
  InvalidTimeRange: { exit: 2, http: 400 },
  ProjectNotExist: { exit: 2, http: 404 },
  ProjectAlreadyExist: { exit: 2, http: 400 },
  LogStoreNotExist: { exit: 2, http: 404 },
  LogStoreAlreadyExist: { exit: 2, http: 400 },
  FlowLogNotExist: { exit: 2, http: 404 },
  FlowLogSuspended: { exit: 5, http: 403 },
  ResourceNotExist: { exit: 2, http: 404 },
  AnalyzerNotExist: { exit: 2, http: 404 },
  AnalyzerInUse: { exit: 2, http: 409 },
  RankingNotExist: { exit: 2, http: 404 },
  ParameterInvalid: { exit: 2, http: 400 },
  DataDirLocked: { exit: 4, http: 503 },
  DataDirInvalid: { exit: 4, http: 500 },
  StorageFull: { exit: 4, http: 507 },
  SpoolFull: { exit: 4, http: 507 },
  StorageBroken: { exit: 4, http: 500 },
  CaptureNotPermitted: { exit: 5, http: 403 },
  CaptureFailed: { exit: 5, http: 500 },
  InterfaceGone: { exit: 5, http: 500 },
  ServerUnreachable: { exit: 6, http: 502 },
  ServerError: { exit: 1, http: 500 },
  AgentNotAllowed: { exit: 6, http: 403 },
  NotLoopback: { exit: 1, http: 403 },
  RequestTooLarge: { exit: 2, http: 413 },
  RequestTimeout: { exit: 1, http: 408 },
  NotFound: { exit: 1, http: 404 },
  // Of the log service, by the names its clients know (alibaba-api.md 3.9).
  InvalidMethod: { exit: 2, http: 405 },
  InvalidContentType: { exit: 2, http: 415 },
  MissingBodyRawSize: { exit: 2, http: 400 },
  InvalidBodyRawSize: { exit: 2, http: 400 },
  InvalidCompressType: { exit: 2, http: 400 },
  MissingDate: { exit: 2, http: 400 },
  InvalidDateFormat: { exit: 2, http: 400 },
  MissingAPIVersion: { exit: 2, http: 400 },
  InvalidAPIVersion: { exit: 2, http: 400 },
  MissingSignatureMethod: { exit: 2, http: 400 },
  InvalidSignatureMethod: { exit: 2, http: 400 },
  RequestTimeTooSkewed: { exit: 2, http: 400 },
  SignatureNotMatch: { exit: 5, http: 401 },
  Unauthorized: { exit: 5, http: 401 },
  MissAccessKeyId: { exit: 5, http: 400 },
  InvalidAccessKeyId: { exit: 5, http: 401 },
  AccessDenied: { exit: 5, http: 403 },
  AccessKeyNotExist: { exit: 2, http: 404 },
  MasterKeyInvalid: { exit: 4, http: 500 },
  WriteQuotaExceed: { exit: 1, http: 403 },
  ReadQuotaExceed: { exit: 1, http: 403 },
  ProjectQuotaExceed: { exit: 2, http: 400 },
  LogStoreInfoInvalid: { exit: 2, http: 400 },
  IndexInfoInvalid: { exit: 2, http: 400 },
  IndexAlreadyExist: { exit: 2, http: 400 },
  IndexConfigNotExist: { exit: 2, http: 400 },
  ShardNotExist: { exit: 2, http: 400 },
  InvalidCursor: { exit: 2, http: 400 },
  PostBodyInvalid: { exit: 2, http: 400 },
  PostBodyTooLarge: { exit: 2, http: 400 },
  PostBodyUncompressError: { exit: 2, http: 400 },
  InvalidQueryString: { exit: 2, http: 400 },
  InvalidOffset: { exit: 2, http: 400 },
  InvalidLine: { exit: 2, http: 400 },
  InvalidReverse: { exit: 2, http: 400 },
  ConsumerGroupAlreadyExist: { exit: 2, http: 400 },
  ConsumerGroupNotExist: { exit: 2, http: 404 },
  ConsumerNotExist: { exit: 2, http: 404 },
  InvalidShardCheckPoint: { exit: 2, http: 400 },
  CheckpointShardNotExist: { exit: 2, http: 404 },
  JsonInfoInvalid: { exit: 2, http: 400 },
  JobNotExist: { exit: 2, http: 404 },
  JobAlreadyExist: { exit: 2, http: 400 },
  DashboardNotExist: { exit: 2, http: 404 },
  DashboardAlreadyExist: { exit: 2, http: 400 },
  SavedSearchNotExist: { exit: 2, http: 404 },
  SavedSearchAlreadyExist: { exit: 2, http: 400 },
  // Of the cloud's other APIs, by the names their clients know (alibaba-api.md 2.6).
  MissingParameter: { exit: 2, http: 400 },
  IncompleteSignature: { exit: 5, http: 400 },
  SignatureNonceUsed: { exit: 5, http: 400 },
  'InvalidAction.NotFound': { exit: 2, http: 404 },
  'InvalidRegionId.NotFound': { exit: 2, http: 404 },
  // Of flow logs as a cloud resource (alibaba-api.md 1.11).
  'OperationFailed.ExceedPurchaseLimit': { exit: 2, http: 400 },
  'OperationDenied.FlowLogServiceNotOpen': { exit: 5, http: 400 },
  'OperationDenied.RoleNotAuthorized': { exit: 5, http: 400 },
  'OperationDenied.LogServiceNotOpen': { exit: 5, http: 400 },
  'OperationUnsupported.action': { exit: 2, http: 400 },
  DryRunOperation: { exit: 2, http: 400 },
  'IncorrectStatus.flowlog': { exit: 2, http: 400 },
  'QuotaExceeded.Flowlog': { exit: 2, http: 400 },
  LabNotPossible: { exit: 5, http: 403 },
  LabState: { exit: 2, http: 409 },
  LabFailed: { exit: 1, http: 500 },
} as const

export type ErrorCode = keyof typeof errorCatalogue

export class WeirError extends Error {
  readonly code: ErrorCode
  /** Where: `file:line:column`, `byte 4096 of x.pcap`, `line 1:44`. */
  readonly place: string | undefined
  /** What the reader can do about it. */
  readonly hint: string | undefined

  constructor(
    code: ErrorCode,
    message: string,
    more: { place?: string; hint?: string; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? {} : { cause: more.cause })
    this.name = code
    this.code = code
    this.place = more.place
    this.hint = more.hint
  }
}

/** One line for a terminal: `QuerySyntax: expected a value after "dstport:" (line 1:9). Hint: ...`. */
export function describeError(error: unknown): string {
  if (!(error instanceof WeirError)) return error instanceof Error ? error.message : String(error)
  const place = error.place === undefined ? '' : ` (${error.place})`
  const hint = error.hint === undefined ? '' : `. ${error.hint}`
  return `${error.code}: ${error.message}${place}${hint}`
}
