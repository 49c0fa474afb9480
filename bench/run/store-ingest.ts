/** What storing costs: records a second, and CPU of all threads of this process, without making the records. */
import lz4 from 'lz4-napi'
import type { ColumnBatch } from '../../src/base/columns.ts'
import { decodeLogGroup, encodeLogGroup, type Log } from '../../src/log-group/log-group.ts'
import { putGroup } from '../../src/log-service/log-service.ts'
import { type LogStore, type LogStoreConfig, openLogStore } from '../../src/logstore/logstore.ts'
import { createFlowLogstore } from '../../src/programs/flow-logstore.ts'
import { flowLogTopic } from '../../src/record/columns.ts'
import { logGroupType } from '../../test/log-group-schema.ts'
import { median } from './report.ts'
import { StoreRecords } from './store-records.ts'

export const project = 'bench'
export const logstore = 'flow-log'
/** Of each batch and log group. */
const batchRows = 1000
/** Batches made before they are sent: making them is not in the account, so it comes in blocks. */
const batchesABlock = 64

export interface IngestOptions {
  readonly rows: number
  readonly seed: number
  /** Batches sent and not yet acknowledged. */
  readonly inFlight: number
}

export interface Ingested {
  readonly rows: number
  /** Until the last acknowledgement, with making the records. */
  readonly wallSeconds: number
  /** All threads, until the last acknowledgement; making the records taken off. */
  readonly cpuSeconds: number
  /** The same until every hour is one file. */
  readonly settledCpuSeconds: number
  /** Of `settledCpuSeconds`, the thread that JavaScript runs in. */
  readonly threadSeconds: number
  readonly wireBytes: number
  readonly restBytes: number
  readonly acknowledgeMs: { readonly median: number; readonly p99: number }
  readonly flushes: number
  readonly compactions: number
}

/** A store with the logstore that flow logs get. Its clock is that of the records: an hour is over when its records are. */
export class BenchStore {
  readonly store: LogStore
  readonly #clock: { now: number }

  private constructor(store: LogStore, clock: { now: number }) {
    this.store = store
    this.#clock = clock
  }

  static async open(folder: string, config: Partial<LogStoreConfig> = {}): Promise<BenchStore> {
    const clock = { now: 0 }
    const bench = new BenchStore(
      await openLogStore(folder, config, { now: () => clock.now }),
      clock,
    )
    if (bench.store.projects().length === 0) {
      bench.store.createProject(project, { description: 'records made up for measuring' })
      createFlowLogstore(bench.store, project, logstore, 3650)
    }
    return bench
  }

  at(unixSeconds: number): void {
    this.#clock.now = unixSeconds
  }

  /** Past the end of the last hour: all that can be merged is. */
  async settle(): Promise<void> {
    this.#clock.now += 2 * 3600
    await this.store.maintain()
  }
}

/** As batches come from an agent of the same process. */
export async function ingestBatches(bench: BenchStore, options: IngestOptions): Promise<Ingested> {
  return ingest(bench, options, (batch) => {
    const send = () => bench.store.append(project, logstore, batch, { topic: flowLogTopic })
    return { send, bytes: 0 }
  })
}

/** As PutLogs does behind HTTP: an lz4 block, a LogGroup, the columns of the logstore, the log. */
export async function ingestLogGroups(
  bench: BenchStore,
  options: IngestOptions,
): Promise<Ingested> {
  return ingest(bench, options, (batch) => {
    const block = lz4.compressSync(encodeLogGroup(logGroupOf(batch)))
    const send = () => {
      const group = decodeLogGroup(lz4.uncompressSync(block))
      return putGroup(bench.store, project, logstore, group)
    }
    return { send, bytes: block.length - 4 }
  })
}

interface Parcel {
  readonly send: () => Promise<unknown>
  /** On the wire. */
  readonly bytes: number
}

