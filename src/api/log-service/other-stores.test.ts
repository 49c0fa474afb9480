/** "Subqueries across logstores that the caller may read." */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureOf, project, startDataService } from '../../../test/log-data.ts'

test('SQL names other logstores of its project, as far as the caller may read them', async (t) => {
  const { createLogstore, put, ok, ask, keys } = await startDataService(t)
  const text = { type: 'text', token: [','], doc_value: true }
  const time = 1_700_000_000
  for (const name of ['web', 'names', 'secret']) {
    await createLogstore(name, { keys: { host: text, what: text } })
    const contents = [
      ['host', 'a'],
      ['what', `of ${name}`],
    ] as const
    await put(name, { topic: '', source: '', tags: [], logs: [{ time, contents }] })
  }
  const asking = (other: string) => ({
    method: 'POST',
    url: '/logstores/web/logs',
    body: {
      from: time,
      to: time + 60,
      query: `* | SELECT l.what, r.what AS other FROM log l JOIN ${other} r ON l.host = r.host`,
    },
  })
  const { json } = await ok({ ...asking('names'), headers: { 'accept-encoding': 'identity' } })
  const [row] = (json as { data: Record<string, string>[] }).data
  assert.deepEqual([row?.['what'], row?.['other']], ['of web', 'of names'])
  const key = keys.create({
    name: 'reader',
    policy: {
      Version: '1',
      Statement: ['web', 'names'].map((name) => ({
        Effect: 'Allow',
        Action: 'log:GetLogStoreLogs',
        Resource: `project/${project}/logstore/${name}`,
      })),
    },
  })
  assert.equal((await ask({ project, key, ...asking('names') })).status, 200)
  const [status, code, message] = failureOf(await ask({ project, key, ...asking('secret') }))
  assert.deepEqual([status, code], [400, 'ParameterInvalid'])
  assert.match(String(message), /secret/)
  assert.doesNotMatch(String(message), /of secret/)
})
