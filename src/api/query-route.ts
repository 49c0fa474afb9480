import type { FastifyInstance } from 'fastify'
import { abandoned } from './abandoned.ts'
import type { Caller } from '../access/access.ts'
import type { QueryRequest } from './contract.ts'
import { callerOf, rightTo } from './signed.ts'
import type { QueryRunner, RecordStore } from './things.ts'

/** The text of a query; much more than anyone writes, and what the parser is tested with. */
const queryLengthMax = 65_536
/** The year 2286: what the log service's clients can write in ten digits. */
const endOfTime = 9_999_999_999
const unixSeconds = { type: 'integer', minimum: 0, maximum: endOfTime } as const
const name = { type: 'string', minLength: 1, maxLength: 128 } as const

const body = {
  type: 'object',
  required: ['project', 'logstore', 'query'],
  additionalProperties: false,
  properties: {
    project: name,
    logstore: name,
    query: { type: 'string', maxLength: queryLengthMax },
    from: unixSeconds,
    to: unixSeconds,
    line: { type: 'integer', minimum: 0, maximum: 1_000_000 },
    offset: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    reverse: { type: 'boolean' },
    zone: { type: 'string', minLength: 1, maxLength: 64 },
  },
} as const

/** POST /weir/v1/query. A caller that goes away cancels its query. */
export function addQueryRoute(
  server: FastifyInstance,
  query: QueryRunner,
  store: Pick<RecordStore, 'logstores'>,
): void {
  server.post<{ Body: QueryRequest }>(
    '/weir/v1/query',
    {
      constraints: { api: 'weir' },
      config: rightTo('weir:Query', {
        resource: ({ body: asked }) => logstoreOf(asked),
        ofAccounts: true,
      }),
      schema: { body },
    },
    async (request, reply) => {
      const { body: asked } = request
      const range = { from: asked.from ?? 0, to: asked.to ?? endOfTime }
      const stores = otherStores(store, asked, callerOf(request))
      const others = stores.length === 0 ? {} : { stores }
      return reply.send(await query.run({ ...asked, ...range, ...others }, abandoned(reply)))
    },
  )
}

/** Logstores of the same project that its SQL may name too. */
function otherStores(
  store: Pick<RecordStore, 'logstores'>,
  { project, logstore, query }: QueryRequest,
  caller: Caller,
): { readonly name: string }[] {
  const text = query.toLowerCase()
  return store
    .logstores(project)
    .map(({ name }) => ({ name }))
    .filter(
      ({ name }) =>
        name !== logstore &&
        text.includes(name) &&
        caller.may('weir:Query', `project/${project}/logstore/${name}`),
    )
}

const logstoreOf = (asked: unknown): string => {
  const { project, logstore } = asked as QueryRequest
  return `project/${project}/logstore/${logstore}`
}
