/**
 * A process of `npm run bench storm` that sends signed requests of the log service over connections it keeps: log
 * groups made before, or questions. It is told what to do over IPC, one order after the other.
 */
import { Agent, request } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import lz4 from 'lz4-napi'
import type { ColumnBatch } from '../../src/base/columns.ts'
import { signLogService } from '../../src/access/access.ts'
import { encodeLogGroup, type LogGroup } from '../../src/log-group/log-group.ts'
import { logGroupOf } from './store-ingest.ts'
import { StoreRecords } from './store-records.ts'

export interface StormTarget {
  readonly port: number
  readonly key: { readonly id: string; readonly secret: string }
  readonly project: string
  readonly logstore: string
}

export interface Order {
  readonly seconds: number
  /** Each sends again when it is answered. */
  readonly clients: number
  /** Log groups a second of all clients together; as many as are taken unless told. */
  readonly rate?: number
  /** Asked in turn, client after client. Undefined: log groups are put. */
  readonly queries?: readonly string[]
  /** Queries ask for so many seconds before now; undefined: for all. */
  readonly lastSeconds?: number
  /** Each puts a record of its own and asks for it until it is found: the time from one to the other. */
  readonly probes?: boolean
  /** Milliseconds between an answer and the next question, at random up to twice that. */
  readonly pause?: number
}

export interface Done {
  /** Of what was answered well: milliseconds of each. */
  readonly times: readonly number[]
  /** Error codes of the others. */
  readonly refused: Readonly<Record<string, number>>
  readonly seconds: number
}

export interface Setup {
  readonly target: StormTarget
  readonly seed: number
  readonly groups: number
  readonly groupRows: number
  /** The last of the records are of now, not of the day that they are made for. */
  readonly isNow?: boolean
}

const {
  target,
  seed,
  groups,
  groupRows,
  isNow = false,
} = JSON.parse(process.argv[2] ?? '') as Setup
const host = `${target.project}.localhost:${target.port}`
const records = new StoreRecords(seed)
const made = Array.from({ length: groups }, () => records.next(groupRows))
if (isNow)
  made.forEach((batch) => shift(batch, Math.floor(Date.now() / 1000) - records.windowStart))
const bodies = made.map((batch) => bodyOf(logGroupOf(batch)))

interface Body {
  readonly block: Buffer
  readonly rawBytes: number
}

function bodyOf(group: LogGroup): Body {
  const raw = encodeLogGroup(group)
  return { block: lz4.compressSync(raw).subarray(4), rawBytes: raw.length }
}

function shift({ columns }: ColumnBatch, seconds: number): void {
  for (const name of ['__time__', 'start', 'end']) {
    const column = columns.get(name)
    if (column?.kind === 'integer')
      column.values.forEach((value, row, all) => (all[row] = value + seconds))
  }
}

interface Sent {
  readonly path: string
  readonly body: Buffer
  readonly headers: Readonly<Record<string, string>>
}

const putOf = ({ block, rawBytes }: Body): Sent => {
  const headers = {
    'content-type': 'application/x-protobuf',
    'x-log-compresstype': 'lz4',
    'x-log-bodyrawsize': String(rawBytes),
  }
  return { path: `/logstores/${target.logstore}/shards/lb`, body: block, headers }
}

const queryOf = (query: string, lastSeconds?: number): Sent => {
  const now = Math.floor(Date.now() / 1000)
  const range = lastSeconds === undefined ? [0, 2 ** 32] : [now - lastSeconds, now + 1]
  const body = Buffer.from(JSON.stringify({ from: range[0], to: range[1], query }))
  const headers = {
    'content-type': 'application/json',
    'x-log-bodyrawsize': String(body.length),
  }
  return { path: `/logstores/${target.logstore}/logs`, body, headers }
}

interface Answer {
  readonly status: number
  readonly text: string
}

function send(agent: Agent, { path, body, headers }: Sent): Promise<Answer> {
  const whole = { ...headers, 'x-log-apiversion': '0.6.0' }
  const asked = { method: 'POST', url: path, host, headers: whole, body }
  const signed = signLogService(asked, target.key, new Date(), 'cn-hangzhou')
  return new Promise((resolve, reject) => {
    const to = { host: '127.0.0.1', port: target.port, method: 'POST', path, agent }
    const length = { 'content-length': String(body.length) }
    const sent = request({ ...to, headers: { ...whole, ...signed, ...length, host } }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part: string) => (text += part))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
      answer.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

let probes = 0

/** Milliseconds from the acknowledgement of a record to the end of the answer that has it. */
async function probe(agent: Agent): Promise<number> {
  const name = `eni-probe${process.pid}n${probes++}`
  const [log] = logGroupOf(records.next(1)).logs
  const contents = log!.contents.map(([key, value]): [string, string] => [
    key,
    key === 'eni-id' ? name : value,
  ])
  const group = { topic: '', source: '', tags: [] }
  const logs = [{ time: Math.floor(Date.now() / 1000), contents }]
  const put = await send(agent, putOf(bodyOf({ ...group, logs })))
  if (put.status !== 200) throw new Error(put.text)
  const begin = performance.now()
  for (;;) {
    const { status, text } = await send(agent, queryOf(`eni-id:${name}`, 900))
    if (status !== 200) throw new Error(text)
    const { data } = JSON.parse(text) as { data: readonly unknown[] }
    if (data.length === 1) return performance.now() - begin
    await setTimeout(10)
  }
}

async function obey(order: Order): Promise<Done> {
  const { seconds, clients, rate, queries, lastSeconds, pause = 0 } = order
  // A new one: the server closes connections that were left alone between two orders.
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity })
  const times: number[] = []
  const refused: Record<string, number> = {}
  const began = performance.now()
  let next = 0
  const isOver = (): boolean => performance.now() - began >= seconds * 1000
  const one = async (client: number): Promise<void> => {
    while (!isOver()) {
      const at = next++
      if (rate !== undefined)
        await setTimeout(Math.max(0, began + (at * 1000) / rate - performance.now()))
      if (pause > 0) await setTimeout(pause * 2 * Math.random())
      if (order.probes === true) {
        times.push(await probe(agent))
        continue
      }
      const begin = performance.now()
      const asked = queries?.[(client + at) % queries.length]
      const { status, text } = await send(
        agent,
        asked === undefined ? putOf(bodies[at % bodies.length]!) : queryOf(asked, lastSeconds),
      )
      if (status === 200) times.push(performance.now() - begin)
      else {
        const { errorCode } = JSON.parse(text) as { errorCode: string }
        refused[errorCode] = (refused[errorCode] ?? 0) + 1
        await setTimeout(1000)
      }
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, client) => one(client)))
  agent.destroy()
  return { times, refused, seconds: (performance.now() - began) / 1000 }
}

process.on('message', (order: Order) => {
  obey(order).then(
    (done) => process.send?.(done),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
