import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { serverTls, sniCallback } from './tls-files.ts'

/** The status a client that trusts `authority` alone gets from a server at a name. */
async function statusAt(name: string, port: number, authority: string): Promise<number> {
  const request = get({
    host: '127.0.0.1',
    port,
    path: '/',
    servername: name,
    headers: { host: name },
    ca: readFileSync(authority),
    agent: false,
  })
  const [response] = (await once(request, 'response')) as [{ statusCode: number; resume(): void }]
  response.resume()
  return response.statusCode
}

test('a made certificate is good for the server’s names and its projects, for who trusts its authority', async (t) => {
  const folder = temporaryFolder(t)
  const tls = await serverTls({ generate: true, names: ['sls.example.org'] }, folder)
  const options = { cert: tls.cert, key: tls.key, SNICallback: sniCallback(tls) }
  const server = createServer(options, (_, answer) => answer.end())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  for (const name of ['localhost', 'my-proj.localhost', 'sls.example.org', 'p1.sls.example.org'])
    assert.equal(await statusAt(name, port, tls.authority!), 200, name)
  await assert.rejects(statusAt('other.example.org', port, tls.authority!), /altnames/)
  assert.equal(statSync(join(folder, 'tls/server.key')).mode & 0o777, 0o600)
  assert.equal(statSync(join(folder, 'tls/ca.key')).mode & 0o777, 0o600)
})

test('it is kept over a restart, and made anew by the same authority for a new name', async (t) => {
  const folder = temporaryFolder(t)
  const first = await serverTls({ generate: true, names: [] }, folder)
  const again = await serverTls({ generate: true, names: [] }, folder)
  assert.equal(again.cert, first.cert)
  const authority = readFileSync(first.authority!, 'utf8')
  const more = await serverTls({ generate: true, names: ['sls.example.org'] }, folder)
  assert.notEqual(more.cert, first.cert)
  assert.equal(readFileSync(more.authority!, 'utf8'), authority)
})

test('a given certificate and key must fit each other', async (t) => {
  const [a, b] = [temporaryFolder(t), temporaryFolder(t)]
  await serverTls({ generate: true, names: [] }, a)
  await serverTls({ generate: true, names: [] }, b)
  const certificate = join(a, 'tls/server.crt')
  const given = await serverTls({ certificate, key: join(a, 'tls/server.key') }, a)
  assert.equal(given.authority, undefined)
  await assert.rejects(serverTls({ certificate, key: join(b, 'tls/server.key') }, a), {
    code: 'ConfigInvalid',
    place: certificate,
  })
  await assert.rejects(serverTls({ certificate: join(a, 'none'), key: certificate }, a), {
    code: 'FileUnreadable',
  })
  const broken = join(a, 'broken.crt')
  writeFileSync(broken, 'nothing')
  await assert.rejects(serverTls({ certificate: broken, key: broken }, a), {
    code: 'ConfigInvalid',
  })
})
