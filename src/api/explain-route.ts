import type { FastifyInstance } from 'fastify'
import type { ExplainRequest } from './contract.ts'
import { rightTo } from './signed.ts'
import type { ApiThings } from './things.ts'

/** Longer than any id or address; what is right, `vpc/` says with better words. */
const text = { type: 'string', minLength: 1, maxLength: 256 } as const
const whole = { type: 'integer' } as const

const body = {
  type: 'object',
  required: ['source', 'destination', 'protocol'],
  additionalProperties: false,
  properties: {
    eni: text,
    direction: { type: 'string', enum: ['in', 'out'] },
    source: text,
    destination: text,
    protocol: text,
    sourcePort: whole,
    destinationPort: whole,
    tcpFlags: whole,
    icmpType: whole,
    at: { type: 'integer', minimum: 0, maximum: 9_999_999_999 },
  },
} as const

/** POST /weir/v1/explain. It needs a right: a topology says how a network is guarded. */
export function addExplainRoute(server: FastifyInstance, explain: ApiThings['explain']): void {
  server.post<{ Body: ExplainRequest }>(
    '/weir/v1/explain',
    {
      constraints: { api: 'weir' },
      config: rightTo('weir:Explain'),
      schema: { body },
    },
    async (request, reply) => reply.send(await explain(request.body)),
  )
}
