/**
 * The log service's API as its official clients speak it: `serve.ts` takes requests to routes, `host.ts` finds the
 * project, `compression.ts` the bodies, `errors.ts` the codes. A route is an entry of a table (`route.ts`); the tables
 * are the files `*-routes.ts`.
 */
import type { FastifyInstance } from 'fastify'
import { indexRoutes } from './index-routes.ts'
import { logstoreRoutes } from './logstore-routes.ts'
import { projectRoutes } from './project-routes.ts'
import { serveRoutes } from './serve.ts'
import { tagRoutes } from './tag-routes.ts'
import type { LogServiceThings } from './things.ts'

export { logRequestId, type LogServiceError, logServiceError } from './errors.ts'
export { originForm } from './host.ts'
export type { LogServiceThings } from './things.ts'

/** Under the routing constraint of this API, in a context of its own: other APIs keep their body parsers. */
export function addLogService(server: FastifyInstance, things: LogServiceThings): void {
  const { store } = things
  const routes = [
    ...projectRoutes(things),
    ...tagRoutes(store),
    ...logstoreRoutes(store),
    ...indexRoutes(store),
    ...things.routes,
  ]
  server.register((own, _options, registered) => {
    serveRoutes(own, routes, things)
    registered()
  })
}
