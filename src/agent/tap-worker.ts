/** The thread that captures one ENI. Only here may a call block; orders wait until the source was read. */
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import { describeError, WeirError } from '../base/errors.ts'
import { unixSeconds } from '../base/time.ts'
import { bootId, Links, namespaceId } from '../sources/sources.ts'
import { type Assigner, hostAssigner, type Topology, topologyAssigner } from '../vpc/vpc.ts'
import type { TapMessage, TapOrder, TapTask, ThreadWorkerData } from './messages.ts'
import { OrderMail } from './order-mail.ts'
import { openRingSource } from './ring-source.ts'
import { TapCapture } from './tap-capture.ts'
import type { InterfaceIdentity } from './tap-note.ts'
import type { TapSource } from './tap-source.ts'
import { openTcxSource } from './tcx-source.ts'
import { topologyOfTap } from './topology-of-tap.ts'

const pollMilliseconds = 100
/** How long the spool may take for the last windows. */
const answerMilliseconds = 60_000

assert(parentPort !== null, 'a tap worker is started as a thread')
const port = parentPort
const { task, mail } = workerData as ThreadWorkerData<TapTask>
const { place } = task
const orders = new OrderMail<TapOrder>(port, mail)
/** Records are handed over, not copied. */
const say = (message: TapMessage): void =>
  port.postMessage(
    message,
    message.kind === 'closed'
      ? message.parcels.flatMap((each) => ('id' in each ? [] : [each.batch.buffer]))
      : [],
  )
const clock = () => unixSeconds(Date.now() / 1000)

type Changing = Assigner & { change?(topology: Topology): void }

async function assignerOf(): Promise<{ assigner: Changing; eni: number }> {
  const { topology } = task
  if (topology === undefined) return { assigner: hostAssigner([place.eni]), eni: 0 }
  const assigner = await topologyAssigner(topologyOfTap(topology, place))
  assigner.addInterface(0, { file: undefined, name: place.interfaceName })
  return { assigner, eni: assigner.enis.findIndex(({ eniId }) => eniId === place.eni.eniId) }
}

function identityOf(): InterfaceIdentity {
  const links = Links.open(place.netns)
  try {
    const link = links.get(place.interfaceName)
    if (link === undefined)
      throw new WeirError('InterfaceGone', `there is no interface "${place.interfaceName}"`)
    return { boot: bootId(), namespace: namespaceId(place.netns), index: link.index }
  } finally {
    links.close()
  }
}

/** The kernel's own counting where it is wanted and can be had; else a ring, and why. */
function openSource(families: 'ipv4' | 'both'): { source: TapSource; fallback?: string } {
  const ring = () => openRingSource({ place, ringBytes: task.ringBytes, families })
  if (task.method === 'ring') return { source: ring() }
  if (place.nflog !== undefined)
    return { source: ring(), fallback: 'AF_PACKET instead of TCX: verdicts come from NFLOG' }
  try {
    return { source: openTcxSource(place, families) }
  } catch (error) {
    if (!(error instanceof WeirError)) throw error
    return { source: ring(), fallback: `AF_PACKET instead of TCX: ${describeError(error)}` }
  }
}

class TapWorker {
  readonly #capture: TapCapture
  readonly #assigner: Changing
  #source: TapSource | undefined
  #families = task.plan.families
  #second = clock()
  /** Starting costs CPU that capturing does not. */
  readonly #started = process.threadCpuUsage()
  #stopping: 'ordered' | 'not ordered' | undefined

  constructor(capture: TapCapture, assigner: Changing) {
    this.#capture = capture
    this.#assigner = assigner
  }

  run(): void {
    const { source, fallback } = openSource(this.#families)
    this.#use(source)
    say({ kind: 'opened', ...(fallback === undefined ? {} : { fallback }) })
    while (this.#stopping === undefined) {
      this.#readOnce()
      this.#takeOrders()
      const now = clock()
      if (now !== this.#second) this.#tick(now)
    }
    // What passed while the ENI was shed is read off its interface.
    if (this.#source === undefined) this.#use(openSource(this.#families).source)
    this.#end('works')
  }

  /** After a failure of the source: what was seen is handed over, and the thread ends. */
  abandon(gone: boolean): void {
    this.#end(gone ? 'gone' : 'failed')
  }

  #end(source: 'works' | 'failed' | 'gone'): void {
    this.#capture.stop(clock(), source, this.#stopping !== 'not ordered')
    this.#source = undefined
    this.#awaitAnswers()
  }

  #use(source: TapSource): void {
    this.#source = source
    this.#capture.opened(source, clock())
  }

  #readOnce(): void {
    if (this.#source === undefined) orders.wait(pollMilliseconds)
    else this.#source.read(this.#capture.windows, pollMilliseconds)
  }

  #tick(now: ReturnType<typeof clock>): void {
    this.#second = now
    this.#capture.tick(now)
    const { user, system } = process.threadCpuUsage(this.#started)
    say({ kind: 'journal', note: this.#capture.note(), cpuSeconds: (user + system) / 1e6 })
  }

  #takeOrders(): void {
    orders.takeAll((order) => this.#take(order))
  }

  #take(order: TapOrder): void {
    switch (order.kind) {
      case 'plan':
        this.#capture.change(order.plan, clock())
        this.#families = order.plan.families
        this.#source?.setFamilies(this.#families)
        return
      case 'topology':
        this.#assigner.change?.(topologyOfTap(order.topology, place))
        return
      case 'shed':
        if (this.#source === undefined) return
        this.#capture.shed(clock())
        this.#source = undefined
        return
      case 'resume':
        if (this.#source === undefined) this.#use(openSource(this.#families).source)
        return
      case 'answer':
        this.#capture.answer(order.closing, order.kept)
        return
      case 'stop':
        this.#stopping = order.ordered ? 'ordered' : 'not ordered'
        return
    }
  }

  #awaitAnswers(): void {
    const isDone = (): boolean => this.#capture.answered
    orders.takeUntil(isDone, answerMilliseconds, (order) => this.#take(order))
    say({ kind: 'journal', note: this.#capture.note(), cpuSeconds: 0 })
  }
}

let worker: TapWorker | undefined
try {
  const { assigner, eni } = await assignerOf()
  const settles = task.work === 'settle' && task.note !== undefined
  const identity = settles
    ? { ...task.note!.interface, boot: `${task.note!.interface.boot} gone` }
    : identityOf()
  const capture = new TapCapture(task, identity, assigner, eni, clock(), say)
  worker = new TapWorker(capture, assigner)
  if (settles) worker.abandon(true)
  else worker.run()
} catch (error) {
  const gone = error instanceof WeirError && error.code === 'InterfaceGone'
  const reason = error instanceof WeirError ? describeError(error) : String((error as Error).stack)
  say({ kind: 'failed', reason, gone })
  worker?.abandon(gone)
} finally {
  say({ kind: 'ended' })
}
