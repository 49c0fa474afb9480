import type { FastifyInstance } from 'fastify'
import { isFromThisMachine } from './this-machine.ts'
import type { ApiThings } from './things.ts'

/**
 * Without a signature. GET /healthz: 200 when all is well, else 503 and what is not; programs on this machine learn where
 * the data are, and with them a key, if they may read it. GET /metrics: Prometheus text.
 */
export function addHealthRoutes(
  server: FastifyInstance,
  { problems, metrics, dataDir }: Pick<ApiThings, 'problems' | 'metrics' | 'dataDir'>,
): void {
  const constraints = { api: 'weir' }
  server.get('/healthz', { constraints }, (request, reply) => {
    const found = problems()
    void reply.code(found.length === 0 ? 200 : 503)
    const status = found.length === 0 ? 'ok' : 'failing'
    const where = isFromThisMachine(request.raw) ? { data: dataDir } : {}
    return reply.send({ status, problems: found, ...where })
  })
  server.get('/metrics', { constraints }, async (_, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  )
}
