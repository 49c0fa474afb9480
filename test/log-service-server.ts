/** The log service's API on a free port over a real log store, and requests that are signed as its clients sign them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { type IncomingHttpHeaders, request as send } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type NewKey, signLogService } from '../src/access/access.ts'
import { createApi } from '../src/api/api.ts'
import type { LogServiceThings } from '../src/api/log-service/log-service.ts'
import type { Log, LogFields } from '../src/base/log.ts'
import { type LogStore, openLogStore } from '../src/logstore/logstore.ts'
import { openAccess } from '../src/programs/open-access.ts'
import { thingsOver } from './api-server.ts'

export interface Key {
  readonly id: string
  readonly secret: string
}

export const region = 'cn-hangzhou'
export const account = '1210123456789012'
export const endpoint = 'sls.test'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Undefined when there is no body, or it is none. */
  readonly json: unknown
}

export interface Asked {
  readonly method?: string
  /** Path and query. */
  readonly url: string
  /** Undefined: the bare endpoint. */
  readonly project?: string | undefined
  readonly host?: string
  readonly headers?: Readonly<Record<string, string>>
  /** An object is sent as JSON. */
  readonly body?: object | Buffer
  readonly key?: Key | undefined
  /** Nothing is signed, and no header of the API is added. */
  readonly plain?: true
}

/** @param more what the routes need besides, over the store */
export async function startLogService(
  t: TestContext,
  more: (store: LogStore) => Partial<LogServiceThings> = () => ({}),
) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-log-service-'))
  const store = await openLogStore(join(folder, 'data'))
  const access = openAccess(folder, join(folder, 'master.key'))
  const { keys, audit } = access
  const key = access.firstKey!
  const errors: { message: string; fields: LogFields }[] = []
  const log: Log = {
    info: () => {},
    warn: () => {},
    error: (message, fields = {}) => void errors.push({ message, fields }),
  }
  const logService: LogServiceThings = {
    store,
    gate: access,
    region,
    account,
    endpoints: ['localhost', endpoint],
    routes: [],
    ...more(store),
  }
  const api = createApi({ ...thingsOver(store, log), access, dataDir: folder, logService })
  const url = await api.listen('127.0.0.1', 0)
  const port = Number(new URL(url).port)
  t.after(async () => {
    await api.close(0)
    await store.close()
    access.close()
    rmSync(folder, { recursive: true })
  })
  const ask = (asked: Asked): Promise<Answer> => exchange(port, { key, ...asked })
  return { url, port, store, keys, key, audit, errors, ask }
}

type Statements = readonly { Effect: 'Allow' | 'Deny'; Action: string; Resource: string }[]

export const keyOf = (name: string, Statement: Statements): NewKey => ({
  name,
  policy: { Version: '1', Statement },
})

/** Signed as version 4, and sent in one piece with its length. */
export function exchange(port: number, asked: Asked): Promise<Answer> {
  const { method = 'GET', url, project, key, plain } = asked
  const host = asked.host ?? `${project === undefined ? '' : `${project}.`}${endpoint}:${port}`
  const body = bytesOf(asked.body)
  const about: Record<string, string> = plain
    ? {}
    : {
        'x-log-apiversion': '0.6.0',
        'x-log-bodyrawsize': String(body.length),
        ...(asked.body === undefined || Buffer.isBuffer(asked.body)
          ? {}
          : { 'content-type': 'application/json' }),
      }
  const headers = { ...about, ...asked.headers }
  const signed =
    plain || key === undefined
      ? {}
      : signLogService({ method, url, host, headers, body }, key, new Date(), region)
  return sendRaw(port, method, url, { ...headers, ...signed, host }, body)
}

const bytesOf = (body: object | Buffer | undefined): Buffer =>
  body === undefined
    ? Buffer.alloc(0)
    : Buffer.isBuffer(body)
      ? body
      : Buffer.from(JSON.stringify(body))

/** @param path as it stands in the request line */
export function sendRaw(
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body.length > 0 ? { 'content-length': String(body.length) } : {}
    const to = { host: '127.0.0.1', port, method, path, headers: { ...headers, ...length } }
    const request = send({ ...to, agent: false }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () => {
        const whole = Buffer.concat(parts)
        const { 'content-type': type, 'x-log-compresstype': compression } = response.headers
        const isJson = whole.length > 0 && type === 'application/json' && !compression
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: whole,
          json: isJson ? JSON.parse(whole.toString()) : undefined,
        })
      })
      response.on('error', reject)
    })
    request.on('error', reject)
    request.end(body)
  })
}
