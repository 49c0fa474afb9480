import type { FastifyInstance } from 'fastify'
import type { LogStore } from '../logstore/logstore.ts'
import type { StoreCheckAnswer } from './contract.ts'
import { rightTo } from './signed.ts'

export type CheckedStore = Pick<LogStore, 'verify' | 'accounts' | 'stats'>

/** GET /weir/v1/store-check reads every file again, once for all who ask meanwhile. */
export function addStoreCheckRoute(server: FastifyInstance, store: CheckedStore): void {
  let running: Promise<StoreCheckAnswer> | undefined
  server.get(
    '/weir/v1/store-check',
    {
      constraints: { api: 'weir' },
      config: rightTo('weir:Check'),
      schema: { querystring: { type: 'object', additionalProperties: false, properties: {} } },
    },
    async (_request, reply) => {
      running ??= checkStore(store).finally(() => (running = undefined))
      return reply.send(await running)
    },
  )
}

/**
 * Reads the whole store again. Throws StorageFull, StorageBroken.
 *
 * @param onProgress called after each file with how many of all were read
 */
export async function checkStore(
  store: CheckedStore,
  onProgress: (files: number, of: number) => void = () => {},
): Promise<StoreCheckAnswer> {
  let files = 0
  const damages = await store.verify({
    onProgress: (done, of) => {
      files = done
      onProgress(done, of)
    },
  })
  return { files, logBytes: store.stats().logBytes, logstores: store.accounts(), damages }
}