async function ingest(
  bench: BenchStore,
  { rows, seed, inFlight }: IngestOptions,
  parcelOf: (batch: ColumnBatch) => Parcel,
): Promise<Ingested> {
  const records = new StoreRecords(seed)
  const waits: number[] = []
  let wireBytes = 0
  let makingSeconds = 0
  const began = performance.now()
  const cpu = process.cpuUsage()
  const thread = process.threadCpuUsage()
  for (let made = 0; made < rows;) {
    const making = process.threadCpuUsage()
    const parcels: Parcel[] = []
    for (; parcels.length < batchesABlock && made < rows; made += batchRows)
      parcels.push(parcelOf(records.next(Math.min(batchRows, rows - made))))
    makingSeconds += secondsOf(process.threadCpuUsage(making))
    bench.at(records.windowStart)
    let next = 0
    const sendSome = async () => {
      for (let parcel = parcels[next++]; parcel !== undefined; parcel = parcels[next++]) {
        const sent = performance.now()
        await parcel.send()
        waits.push(performance.now() - sent)
        wireBytes += parcel.bytes
      }
    }
    await Promise.all(Array.from({ length: inFlight }, sendSome))
  }
  const cpuSeconds = secondsOf(process.cpuUsage(cpu)) - makingSeconds
  const wallSeconds = (performance.now() - began) / 1000
  await bench.settle()
  const settledCpuSeconds = secondsOf(process.cpuUsage(cpu)) - makingSeconds
  const threadSeconds = secondsOf(process.threadCpuUsage(thread)) - makingSeconds
  const { segmentBytes, segmentRows, flushes, compactions } = bench.store.stats()
  if (segmentRows !== rows) throw new Error(`${segmentRows} of ${rows} records are in segments`)
  waits.sort((a, b) => a - b)
  const at = (share: number): number => waits[Math.floor(waits.length * share)]!
  return {
    rows,
    wallSeconds,
    cpuSeconds,
    settledCpuSeconds,
    threadSeconds,
    wireBytes,
    flushes,
    compactions,
    restBytes: segmentBytes,
    acknowledgeMs: { median: at(0.5), p99: at(0.99) },
  }
}

/** Nothing is flushed, so this is what an acknowledgement itself costs. */
export const logOnly: Partial<LogStoreConfig> = {
  flushRows: Number.MAX_SAFE_INTEGER,
  hotRowsMax: Number.MAX_SAFE_INTEGER,
  flushIntervalMs: 2 ** 31 - 1,
}

const secondsOf = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1e6

/** The records as the official wire form has them: every value a text, `-` where there is none. */
export function logGroupOf({ rows, columns }: ColumnBatch) {
  const fields = [...columns].filter(([name]) => name !== '__time__')
  const times = columns.get('__time__')
  const logs = Array.from({ length: rows }, (_, row): Log => {
    const contents = fields.map(([name, column]): [string, string] => {
      if (column.kind === 'text') return [name, column.dictionary[column.codes[row]! - 1] ?? '-']
      const value = column.values[row]!
      return [name, Number.isNaN(value) ? '-' : String(value)]
    })
    return { time: times?.kind === 'integer' ? times.values[row]! : 0, contents }
  })
  return { topic: flowLogTopic, source: '10.0.0.1', tags: [], logs }
}

export interface DecodeRates {
  readonly lz4: number
  readonly decode: number
  readonly protobufjs: number
}

/** Records a CPU second of the stages before the store, each alone, on one thread. */
export function decodeRates(seed: number, groups: number): DecodeRates {
  const records = new StoreRecords(seed)
  const blocks = Array.from({ length: groups }, () =>
    lz4.compressSync(encodeLogGroup(logGroupOf(records.next(batchRows)))),
  )
  const bodies = blocks.map((block) => lz4.uncompressSync(block))
  return {
    lz4: rateOf(groups, () => blocks.forEach((block) => lz4.uncompressSync(block))),
    decode: rateOf(groups, () => bodies.forEach((body) => decodeLogGroup(body))),
    protobufjs: rateOf(groups, () => bodies.forEach((body) => logGroupType.decode(body))),
  }
}

const rateRuns = 5

function rateOf(groups: number, work: () => void): number {
  work()
  const rates = Array.from({ length: rateRuns }, () => {
    const cpu = process.threadCpuUsage()
    work()
    return (groups * batchRows) / secondsOf(process.threadCpuUsage(cpu))
  })
  return median(rates)
}
