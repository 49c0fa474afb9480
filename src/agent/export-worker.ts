/** The thread that receives what routers export. Only here may a call block; orders wait until the port was read. */
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import { describeError, WeirError } from '../base/errors.ts'
import { unixSeconds } from '../base/time.ts'
import { PacketBatch } from '../packet/packet.ts'
import { type FlowReceiver, openFlowReceiver } from '../sources/sources.ts'
import { topologyAssigner } from '../vpc/vpc.ts'
import { ExportCapture } from './export-capture.ts'
import type { ExportMessage, ExportOrder, ExportTask } from './export-messages.ts'
import type { ThreadWorkerData } from './messages.ts'
import { OrderMail } from './order-mail.ts'

const pollMilliseconds = 100
/** What a router sent just before the stop. */
const settleMilliseconds = 150
/** What waits at the port when it closes is read, but not what goes on coming for ever. */
const restMilliseconds = 2000
/** How long the spool may take for the last windows. */
const answerMilliseconds = 60_000

assert(parentPort !== null, 'an export worker is started as a thread')
const port = parentPort
const { task, mail } = workerData as ThreadWorkerData<ExportTask>
const orders = new OrderMail<ExportOrder>(port, mail)
/** Records are handed over, not copied. */
const say = (message: ExportMessage): void =>
  port.postMessage(
    message,
    message.kind === 'closed' ? message.parcels.map(({ batch }) => batch.buffer) : [],
  )
const clock = () => unixSeconds(Date.now() / 1000)

class ExportWorker {
  readonly #capture: ExportCapture
  readonly #batch = new PacketBatch()
  #receiver: FlowReceiver | undefined
  #second = clock()
  #stopping: 'ordered' | 'not ordered' | undefined

  constructor(capture: ExportCapture) {
    this.#capture = capture
  }

  run(): void {
    const receiver = openReceiver(this.#capture)
    this.#receiver = receiver
    say({ kind: 'opened', port: receiver.port })
    while (this.#stopping === undefined) {
      if (receiver.read(this.#batch, pollMilliseconds) > 0) this.#capture.add(this.#batch, clock())
      orders.takeAll((order) => this.#take(order))
      const now = clock()
      if (now !== this.#second) this.#tick(receiver, now)
    }
    this.#readRest(receiver)
    this.end()
  }

  /** What is on its way is waited for a moment; a datagram may hold nothing but templates. */
  #readRest(receiver: FlowReceiver): void {
    const begun = performance.now()
    for (let waited = 0; waited < restMilliseconds; waited = performance.now() - begun) {
      if (receiver.read(this.#batch, settleMilliseconds / 3) > 0)
        this.#capture.add(this.#batch, clock())
      else if (waited >= settleMilliseconds) return
    }
  }

  /** What was seen is handed over, and the thread ends. If the port was never open, the next one tells what was lost. */
  end(): void {
    const now = clock()
    const receiver = this.#receiver
    if (receiver === undefined) return
    this.#capture.look(receiver.takeLosses(true), receiver.counters, now)
    receiver.close()
    this.#capture.stop(now, this.#stopping !== 'not ordered')
    const isDone = (): boolean => this.#capture.answered
    orders.takeUntil(isDone, answerMilliseconds, (order) => this.#take(order))
    say({ kind: 'journal', note: this.#capture.note(), cpuSeconds: 0 })
  }

  #tick(receiver: FlowReceiver, now: ReturnType<typeof clock>): void {
    this.#second = now
    this.#capture.look(receiver.takeLosses(), receiver.counters, now)
    this.#capture.tick(now)
    const { user, system } = process.threadCpuUsage()
    say({ kind: 'journal', note: this.#capture.note(), cpuSeconds: (user + system) / 1e6 })
  }

  #take(order: ExportOrder): void {
    switch (order.kind) {
      case 'orders':
        this.#capture.change(order.plans, order.topology, clock())
        this.#receiver?.forgetTaps()
        return
      case 'answer':
        this.#capture.answer(order.closing, order.kept)
        return
      case 'stop':
        this.#stopping = order.ordered ? 'ordered' : 'not ordered'
        return
    }
  }
}

function openReceiver(capture: ExportCapture): FlowReceiver {
  const { listen, port: udpPort, netns } = task.config
  return openFlowReceiver({
    host: listen,
    port: udpPort,
    isTap: (address, ifIndex) => capture.isTap(address, ifIndex),
    addInterface: (index, from) => capture.addInterface(index, from),
    get windowSeconds() {
      return capture.windowSeconds
    },
    ...(netns === undefined ? {} : { netns }),
  })
}

let worker: ExportWorker | undefined
try {
  const assigner = await topologyAssigner(task.topology)
  worker = new ExportWorker(new ExportCapture(task, assigner, clock(), say))
  worker.run()
} catch (error) {
  const reason = error instanceof WeirError ? describeError(error) : String((error as Error).stack)
  say({ kind: 'failed', reason, gone: false })
  worker?.end()
} finally {
  say({ kind: 'ended' })
}
