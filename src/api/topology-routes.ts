import type { FastifyInstance } from 'fastify'
import { WeirError } from '../base/errors.ts'
import { topologyDifferences, type TopologyVersion } from '../vpc/vpc.ts'
import {
  comparedOf,
  type DifferencesAnswer,
  differencesQuery,
  type DifferencesQuery,
} from './differences.ts'
import { rightTo } from './signed.ts'
import type { ApiThings } from './things.ts'

const number = { type: 'string', pattern: '^[1-9]\\d{0,8}$' } as const
const params = { type: 'object', properties: { number } } as const

/**
 * The versions a topology has had, with who and when: GET /weir/v1/topology/versions, the oldest first,
 * GET /weir/v1/topology/versions/NUMBER with its text, and GET /weir/v1/topology/differences between two. They need a right, as a topology says how a network is guarded.
 */
export function addTopologyRoutes(own: FastifyInstance, versions: ApiThings['topology']): void {
  const constraints = { api: 'weir' }
  own.get(
    '/weir/v1/topology/versions',
    { constraints, config: rightTo('weir:ListTopologyVersions') },
    (_, reply) => reply.send({ versions: versions.list() }),
  )
  own.get<{ Querystring: DifferencesQuery }>(
    '/weir/v1/topology/differences',
    {
      constraints,
      config: rightTo('weir:GetTopologyVersion'),
      schema: { querystring: differencesQuery },
    },
    ({ query }, reply) => {
      const compared = comparedOf(versions.list(), query)
      const [from, to] = [compared.from, compared.to].map(
        (each) => versions.textOf(each.number) ?? '',
      ) as [string, string]
      const differences = topologyDifferences(from, to)
      const answer: DifferencesAnswer<TopologyVersion> = { ...compared, differences }
      return reply.send(answer)
    },
  )
  own.get<{ Params: { number: string } }>(
    '/weir/v1/topology/versions/:number',
    { constraints, config: rightTo('weir:GetTopologyVersion'), schema: { params } },
    (request, reply) => {
      const asked = Number(request.params.number)
      const version = versions.list().find((each) => each.number === asked)
      const text = versions.textOf(asked)
      if (version === undefined || text === undefined)
        throw new WeirError('NotFound', `there is no version ${asked} of the topology`, {
          hint: 'weir topology history lists those that are there',
        })
      return reply.send({ ...version, text })
    },
  )
}
