/** `fetch`, signed: with the key given, else with the one that the server's owner finds on its host. */
import { signLogService } from '../src/access/access.ts'
import { type ClientKey, clientKey } from '../src/api/client-key.ts'

export async function signedFetch(
  url: string,
  init: RequestInit & { readonly body?: string | Uint8Array<ArrayBuffer> } = {},
  key?: ClientKey,
): Promise<Response> {
  const { origin, pathname, search, host } = new URL(url)
  const used = key ?? (await clientKey(new URL(origin)))
  const headers = Object.fromEntries(new Headers(init.headers))
  const method = init.method ?? 'GET'
  const signature = signLogService(
    { method, url: pathname + search, host, headers, body: Buffer.from(init.body ?? '') },
    used!,
    new Date(),
  )
  return await fetch(url, { ...init, headers: { ...headers, ...signature } })
}
