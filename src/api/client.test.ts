import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { WeirError } from '../base/errors.ts'
import {
  createFlowLog,
  deleteFlowLog,
  flowLogOfServer,
  flowLogsOfServer,
  modifyFlowLog,
  projectsOfServer,
  putRecords,
  queryServer,
  removeSample,
  switchFlowLog,
} from './client.ts'
import { answer, record, startServer } from '../../test/api-server.ts'

const asked = { project: 'weir', logstore: 'flow-log', query: '*' }
const target = {
  project: 'weir',
  logstore: 'flow-log',
  id: { flowLog: 'fl-1', run: 'a run & more', number: 0 },
}

test('a command asks, puts and removes through the client', async (t) => {
  const { url } = await startServer(t)
  assert.deepEqual(await queryServer(url, asked), answer)
  const line = new TextEncoder().encode(JSON.stringify(record))
  assert.deepEqual(await putRecords(url, target, line), { rows: 1, stored: true })
  assert.deepEqual(await putRecords(`${url}/`, target, line), { rows: 1, stored: false })
  const [project] = await projectsOfServer(url)
  assert.deepEqual(project?.logstores, [{ name: 'flow-log', rows: 1, ttlDays: 30 }])
  await removeSample(url)
  assert.deepEqual(await projectsOfServer(url), [])
})

test('a command manages flow logs through the client', async (t) => {
  const { url } = await startServer(t)
  const wanted = {
    resourceType: 'VPC',
    resourceId: 'vpc-shop',
    project: 'weir',
    logstore: 'flow-log',
  } as const
  const made = await createFlowLog(url, { ...wanted, name: 'a & b' })
  assert.equal(made.name, 'a & b')
  const changed = await modifyFlowLog(url, made.id, { windowSeconds: 60 })
  assert.deepEqual(await flowLogOfServer(url, made.id), changed)
  assert.equal((await switchFlowLog(url, made.id, 'stop')).status, 'Inactive')
  assert.deepEqual(await flowLogsOfServer(url, { status: 'Active' }), [])
  const started = await switchFlowLog(url, made.id, 'start')
  assert.deepEqual(await flowLogsOfServer(url), [started])
  await deleteFlowLog(url, made.id)
  assert.deepEqual(await flowLogsOfServer(url, { ...wanted }), [])
  for (const id of [made.id, '../sample', 'a/start', '%2e', 'ü?'])
    await assert.rejects(deleteFlowLog(url, id), {
      code: 'FlowLogNotExist',
      message: `there is no flow log ${id}`,
    })
})

test('an error of the server is the same error here', async (t) => {
  const error = new WeirError('QuerySyntax', 'expected )', { place: 'line 1:4', hint: 'Close it' })
  const { url } = await startServer(t, { query: { run: () => Promise.reject(error) } })
  await assert.rejects(queryServer(url, asked), {
    code: 'QuerySyntax',
    message: 'expected )',
    place: 'line 1:4',
    hint: 'Close it',
  })
  await assert.rejects(putRecords(url, target, 'x'), { code: 'ParameterInvalid', place: 'line 1' })
})

test('no server, no Weir server, no URL', async (t) => {
  const f = (server: string, error: object) => assert.rejects(queryServer(server, asked), error)
  const listener = createServer((_, response) => response.writeHead(200).end('<html>'))
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`
  t.after(() => listener.close())
  await f(url, {
    code: 'ServerError',
    message: `${url} answered with HTTP status 200`,
    hint: 'Is it a Weir server?',
  })
  listener.close()
  listener.closeAllConnections()
  await once(listener, 'close')
  await f(url, {
    code: 'ServerUnreachable',
    message: `no answer from ${url}: connect ECONNREFUSED ${url.slice(7)}`,
    hint: 'Is it running? Start one with: weir start',
  })
  const usage = { code: 'Usage', hint: 'Write it like http://127.0.0.1:8080' }
  await f('localhost:8080', { ...usage, message: '"localhost:8080" is not the URL of a server' })
  await f('nonsense', { ...usage, message: '"nonsense" is not the URL of a server' })
})

test('a cancelled query says so', async (t) => {
  const { url } = await startServer(t, { query: { run: () => new Promise(() => {}) } })
  const caller = new AbortController()
  const running = queryServer(url, asked, caller.signal)
  caller.abort()
  await assert.rejects(running, { code: 'QueryCancelled', message: 'the query was cancelled' })
})
