/** Traffic of known numbers in a test's namespaces, and what a server stored and accounted of it. */
import assert from 'node:assert/strict'
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KeptLoss, Ledger } from '../src/ledger/ledger.ts'
import { metricsOf, weir, weirSays } from './weir-process.ts'

export interface Datagrams {
  readonly to: string
  readonly port: number
  readonly count: number
  readonly payload: number
}

/** A script that sends datagrams from port 6000, each after the kernel has taken the one before. */
export const sendUdp = (...all: readonly Datagrams[]): string => `
  const send = async ({ to, port, count, payload }) => {
    const socket = require('node:dgram').createSocket(to.includes(':') ? 'udp6' : 'udp4')
    await new Promise((resolve) => socket.bind(6000, resolve))
    const bytes = Buffer.alloc(payload)
    for (let i = 0; i < count; i++)
      await new Promise((resolve, reject) =>
        socket.send(bytes, port, to, (error) => (error ? reject(error) : resolve())))
    await new Promise((resolve) => socket.close(resolve))
  }
  ;(async () => { for (const each of ${JSON.stringify(all)}) await send(each) })()`

/** Sends datagrams from a namespace until it is told to stop, and says how many the kernel took. */
export class SteadySender {
  readonly #child: ChildProcessWithoutNullStreams
  #said = ''

  /** @param burst datagrams each 10 ms, to 50 ports in turn */
  constructor(namespace: string, to: string, burst = 20) {
    const script = `
      const socket = require('node:dgram').createSocket('udp4')
      let sent = 0
      let going = true
      const burst = () => {
        if (!going) return socket.close(() => console.log('sent ' + sent))
        let left = ${burst}
        for (let i = 0; i < ${burst}; i++)
          socket.send(Buffer.alloc(32), 7000 + (sent % 50), '${to}', (error) => {
            if (error) throw error
            sent++
            if (--left === 0) setTimeout(burst, 10)
          })
      }
      process.stdin.once('data', () => { going = false }).unref?.()
      socket.bind(6000, burst)`
    const program = ['netns', 'exec', namespace, process.execPath, '-e', script]
    this.#child = spawn('ip', program, { timeout: 900_000, killSignal: 'SIGKILL' })
    this.#child.stdout.on('data', (chunk: Buffer) => (this.#said += chunk.toString()))
  }

  async stop(): Promise<number> {
    const closed = once(this.#child, 'close')
    this.#child.stdin.end('stop')
    await closed
    const sent = /^sent (\d+)$/m.exec(this.#said)?.[1]
    assert.ok(sent !== undefined, 'the sender says how many it sent')
    return Number(sent)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return
    const closed = once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await closed
  }
}

export type FlowRecord = Readonly<Record<string, string>>

/** Every record of a logstore of project weir, asked of the data directory itself. */
export async function storedRecords(data: string, logstore = 'flow-log'): Promise<FlowRecord[]> {
  const asked = ['query', '--data', data, '--project', 'weir', '--logstore', logstore, '*']
  const lines = await weirSays([...asked, '--format', 'ndjson', '--line', '1000000'])
  return lines
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as FlowRecord)
}

/** Packets of the records that have some, by a name: a window may end while a test runs. */
export function packetsBy(
  records: readonly FlowRecord[],
  nameOf: (record: FlowRecord) => string,
): Record<string, number> {
  const sums = new Map<string, number>()
  for (const each of records) {
    if (each['log-status'] !== 'OK') continue
    const name = nameOf(each)
    sums.set(name, (sums.get(name) ?? 0) + Number(each['packets']))
  }
  return Object.fromEntries([...sums].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

export interface Account {
  readonly problems: readonly string[]
  readonly ledgers: readonly (Ledger & { readonly difference: number })[]
  readonly losses: readonly KeptLoss[]
}

/** What `weir check` says of a data directory, problems too. */
export async function accountOf(data: string): Promise<Account> {
  const { stdout } = await weir(['check', '--data', data, '--json'])
  return JSON.parse(stdout) as Account
}

/** Waits until a series of /metrics says something; its value then. */
export async function metricWhen(
  url: string,
  series: string,
  is: (value: number) => boolean,
): Promise<number> {
  for (;;) {
    const value = (await metricsOf(url)).get(series) ?? 0
    if (is(value)) return value
    await sleep(50)
  }
}

/** Waits by the frames that one ENI's interface gave, in open windows or, past a minute, in closed ones. */
export async function readFramesWhen(
  url: string,
  labels: string,
  is: (value: number) => boolean,
): Promise<number> {
  for (;;) {
    const metrics = await metricsOf(url)
    const [open, closed] = ['open_frames', 'record_frames_total'].map(
      (where) => metrics.get(`weir_capture_${where}${labels}`) ?? 0,
    )
    if (is(open! + closed!)) return open! + closed!
    await sleep(50)
  }
}

/** What is begun after it has this many seconds before a window of a minute ends. */
export async function roomInMinute(seconds: number): Promise<void> {
  const left = 60_000 - (Date.now() % 60_000)
  if (left < seconds * 1000) await sleep(left)
}
