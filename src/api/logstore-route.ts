import type { FastifyInstance } from 'fastify'
import { callerOf, rightTo } from './signed.ts'
import type { FlowLogKeeper, RecordStore } from './things.ts'

const name = { type: 'string', minLength: 1, maxLength: 128 } as const
const query = {
  type: 'object',
  required: ['project', 'logstore'],
  additionalProperties: false,
  properties: { project: name, logstore: name },
} as const

interface Place {
  readonly project: string
  readonly logstore: string
}

/** PUT /weir/v1/logstore: a logstore that takes flow log records, made with its project unless they are there. */
export function addLogstoreRoute(
  server: FastifyInstance,
  flowLogs: Pick<FlowLogKeeper, 'makeLogstore'>,
  store: Pick<RecordStore, 'projects'>,
): void {
  const resource = ({ query }: { readonly query: unknown }): string => {
    const { project, logstore } = query as Place
    return `project/${project}/logstore/${logstore}`
  }
  server.put<{ Querystring: Place }>(
    '/weir/v1/logstore',
    {
      constraints: { api: 'weir' },
      config: rightTo('log:CreateLogStore', { resource, changes: true, ofAccounts: true }),
      schema: { querystring: query },
    },
    async (request, reply) => {
      const { project, logstore } = request.query
      if (!store.projects().some((each) => each.name === project))
        callerOf(request).assertMay('log:CreateProject', `project/${project}`)
      await flowLogs.makeLogstore(project, logstore)
      return reply.send({})
    },
  )
}
