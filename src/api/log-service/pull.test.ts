/** Shards, cursors and PullLogs through a listening server and a real log store (alibaba-api.md 3.3, 3.7). */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { uncompressSync } from 'lz4-napi'
import { type Answer, failureOf, project, startDataService } from '../../../test/log-data.ts'
import { type DecodedLogGroup, decodeLogGroupList } from '../../log-group/log-group.ts'

const path = '/logstores/store-1/shards'
const at = 1_700_000_000

type Row = Readonly<Record<string, string | number>>

const rowsOf = ({ rows, times, topic, source, tags, columns }: DecodedLogGroup): Row[] =>
  Array.from({ length: rows }, (_, row) => ({
    time: times[row]!,
    topic,
    source,
    tags: tags.flat().join('='),
    ...Object.fromEntries(
      [...columns].flatMap(([name, { codes, dictionary }]): [string, string][] =>
        codes[row] === 0 ? [] : [[name, dictionary[codes[row]! - 1]!]],
      ),
    ),
  }))

interface Pulled {
  readonly rows: Row[]
  readonly groups: readonly number[]
  readonly cursor: string
  readonly raw: string | undefined
}

function pulledOf({ body, headers }: Answer): Pulled {
  const bytes = Number(headers['x-log-bodyrawsize'])
  const size = Buffer.alloc(4)
  size.writeUInt32LE(bytes)
  const plain =
    headers['x-log-compresstype'] === 'lz4' ? uncompressSync(Buffer.concat([size, body])) : body
  assert.equal(plain.length, bytes)
  const groups = decodeLogGroupList(plain)
  assert.equal(headers['x-log-count'], String(groups.length))
  return {
    rows: groups.flatMap(rowsOf),
    groups: groups.map((group) => group.rows),
    cursor: String(headers['x-log-cursor']),
    raw: headers['x-log-rawdatacount']?.toString(),
  }
}

async function startPull(t: TestContext, shardCount = 1) {
  const server = await startDataService(t)
  await server.createLogstore('store-1', { shardCount })
  const { ok } = server
  const cursor = async (shard: number, from: string | number): Promise<string> => {
    const { json } = await ok({ url: `${path}/${shard}?type=cursor&from=${from}` })
    return (json as { cursor: string }).cursor
  }
  const pull = async (shard: number, from: string, more = '&count=1000') => {
    const url = `${path}/${shard}?type=log&cursor=${encodeURIComponent(from)}${more}`
    return pulledOf(await ok({ url, headers: { 'accept-encoding': 'lz4' } }))
  }
  /** From the beginning to the end, as a consumer reads. */
  const all = async (shard: number, more = '&count=2'): Promise<Row[]> => {
    const rows: Row[] = []
    let next = await cursor(shard, 'begin')
    for (;;) {
      const answer = await pull(shard, next, more)
      if (answer.cursor === next) return rows
      rows.push(...answer.rows)
      next = answer.cursor
    }
  }
  const put = (topic: string, words: readonly string[]) =>
    server.put('store-1', {
      topic,
      source: 's',
      tags: [['k', topic]],
      logs: words.map((word, index) => ({ time: at + index, contents: [['word', word]] })),
    })
  return { ...server, cursor, pull, all, put }
}

const rowOf = (topic: string, word: string, index: number): Row => ({
  time: at + index,
  topic,
  source: 's',
  tags: `k=${topic}`,
  word,
})

test('PullLogs: groups of one topic, source and tags; at the end no group, the same cursor and no body', async (t) => {
  const { all, cursor, ok, pull, put, sealed } = await startPull(t)
  const begin = await cursor(0, 'begin')
  await put('a', ['1', '2'])
  await put('b', ['3'])
  await sealed()
  const first = await pull(0, begin)
  assert.deepEqual(
    first.rows.toSorted((one, other) => String(one['word']).localeCompare(String(other['word']))),
    [rowOf('a', '1', 0), rowOf('a', '2', 1), rowOf('b', '3', 0)],
  )
  assert.deepEqual([first.groups.toSorted((one, other) => one - other), first.raw], [[1, 2], '3'])
  const end = await pull(0, first.cursor)
  assert.deepEqual(end, { rows: [], groups: [], cursor: first.cursor, raw: '0' })
  assert.deepEqual(
    await pull(0, first.cursor),
    end,
    'what is known to be empty is not looked for again',
  )
  await put('c', ['4'])
  await sealed()
  const more = await pull(0, first.cursor)
  assert.deepEqual(more.rows, [rowOf('c', '4', 0)])
  assert.equal((await all(0, '&count=1')).length, 4)
  assert.deepEqual(await all(0, '&count=1&query=word:3'), [rowOf('b', '3', 0)])
  const until = await pull(0, begin, `&count=1000&end_cursor=${encodeURIComponent(first.cursor)}`)
  assert.deepEqual(until.rows, first.rows)
  assert.equal(until.cursor, first.cursor)
  const last = await cursor(0, 'end')
  assert.deepEqual((await pull(0, last)).cursor, last)
  // pull_log of aliyun-log-python-sdk asks until the next cursor is the one it gave as the end.
  const toLast = `&count=1000&end_cursor=${encodeURIComponent(last)}`
  assert.deepEqual(await pull(0, more.cursor, toLast), { ...end, cursor: last })
  assert.deepEqual(await pull(0, last, toLast), { ...end, cursor: last })
  const second = Number(Buffer.from(more.cursor, 'base64').toString().slice(0, -9))
  const time = await ok({ url: `${path}/0?type=cursor_time&cursor=${more.cursor}` })
  assert.deepEqual(time.json, { cursor_time: second })
  assert.deepEqual((await pull(0, await cursor(0, second))).rows, more.rows)
})

