import type { FastifyReply } from 'fastify'

/** Aborts when the connection closes before the reply is out. */
export function abandoned(reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort()
  })
  return controller.signal
}
