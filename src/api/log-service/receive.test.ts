import assert from 'node:assert/strict'
import { request as send } from 'node:http'
import { test } from 'node:test'
import { signLogService } from '../../access/access.ts'
import { endpoint, region, startLogService } from '../../../test/log-service-server.ts'
import { BodyRoom } from './receive.ts'

test('room for bodies is given back, once', () => {
  const bodies = new BodyRoom(100)
  const [one, other] = [bodies.enter(), bodies.enter()]
  one.take(60)
  other.take(40)
  const full = { code: 'WriteQuotaExceed', message: 'the server holds as much as it can at once' }
  assert.throws(() => other.take(1), full)
  one.leave()
  one.leave()
  other.take(60)
  assert.throws(() => one.take(1), full)
})

test('a chunked body that grows too large is answered, and 400 of them take no room', async (t) => {
  const { port, key, store, ask } = await startLogService(t)
  store.createProject('my-proj', { description: '' })
  const host = `my-proj.${endpoint}:${port}`
  const [method, url] = ['PUT', '/']
  const about = { 'x-log-apiversion': '0.6.0' }
  const signed = signLogService(
    { method, url, host, headers: about, body: Buffer.alloc(0) },
    key,
    new Date(),
    region,
  )
  const block = Buffer.alloc(700 * 1024)
  const exchange = () =>
    new Promise<string>((resolve, reject) => {
      const headers = { host, ...about, ...signed, 'transfer-encoding': 'chunked' }
      const request = send({ host: '127.0.0.1', port, method, path: url, headers, agent: false })
      request.on('error', reject)
      request.on('response', (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('end', () => resolve(Buffer.concat(parts).toString()))
      })
      request.write(block)
      request.end(block)
    })
  const refused = {
    errorCode: 'PostBodyTooLarge',
    errorMessage: 'a body has at most 1048576 bytes',
  }
  // Each holds up to 1 MiB until it is answered: more of them than there is room for, one after another.
  const count = process.env['WEIR_LONG'] === undefined ? 20 : 400
  for (let n = 0; n < count; n++) assert.deepEqual(JSON.parse(await exchange()), refused)
  const { status } = await ask({ method, url, project: 'my-proj', body: { description: 'd' } })
  assert.equal(status, 200)
})
