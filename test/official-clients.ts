/**
 * The official Node clients of the log service in a process of their own, which is started as
 * `FILE URL KEY-ID SECRET v1|v4`. Nothing here knows the server.
 */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import type * as Sls from '@alicloud/sls20201230'
import type * as OpenApi from '@alicloud/openapi-core'

export type { Sls }

/** `@alicloud/log`: the package has no types. What it answers is the body: parsed, or `''` when there is none. */
export interface LogClient {
  createProject(project: string, data: { description: string }): Promise<unknown>
  getProject(project: string): Promise<Record<string, unknown>>
  getProjectLogs(project: string, data: { query: string }, options: Patience): Promise<unknown>
  deleteProject(project: string): Promise<unknown>
  createLogStore(project: string, logstore: string, data: LogstoreData): Promise<unknown>
  updateLogStore(project: string, logstore: string, data: LogstoreData): Promise<unknown>
  getLogStore(project: string, logstore: string): Promise<Record<string, unknown>>
  listLogStore(project: string): Promise<unknown>
  deleteLogStore(project: string, logstore: string): Promise<unknown>
  createIndex(project: string, logstore: string, index: object): Promise<unknown>
  updateIndex(project: string, logstore: string, index: object): Promise<unknown>
  getIndexConfig(project: string, logstore: string): Promise<Record<string, unknown>>
  deleteIndex(project: string, logstore: string): Promise<unknown>
  postLogStoreLogs(project: string, logstore: string, data: LogGroupData): Promise<unknown>
  getLogs(...asked: [...LogRange, { query?: string }, Patience]): Promise<unknown>
  getHistograms(...asked: [...LogRange, { query?: string }, Patience]): Promise<unknown>
}

interface LogstoreData {
  readonly ttl: number
  readonly shardCount: number
}

interface LogGroupData {
  readonly logs: readonly {
    readonly timestamp: number
    readonly timestampNsPart?: number
    readonly content: Readonly<Record<string, string>>
  }[]
  readonly tags?: readonly Readonly<Record<string, string>>[]
  readonly topic?: string
  readonly source?: string
}

export type LogRange = [project: string, logstore: string, from: Date, to: Date]

interface Patience {
  readonly timeout: number
}

/** They give up after 3 seconds; a loaded machine may need longer for the first query of a server. */
const timeout = 50_000
export const patient: Patience = { timeout }

const [url = '', accessKeyId = '', accessKeySecret = '', version = 'v1'] = process.argv.slice(2)

export interface Credentials {
  readonly accessKeyId: string
  readonly accessKeySecret: string
}

export const given: Credentials = { accessKeyId, accessKeySecret }

// All three are CommonJS; two of them with a default export of their own.
const require = createRequire(import.meta.url)
const Log = require('@alicloud/log') as new (config: object) => LogClient
export const sls = require('@alicloud/sls20201230') as typeof Sls.default
const { $OpenApiUtil } = require('@alicloud/openapi-core') as typeof OpenApi

export const logClient = (credentials = given): LogClient =>
  new Log({ ...credentials, endpoint: url })

export function slsClient(credentials = given): Sls.default {
  const { host, protocol } = new URL(url)
  return new sls.default(
    new $OpenApiUtil.Config({
      ...credentials,
      endpoint: host,
      protocol: protocol === 'https:' ? 'HTTPS' : 'HTTP',
      regionId: 'cn-hangzhou',
      readTimeout: timeout,
      connectTimeout: timeout,
      ...(version === 'v4' ? { signatureVersion: 'v4' } : {}),
    }),
  )
}

/** `@alicloud/log` keeps code and message apart; `@alicloud/sls20201230` writes the code before the message too. */
export async function refused(
  call: Promise<unknown>,
  code: string,
  said: string | RegExp,
): Promise<void> {
  await assert.rejects(call, (error: Error & { code?: string }) => {
    const message = error.message.replace(`${error.code}: `, '')
    assert.equal(error.code, code, message)
    if (typeof said === 'string') assert.equal(message, said)
    else assert.match(message, said)
    return true
  })
}
