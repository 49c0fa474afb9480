/**
 * log-group/: the wire form of logs, which PutLogs brings and PullLogs answers: protocol buffers by the table
 * of the log service's API (LogGroup and LogGroupList). Bytes become dictionary-coded columns without a
 * string a value (read-group, byte-dictionary, wire), and logs become bytes (encode). Compression, and what a
 * key means to a logstore, are for others.
 */
import { cellsMax, checkBytes, readGroup } from './read-group.ts'
import type { DecodedLogGroup } from './read-group.ts'
import { WireReader } from './wire.ts'

export type { DecodedLogGroup } from './read-group.ts'
export { encodeLogGroup, encodeLogGroups } from './encode.ts'
export type { Log, LogGroup } from './encode.ts'

/**
 * A LogGroup, as PutLogs brings it (proto2, package sls): its logs as columns. The last of several equal
 * keys in a log counts; fields that are not known are passed over; what is not UTF-8 in a value, the topic,
 * the source or a tag reads as U+FFFD. Takes memory in proportion to the body, and 64 MB at most besides.
 * Throws PostBodyInvalid with the byte.
 */
export function decodeLogGroup(body: Buffer): DecodedLogGroup {
  return readGroup(new WireReader(body), body.length, { cells: cellsMax })
}

/** A LogGroupList, as PullLogs answers; otherwise as `decodeLogGroup`. */
export function decodeLogGroupList(body: Buffer): DecodedLogGroup[] {
  const reader = new WireReader(body)
  const budget = { cells: cellsMax }
  const groups: DecodedLogGroup[] = []
  while (reader.at < body.length) {
    const at = reader.at
    const tag = reader.tag(body.length)
    if (tag >>> 3 !== 1) reader.skip(tag, body.length)
    else {
      checkBytes(tag, at, 'a log group')
      const length = reader.length(body.length)
      groups.push(readGroup(reader, reader.at + length, budget))
    }
  }
  return groups
}
