/**
 * With which AccessKey a command signs what it asks a server. In this order: WEIR_ACCESS_KEY_ID with
 * WEIR_ACCESS_KEY_SECRET, the file WEIR_KEY_FILE (the option --key-file), and the file that a server on this host keeps in
 * its data directory for its owner's commands.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { WeirError } from '../base/errors.ts'

export interface ClientKey {
  readonly id: string
  readonly secret: string
}

/** In the data directory, readable by its owner only. */
export const localKeyFile = 'access-key.json'

/** @returns undefined when there is none: the server's answer says how to get one */
export async function clientKey(server: URL): Promise<ClientKey | undefined> {
  const {
    WEIR_ACCESS_KEY_ID: id,
    WEIR_ACCESS_KEY_SECRET: secret,
    WEIR_KEY_FILE: file,
  } = process.env
  if (id !== undefined && secret !== undefined) return { id, secret }
  if (file !== undefined) return readKeyFile(file)
  const found = localKeys.get(server.origin) ?? (await localKey(server))
  if (found !== undefined) localKeys.set(server.origin, found)
  return found
}

const localKeys = new Map<string, ClientKey>()

/** A server does not take the key that was found for it: its data directory is another by now. @returns whether there was one */
export const forgetLocalKey = (server: URL): boolean => localKeys.delete(server.origin)

/** @throws WeirError FileUnreadable, ConfigInvalid */
export function readKeyFile(path: string): ClientKey {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new WeirError('FileUnreadable', `cannot read the key: ${(cause as Error).message}`, {
      place: path,
      cause,
    })
  }
  const key = keyOf(text)
  if (key !== undefined) return key
  throw new WeirError('ConfigInvalid', 'a key file is JSON with an id and a secret', {
    place: path,
    hint: 'Make one with: weir key create --file FILE',
  })
}

function objectOf(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function keyOf(text: string): ClientKey | undefined {
  const { id, secret } = (objectOf(text) ?? {}) as Partial<Record<string, unknown>>
  return typeof id === 'string' && typeof secret === 'string' ? { id, secret } : undefined
}

/** Undefined also when it is no server of ours that answers. */
function dataOf(text: string): string | undefined {
  const { data } = (objectOf(text) ?? {}) as { readonly data?: unknown }
  return typeof data === 'string' ? data : undefined
}

/** A server on this host says where its data are; who may not read there asks without a key. */
async function localKey(server: URL): Promise<ClientKey | undefined> {
  const health = await fetch(new URL('/healthz', server), { redirect: 'error' })
  const data = dataOf(await health.text())
  if (data === undefined) return undefined
  try {
    return keyOf(readFileSync(join(data, localKeyFile), 'utf8'))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EACCES') return undefined
    throw error
  }
}
