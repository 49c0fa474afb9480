/** The type of an index key is changed: what the logs held is found all the same, before the change and after. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startDataService } from '../../../test/log-data.ts'

const at = 1_700_000_000
const number = (type: 'long' | 'double') => ({ type, doc_value: true })
const text = { type: 'text', token: [' '], caseSensitive: false, doc_value: true }

async function start(...args: Parameters<typeof startDataService>) {
  const server = await startDataService(...args)
  let second = at
  return {
    ...server,
    putAll: (logstore: string, ...values: string[]) =>
      server.put(logstore, {
        topic: '',
        source: '',
        tags: [],
        logs: values.map((n) => ({ time: second++, contents: [['n', n]] })),
      }),
    change: (logstore: string, n: object) =>
      server.ok({ method: 'PUT', url: `/logstores/${logstore}/index`, body: { keys: { n } } }),
    ask: async (logstore: string, query: string) => {
      const body = { from: at, to: at + 60, query }
      const url = `/logstores/${logstore}/logs`
      const { json } = await server.ok({ method: 'POST', url, body })
      return (json as { data: { n: string; c?: string }[] }).data.map(({ n, c }) =>
        c === undefined ? n : `${n} ${c}`,
      )
    },
  }
}

test('long, then text: words are found, and SQL sees them', async (t) => {
  const { createLogstore, putAll, change, ask } = await start(t)
  await createLogstore('store-1', { keys: { n: number('long') } })
  await putAll('store-1', '17', 'abc', '007')
  assert.deepEqual(await ask('store-1', '* | select n order by __time__'), ['17', 'null', 'null'])
  await change('store-1', text)
  await putAll('store-1', '17', 'abc', '1.50')
  assert.deepEqual(await ask('store-1', 'n: abc'), ['abc', 'abc'])
  assert.deepEqual(await ask('store-1', 'n: 17'), ['17', '17'])
  assert.deepEqual(await ask('store-1', 'not n: 17 | select n order by __time__'), [
    'abc',
    '007',
    'abc',
    '1.50',
  ])
  const counted = '* | select n, count(*) as c group by n order by c desc, n'
  assert.deepEqual(await ask('store-1', counted), ['17 2', 'abc 2', '007 1', '1.50 1'])
})

test('long, then double: fractions count', async (t) => {
  const { createLogstore, putAll, change, ask } = await start(t)
  await createLogstore('store-1', { keys: { n: number('long') } })
  await putAll('store-1', '2', '0.25')
  await change('store-1', number('double'))
  await putAll('store-1', '1.5', '-', '4')
  assert.deepEqual(await ask('store-1', '* | select sum(n) as n'), ['7.75'])
  assert.deepEqual(await ask('store-1', 'n < 2 | select n order by __time__'), ['0.25', '1.5'])
  await change('store-1', number('long'))
  assert.deepEqual(await ask('store-1', '* | select sum(n) as n'), ['6'])
})
