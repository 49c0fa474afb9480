/** One capture thread, from the outside: orders in, messages out, and when it is ready and over. */
import { Worker } from 'node:worker_threads'
import type { Failed, TapMessage, TapOrder, TapTask, ThreadWorkerData } from './messages.ts'

export class CaptureThread<Task, Order, Message extends { readonly kind: string }> {
  /** Resolves when it captures, or has said why it cannot. */
  readonly opened: Promise<void>
  readonly ended: Promise<void>
  readonly #worker: Worker
  readonly #mail = new Int32Array(new SharedArrayBuffer(4))

  constructor(program: URL, task: Task, take: (message: Message | Failed) => void) {
    const workerData: ThreadWorkerData<Task> = { task, mail: this.#mail }
    const worker = new Worker(program, { workerData })
    const opened = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<void>()
    worker.on('message', (message: Message) => {
      take(message)
      if (message.kind === 'opened' || message.kind === 'failed') opened.resolve()
    })
    worker.on('error', (error) =>
      take({ kind: 'failed', reason: error.stack ?? String(error), gone: false }),
    )
    worker.on('exit', () => {
      opened.resolve()
      ended.resolve()
    })
    this.#worker = worker
    this.opened = opened.promise
    this.ended = ended.promise
  }

  /** Wakes the thread from whatever it waits for within a poll of its source. */
  order(order: Order): void {
    this.#worker.postMessage(order)
    Atomics.add(this.#mail, 0, 1)
    Atomics.notify(this.#mail, 0)
  }
}

export class TapThread extends CaptureThread<TapTask, TapOrder, TapMessage> {
  constructor(task: TapTask, take: (message: TapMessage) => void) {
    super(new URL('./tap-worker.ts', import.meta.url), task, take)
  }
}
