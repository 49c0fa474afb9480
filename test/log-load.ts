/** Logs and questions for a started server, signed and compressed as the service's clients send them. */
import { compressSync } from 'lz4-napi'
import { encodeLogGroup, type LogGroup } from '../src/log-group/log-group.ts'
import { type Answer, type Asked, exchange, type Key } from './log-service-server.ts'

/** A project of a server, and the key that asks. */
export interface Target {
  readonly port: number
  readonly project: string
  readonly key: Key
}

/** Signed as version 4. */
export const askTarget = (
  { port, project, key }: Target,
  asked: Omit<Asked, 'project' | 'host' | 'key'>,
): Promise<Answer> => exchange(port, { key, host: `${project}.localhost:${port}`, ...asked })

/** The library writes the size before a block; the wire has the bare block. */
const sizeBytes = 4

/** PutLogs with lz4. */
export function putLogs(target: Target, logstore: string, group: LogGroup): Promise<Answer> {
  const raw = encodeLogGroup(group)
  return askTarget(target, {
    method: 'POST',
    url: `/logstores/${logstore}/shards/lb`,
    body: compressSync(raw).subarray(sizeBytes),
    headers: {
      'content-type': 'application/x-protobuf',
      'x-log-compresstype': 'lz4',
      'x-log-bodyrawsize': String(raw.length),
    },
  })
}

/** GetLogsV2 over all time. */
export const getLogs = (
  target: Target,
  logstore: string,
  query: string,
  more: object = {},
): Promise<Answer> =>
  askTarget(target, {
    method: 'POST',
    url: `/logstores/${logstore}/logs`,
    body: { from: 0, to: 2 ** 32, query, ...more },
  })

/** Rows of an answer of GetLogsV2, each of its columns as text. */
export const rowsOf = ({ json }: Answer): readonly Readonly<Record<string, string>>[] =>
  (json as { data: Record<string, string>[] }).data
