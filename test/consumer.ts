/**
 * A consumer of a group, as the official library goes about it (alibaba-api.md 3.7): heartbeat, a thread of pulls for
 * each shard it is given, a checkpoint after each. What it pulled it writes as a line of JSON to standard output first.
 * Arguments: port, key id, key secret, project, logstore, group, its name.
 */
import { writeSync } from 'node:fs'
import { uncompressSync } from 'lz4-napi'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeLogGroupList } from '../src/log-group/log-group.ts'
import { type Asked, exchange } from './log-service-server.ts'

const [port, id, secret, project, logstore, group, name] = process.argv.slice(2) as [
  string,
  ...string[],
]
const key = { id: id!, secret: secret! }
const place = `/logstores/${logstore}`
const groupPlace = `${place}/consumergroups/${group}`
const beatMilliseconds = 200

const ask = async (asked: Omit<Asked, 'project' | 'key'>) => {
  const answer = await exchange(Number(port), { ...asked, project, key })
  if (answer.status !== 200)
    throw new Error(`${asked.url}: ${answer.status} ${answer.body.toString()}`)
  return answer
}

let held: number[] = []
const cursors = new Map<number, string>()

async function beat(): Promise<void> {
  const url = `${groupPlace}?type=heartbeat&consumer=${name}`
  const { json } = await ask({ method: 'POST', url, body: Buffer.from(JSON.stringify(held)) })
  const given = json as number[]
  for (const shard of given) if (!held.includes(shard)) cursors.set(shard, await begin(shard))
  held = given
}

async function begin(shard: number): Promise<string> {
  const { json } = await ask({ url: `${groupPlace}?shard=${shard}` })
  const [{ checkpoint }] = json as [{ checkpoint: string }]
  if (checkpoint !== '') return checkpoint
  const answer = await ask({ url: `${place}/shards/${shard}?type=cursor&from=begin` })
  return (answer.json as { cursor: string }).cursor
}

async function pull(shard: number): Promise<void> {
  const cursor = cursors.get(shard)!
  const { headers, body } = await ask({
    url: `${place}/shards/${shard}?type=log&cursor=${encodeURIComponent(cursor)}&count=1`,
    headers: { 'accept-encoding': 'lz4' },
  })
  const next = String(headers['x-log-cursor'])
  if (Number(headers['x-log-count']) === 0 || next === cursor) return
  const size = Buffer.alloc(4)
  size.writeUInt32LE(Number(headers['x-log-bodyrawsize']))
  const plain =
    headers['x-log-compresstype'] === 'lz4' ? uncompressSync(Buffer.concat([size, body])) : body
  const records = decodeLogGroupList(plain).flatMap(({ rows, columns }) => {
    const { codes, dictionary } = columns.get('n')!
    return Array.from({ length: rows }, (_, row) => dictionary[codes[row]! - 1])
  })
  writeSync(1, `${JSON.stringify({ shard, cursor, next, records })}\n`)
  const checkpoint = { shard, checkpoint: next }
  const url = `${groupPlace}?type=checkpoint&consumer=${name}&forceSuccess=False`
  const answer = await exchange(Number(port), {
    method: 'POST',
    url,
    body: checkpoint,
    project,
    key,
  })
  if (answer.status === 200) cursors.set(shard, next)
  // It was silent for too long: the shard is another's, and what was pulled does not count.
  else held = held.filter((each) => each !== shard)
}

for (let last = 0; ; await sleep(20)) {
  if (Date.now() - last >= beatMilliseconds) {
    await beat()
    last = Date.now()
  }
  for (const shard of held) await pull(shard)
}
