/**
 * log-group/: the wire form of logs, which PutLogs brings and PullLogs answers: protocol buffers by the table
 * of the log service's API (LogGroup and LogGroupList). Bytes become dictionary-coded columns without a
 * string a value (decode, byte-dictionary, wire), and logs become bytes (encode). Compression, and what a
 * key means to a logstore, are for others.
 */
export { decodeLogGroup, decodeLogGroupList } from './decode.ts'
export type { DecodedLogGroup } from './decode.ts'
export { encodeLogGroup, encodeLogGroups } from './encode.ts'
export type { Log, LogGroup } from './encode.ts'
