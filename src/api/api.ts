/**
 * api/: the edge. HTTP in, answers out; one port for every API.
 *
 * `server.ts` builds the server: request ids, limits, errors, metrics. `route-by-header.ts` says which
 * API a request is for, `reply.ts` alone knows how an error becomes a reply, `schema.ts` what is wrong
 * with a body. `signed.ts` lets in only who signed and may; /healthz and /metrics alone need no signature. Weir's own
 * routes are the files `*-routes.ts` and `*-route.ts`, with `contract.ts` for the bodies and `client.ts` as the other
 * side, for commands; `log-service/` is the API of the log service.
 *
 * Left out: what the answers are. The program hands in the things that know (`ApiThings`), the API asks
 * them and keeps nothing itself.
 */
import type { TlsOptions } from 'node:tls'
import { WeirError } from '../base/errors.ts'
import { createServer } from './server.ts'
import type { ApiThings } from './things.ts'

export type * from './contract.ts'
export type * from './things.ts'

export interface Api {
  /**
   * @param port 0 takes any free one
   * @returns where it listens: `http://127.0.0.1:8080`
   * @throws WeirError ConfigInvalid when address and port cannot be had
   */
  listen(host: string, port: number): Promise<string>
  /** Takes no new requests and lets those in flight finish, for at most `graceMs`; then cuts them off. */
  close(graceMs?: number): Promise<void>
}

const closeGraceMs = 10_000

/** @param tls what is shown to clients; without it the server speaks plain HTTP */
export function createApi(things: ApiThings, tls?: TlsOptions): Api {
  const server = createServer(things, tls)
  return {
    async listen(host, port) {
      try {
        const url = await server.listen({ host, port })
        return tls === undefined ? url : url.replace(/^http:/, 'https:')
      } catch (cause) {
        throw listenError(host, port, cause)
      }
    },
    async close(graceMs = closeGraceMs) {
      const cutOff = setTimeout(() => server.server.closeAllConnections(), graceMs)
      try {
        await server.close()
      } finally {
        clearTimeout(cutOff)
      }
    },
  }
}

function listenError(host: string, port: number, cause: unknown): unknown {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'it is in use',
    EACCES: 'this user may not',
    EADDRNOTAVAIL: 'this machine has no such address',
    ENOTFOUND: 'there is no such host',
  }
  const reason = typeof code === 'string' ? reasons[code] : undefined
  if (reason === undefined) return cause
  return new WeirError('ConfigInvalid', `cannot listen on ${host} port ${port}: ${reason}`, {
    hint: 'Choose another with --port N',
    cause,
  })
}
