import assert from 'node:assert/strict'
import { request as send } from 'node:http'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { signLogService } from '../../access/access.ts'
import { type Asked, endpoint, region, startLogService } from '../../../test/log-service-server.ts'
import { BodyRoom, roomBytes } from '../body-room.ts'
import type { LogServiceRoute } from './route.ts'

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

test('a body that says it is too large is read to its end, so that its sender reads why', async (t) => {
  const { ask, store } = await startLogService(t)
  store.createProject('my-proj', { description: '' })
  const refused = {
    errorCode: 'PostBodyTooLarge',
    errorMessage: 'a body has at most 1048576 bytes',
  }
  const body = Buffer.alloc(33 * 1024 * 1024)
  // Answered at once, one in ten was closed while it was still being sent.
  for (let n = 0; n < 10; n++) {
    const { status, json } = await ask({ method: 'PUT', url: '/', project: 'my-proj', body })
    assert.deepEqual([status, json], [400, refused])
  }
})

test('a body is held until its handler is done with it, though its sender went away', async (t) => {
  const open = Promise.withResolvers<void>()
  const mebibyte = 1024 * 1024
  let working = 0
  const route: LogServiceRoute = {
    method: 'POST',
    path: '/slow',
    host: 'bare',
    action: 'log:Slow',
    bodyBytesMax: 32 * mebibyte,
    async handle() {
      working++
      await open.promise
      working--
      return {}
    },
  }
  const { port, key, ask } = await startLogService(t, () => ({ routes: [route] }))
  const slow = { method: 'POST', url: '/slow' }
  const about = { 'x-log-apiversion': '0.6.0', 'content-type': 'application/octet-stream' }
  const host = `${endpoint}:${port}`
  const body = Buffer.alloc(32 * mebibyte)
  const signed = signLogService({ ...slow, host, headers: about, body }, key, new Date(), region)
  const sendAndGo = async () => {
    const headers = { ...about, ...signed, host, 'content-length': String(body.length) }
    const to = { host: '127.0.0.1', port, method: 'POST', path: '/slow', headers, agent: false }
    const request = send(to).on('error', () => {})
    const before = working
    request.end(body)
    while (working === before) await setTimeout(5)
    request.destroy()
  }
  const places = Math.floor(roomBytes() / body.length)
  for (let n = 0; n < places; n++) await sendAndGo()
  const full: Asked = { ...slow, body }
  const refused = await ask(full)
  assert.deepEqual([refused.status, refused.headers['retry-after']], [403, '1'])
  assert.equal((refused.json as { errorCode: string }).errorCode, 'WriteQuotaExceed')
  open.resolve()
  while (working > 0) await setTimeout(5)
  assert.equal((await ask(full)).status, 200)
})
