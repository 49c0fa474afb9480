/**
 * The cloud's own APIs (VPC 2016-04-28, NIS 2021-12-16 and what of ECS 2014-05-26 their clients look up) as its official
 * clients speak them: RPC style, always path `/`. `serve.ts` takes requests to actions, `parameters.ts` reads what they
 * are asked with, `answer.ts` writes JSON or XML, `errors.ts` has the codes. An action is an entry of a table
 * (`action.ts`); the tables are the files `*-actions.ts`, and `regions.ts`. `own-things.ts` is what keys of one account see.
 */
import type { FastifyInstance } from 'fastify'
import type { CloudAction } from './action.ts'
import { eniActions } from './eni-actions.ts'
import { flowLogActions } from './flow-log-actions.ts'
import { networkActions } from './network-actions.ts'
import { nisActions } from './nis-actions.ts'
import { regionActions } from './regions.ts'
import { serveActions } from './serve.ts'
import { tagActions } from './tag-actions.ts'
import type { CloudThings } from './things.ts'

export type { CloudError } from './errors.ts'
export { errorOf as cloudError } from './serve.ts'
export type * from './things.ts'

/** Under the routing constraint of these APIs, in a context of its own: other APIs keep their body parsers. */
export function addCloud(server: FastifyInstance, things: CloudThings): void {
  server.register((own, _options, registered) => {
    serveActions(own, actionsOf, things)
    registered()
  })
}

const actionsOf = (things: CloudThings): readonly CloudAction[] => [
  ...regionActions(things),
  ...networkActions(things),
  ...eniActions(things),
  ...flowLogActions(things),
  ...tagActions(things),
  ...nisActions(things),
]