test('a topic of many rows comes in groups of 1000, and no row twice', async (t) => {
  const { cursor, pull, put, sealed } = await startPull(t)
  const words = Array.from({ length: 2500 }, (_, index) => `w${index}`)
  await put('a', words)
  await sealed()
  const seen: string[] = []
  let next = await cursor(0, 'begin')
  for (const groups of [[1000], [1000], [500]]) {
    const answer = await pull(0, next, '&count=1')
    assert.deepEqual(answer.groups, groups)
    seen.push(...answer.rows.map((row) => String(row['word'])))
    next = answer.cursor
  }
  assert.deepEqual(seen.toSorted(), words.toSorted())
  assert.deepEqual((await pull(0, await cursor(0, 'begin'))).groups, [1000, 1000, 500])
})

test('split and merge answer three shards; the records by shard are the same before and after', async (t) => {
  const { all, ask, cursor, ok, put, sealed } = await startPull(t, 2)
  const [low, half, high] = ['0'.repeat(32), `8${'0'.repeat(31)}`, 'f'.repeat(32)]
  const shardsOf = ({ json }: Answer) => (json as Row[]).map(({ createTime: _, ...shard }) => shard)
  const shard = (
    shardID: number,
    status: string,
    inclusiveBeginKey: string,
    exclusiveEndKey: string,
  ) => ({
    shardID,
    status,
    inclusiveBeginKey,
    exclusiveEndKey,
  })
  assert.deepEqual(shardsOf(await ok({ url: path })), [
    shard(0, 'readwrite', low, half),
    shard(1, 'readwrite', half, high),
  ])
  for (let round = 0; round < 6; round++) await put(`t${round}`, ['x', 'y'])
  await sealed()
  const before = [await all(0), await all(1)]
  assert.equal(before.flat().length, 12)
  const quarter = `4${'0'.repeat(31)}`
  const split = await ok({ method: 'POST', url: `${path}/0?action=split&key=${quarter}` })
  assert.deepEqual(shardsOf(split), [
    shard(0, 'readonly', low, half),
    shard(2, 'readwrite', low, quarter),
    shard(3, 'readwrite', quarter, half),
  ])
  const merge = await ok({ method: 'POST', url: `${path}/2?action=merge` })
  assert.deepEqual(shardsOf(merge), [
    shard(4, 'readwrite', low, half),
    shard(2, 'readonly', low, quarter),
    shard(3, 'readonly', quarter, half),
  ])
  for (let round = 0; round < 4; round++) await put(`n${round}`, ['z'])
  await sealed()
  assert.deepEqual([await all(0), (await all(1)).slice(0, before[1]!.length)], before)
  assert.deepEqual([await all(2), await all(3)], [[], []])
  const later = [...(await all(1)).slice(before[1]!.length), ...(await all(4))]
  assert.deepEqual(later.map((row) => String(row['topic'])).toSorted(), ['n0', 'n1', 'n2', 'n3'])
  const code = async (url: string, method = 'GET') =>
    failureOf(await ask({ method, url, project }))[1]
  assert.equal(await code(`${path}/1?action=merge`, 'POST'), 'ParameterInvalid')
  assert.equal(await code(`${path}/9?type=cursor&from=begin`), 'ShardNotExist')
  assert.equal(await code(`${path}/x?type=cursor&from=begin`), 'ParameterInvalid')
  assert.equal(await code(`${path}/0?type=cursor&from=now`), 'ParameterInvalid')
  assert.equal(await code(`${path}/0?type=log&cursor=x&count=1`), 'InvalidCursor')
  const begin = await cursor(0, 'begin')
  assert.equal(await code(`${path}/0?type=log&cursor=${begin}&count=1001`), 'ParameterInvalid')
})
