import type { FastifyInstance } from 'fastify'
import type { LedgerAnswer, LedgerRequest } from './contract.ts'
import { rightTo } from './signed.ts'
import type { LedgerReader } from './things.ts'

const text = { type: 'string', minLength: 1, maxLength: 128 } as const
const seconds = { type: 'string', pattern: '^(0|[1-9][0-9]{0,11})$' } as const
const filter = {
  type: 'object',
  additionalProperties: false,
  properties: { eni: text, host: text, from: seconds, to: seconds },
} as const

/** As they stand in the query string; the schema has checked them. */
type LedgerQuery = { readonly [Name in keyof LedgerRequest]: string }

/** GET /weir/v1/ledger, the accounts of all taps and what was lost. */
export function addLedgerRoute(server: FastifyInstance, ledger: LedgerReader): void {
  server.get<{ Querystring: LedgerQuery }>(
    '/weir/v1/ledger',
    {
      constraints: { api: 'weir' },
      config: rightTo('weir:Ledger'),
      schema: { querystring: filter },
    },
    (request, reply) => {
      const { from, to, ...of } = request.query
      const time = {
        ...(from === undefined ? {} : { from: Number(from) }),
        ...(to === undefined ? {} : { to: Number(to) }),
      }
      const answer: LedgerAnswer = {
        ledgers: ledger.ledgers(of),
        losses: ledger.losses({ ...of, ...time }),
      }
      return reply.send(answer)
    },
  )
}
