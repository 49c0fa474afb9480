import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readProjectQuery } from './search-project.ts'

const read = (sql: string) => readProjectQuery(sql, (name) => ['store-1', 'log'].includes(name))
const all = { from: 0, to: 253_402_300_800 }

test('FROM names the logstore, with quotes or without', () => {
  const query = '* | select a from log where b = 1'
  for (const name of ['store-1', '"store-1"'])
    assert.deepEqual(read(`select a from ${name} where b = 1`), {
      logstore: 'store-1',
      query,
      ...all,
    })
  const tricky = "select 'from x', extract(hour from ts) /* from y */ FROM  store-1 -- from z"
  assert.deepEqual(read(tricky), {
    logstore: 'store-1',
    query: `* | ${tricky.replace('store-1', 'log')}`,
    ...all,
  })
  assert.equal(read('select 1 from none').logstore, 'none')
  const twice = 'select a from (select b as a from store-1) join store-1 on 1 = 1'
  assert.equal(
    read(twice).query,
    '* | select a from (select b as a from log) join store-1 on 1 = 1',
  )
  assert.throws(() => read('select 1'), { code: 'ParameterInvalid' })
})

test('conditions of __time__ that are joined by AND are the range; any other query is over all times', () => {
  const rangeOf = (where: string) => {
    const { from, to } = read(`select a, (__time__ > 9) from store-1 where ${where}`)
    return [from, to]
  }
  assert.deepEqual(rangeOf('__time__ >= 100 and __time__ < 200'), [100, 200])
  assert.deepEqual(rangeOf('"__time__" > 100 AND a = 1 AND __time__ <= 200'), [101, 201])
  assert.deepEqual(rangeOf('__time__ between 100 and 200 and b = 2 group by a'), [100, 201])
  assert.deepEqual(rangeOf('__time__ = 100 order by a'), [100, 101])
  assert.deepEqual(rangeOf('__time__ > 200 and __time__ < 100'), [201, 202])
  const open = [all.from, all.to]
  for (const where of [
    '__time__ >= 100 or a = 1',
    'not __time__ >= 100',
    '(__time__ >= 100) = false',
    'if(__time__ >= 100, true, true)',
    'a in (select a from store-1 where __time__ >= 100)',
    '__time__ >= 100 union all select a, b from store-1',
    "a = '__time__ >= 100'",
    '__time__ + 1 >= 100',
    'case when __time__ > 5 then true else true end',
  ])
    assert.deepEqual(rangeOf(where), open, where)
})
