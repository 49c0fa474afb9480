import type { FastifyInstance } from 'fastify'
import type { ApiThings } from './things.ts'

/** GET /healthz: 200 when all is well, else 503 and what is not. GET /metrics: Prometheus text. */
export function addHealthRoutes(
  server: FastifyInstance,
  { problems, metrics }: Pick<ApiThings, 'problems' | 'metrics'>,
): void {
  const constraints = { api: 'weir' }
  server.get('/healthz', { constraints }, (_, reply) => {
    const found = problems()
    void reply.code(found.length === 0 ? 200 : 503)
    return reply.send({ status: found.length === 0 ? 'ok' : 'failing', problems: found })
  })
  server.get('/metrics', { constraints }, async (_, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  )
}
