/** The capture workers of this host: started, watched, counted and stopped. */
import { Worker } from 'node:worker_threads'
import type { Log } from '../base/log.ts'
import type { Delivery } from '../delivery/delivery.ts'
import type { CaptureTask, Tap } from './capture-plan.ts'
import type { CaptureCounters, CaptureMessage, CaptureWorkerData } from './capture-worker.ts'

export interface Capture {
  /** The interfaces that are captured. */
  interfaces(): string[]
  /** By interface name. */
  readonly counters: ReadonlyMap<string, CaptureCounters>
  /** Interfaces whose capture failed, a sentence each. */
  problems(): string[]
  /** Closes every window and hands its records on; resolves when the threads have ended. */
  stop(): Promise<void>
}

/** Resolves when every worker captures, or has said why it cannot. */
export async function startCapture(
  tasks: readonly CaptureTask[],
  delivery: Delivery,
  log: Log,
): Promise<Capture> {
  const counters = new Map<string, CaptureCounters>()
  const failures = new Map<string, string>()
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const names = tasks.map(({ tap }) => nameOf(tap))
  const workers = tasks.map((task) => {
    const name = nameOf(task.tap)
    return startWorker({ task, stop }, (message) => {
      if (message.kind === 'parcel') delivery.send(message.parcel)
      else if (message.kind === 'counters') counters.set(name, message.counters)
      else if (message.kind === 'failed') {
        failures.set(name, `interface ${name} is not captured: ${message.reason}`)
        log.error('capture failed', { interface: name, error: message.reason })
      }
    })
  })
  await Promise.all(workers.map(({ opened }) => opened))
  return {
    interfaces: () => names.filter((name) => !failures.has(name)),
    counters,
    problems: () => [...failures.values()],
    async stop() {
      Atomics.store(stop, 0, 1)
      await Promise.all(workers.map(({ ended }) => ended))
    },
  }
}

/** Interfaces of two namespaces may be called the same. */
const nameOf = ({ interfaceName, netns }: Tap): string =>
  netns === undefined ? interfaceName : `${netns}/${interfaceName}`

function startWorker(
  workerData: CaptureWorkerData,
  take: (message: CaptureMessage) => void,
): { opened: Promise<void>; ended: Promise<void> } {
  const worker = new Worker(new URL('./capture-worker.ts', import.meta.url), { workerData })
  const opened = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  worker.on('message', (message: CaptureMessage) => {
    take(message)
    if (message.kind !== 'parcel' && message.kind !== 'counters') opened.resolve()
  })
  worker.on('error', (error) => take({ kind: 'failed', reason: String(error) }))
  worker.on('exit', () => {
    opened.resolve()
    ended.resolve()
  })
  return { opened: opened.promise, ended: ended.promise }
}
