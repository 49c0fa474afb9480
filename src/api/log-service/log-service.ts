/**
 * The log service's API as its official clients speak it: `serve.ts` takes requests to routes, `host.ts` finds the
 * project, `compression.ts` the bodies, `errors.ts` the codes. A route is an entry of a table (`route.ts`); the tables
 * are the files `*-routes.ts`.
 */
import type { FastifyInstance } from 'fastify'
import { serveRoutes } from './serve.ts'
import type { LogServiceThings } from './things.ts'

export { logRequestId, type LogServiceError, logServiceError } from './errors.ts'
export { originForm } from './host.ts'
export type { LogServiceThings } from './things.ts'

export function addLogService(server: FastifyInstance, things: LogServiceThings): void {
  server.register((own, _options, registered) => {
    serveRoutes(own, things.routes, things)
    registered()
  })
}
