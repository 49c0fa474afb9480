import type { FastifyInstance } from 'fastify'
import type { Caller } from '../access/access.ts'
import type { ColumnBatch } from '../base/columns.ts'
import { WeirError } from '../base/errors.ts'
import { flowLogTopic } from '../record/columns.ts'
import { parseRecords } from '../record/parse.ts'
import type { LogstoreEntry, ProjectEntry, RecordsAnswer } from './contract.ts'
import { callerOf, rightTo } from './signed.ts'
import { recordBatchOf, recordsBytesMax, type RecordsQuery, recordsQuery } from './record-batch.ts'
import type { RecordStore, SampleKeeper } from './things.ts'

const sampleRight = rightTo('weir:Sample', { resource: () => 'project/sample', changes: true })

const ndjson = 'application/x-ndjson'
/** Records that may lack what another cloud does not tell: columns, which NDJSON's strictness would refuse. */
const binary = 'application/x-weir-batch'

const noQuery = { type: 'object', additionalProperties: false, properties: {} } as const

/**
 * GET /weir/v1/projects, PUT and DELETE /weir/v1/sample, and POST /weir/v1/records, which
 * answers when the batch is on disk and stores a batch that is sent again once.
 */
export function addStoreRoutes(
  server: FastifyInstance,
  store: RecordStore,
  sample: SampleKeeper,
): void {
  const constraints = { api: 'weir' }
  server.register((own, _, registered) => {
    own.get(
      '/weir/v1/projects',
      {
        constraints,
        config: rightTo('weir:GetProjects', { each: true, ofAccounts: true }),
        schema: { querystring: noQuery },
      },
      async (request, reply) =>
        reply.send({ projects: await listProjects(store, callerOf(request)) }),
    )
    own.put(
      '/weir/v1/sample',
      { constraints, config: sampleRight, schema: { querystring: noQuery } },
      async (_request, reply) => {
        await sample.add()
        return reply.send({})
      },
    )
    own.delete(
      '/weir/v1/sample',
      { constraints, config: sampleRight, schema: { querystring: noQuery } },
      async (_request, reply) => {
        await sample.remove()
        return reply.send({})
      },
    )
    own.removeAllContentTypeParsers()
    own.addContentTypeParser([ndjson, binary], { parseAs: 'buffer' }, (_request, body, done) =>
      done(null, body),
    )
    own.post<{ Querystring: RecordsQuery; Body: Buffer | undefined }>(
      '/weir/v1/records',
      {
        constraints,
        config: rightTo('weir:PutRecords', {
          resource: ({ query }) => logstoreOf(query),
          ofAccounts: true,
        }),
        schema: { querystring: recordsQuery },
        bodyLimit: recordsBytesMax,
      },
      async (request, reply) => {
        if (request.body === undefined)
          throw new WeirError('ParameterInvalid', `records come as ${ndjson}`)
        const isBinary = request.headers['content-type'] === binary
        const batch = isBinary ? recordBatchOf(request.body) : parseRecords(request.body)
        return reply.send(await putRecords(store, request.query, batch))
      },
    )
    registered()
  })
}

async function putRecords(
  store: RecordStore,
  { project, logstore, flowLog, run, number }: RecordsQuery,
  batch: ColumnBatch,
): Promise<RecordsAnswer> {
  const id = { flowLog, run, number: Number(number) }
  const { stored } = await store.append(project, logstore, batch, { id, topic: flowLogTopic })
  return { rows: batch.rows, stored }
}

/** What is deleted while the list is made is left out of it. */
async function listProjects(store: RecordStore, caller: Caller): Promise<ProjectEntry[]> {
  const entries = await Promise.all(
    store
      .projects()
      .filter(({ name }) => caller.may('weir:GetProjects', `project/${name}`))
      .map(async ({ name: project, description, labels }) => {
        const logstores = await unlessDeleted(() => listLogstores(store, project))
        return logstores && { name: project, description, labels, logstores }
      }),
  )
  return entries.filter((entry) => entry !== undefined)
}

async function listLogstores(store: RecordStore, project: string): Promise<LogstoreEntry[]> {
  const entries = await Promise.all(
    store.logstores(project).map(async ({ name: logstore, ttlDays }) => {
      const rows = await unlessDeleted(() => rowsIn(store, project, logstore))
      return rows === undefined ? undefined : { name: logstore, rows, ttlDays }
    }),
  )
  return entries.filter((entry) => entry !== undefined)
}

async function unlessDeleted<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    const gone =
      error instanceof WeirError &&
      (error.code === 'ProjectNotExist' || error.code === 'LogStoreNotExist')
    if (gone) return undefined
    throw error
  }
}

const logstoreOf = (query: unknown): string => {
  const { project, logstore } = query as RecordsQuery
  return `project/${project}/logstore/${logstore}`
}

/** Every acknowledged row is in exactly one file of a lease. */
async function rowsIn(store: RecordStore, project: string, logstore: string): Promise<number> {
  const lease = await store.lease(project, logstore, 0, Number.MAX_SAFE_INTEGER)
  try {
    return lease.files.reduce((sum, file) => sum + file.rows, 0)
  } finally {
    lease.release()
  }
}
