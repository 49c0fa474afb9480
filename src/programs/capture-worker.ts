/**
 * The thread that captures one interface: ring, ENI, flows, windows, records, parcels. Only here may a
 * call block. It is told to stop through shared memory, since it has no time for messages.
 */
import { randomUUID } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import { describeError } from '../base/errors.ts'
import { alignedStart, type UnixSeconds, unixSeconds } from '../base/time.ts'
import { type Parcel, Sorter } from '../delivery/delivery.ts'
import { keeps } from '../flow-log/flow-log.ts'
import { PacketBatch, rowWords, word } from '../packet/packet.ts'
import { openRing, type Ring } from '../sources/sources.ts'
import {
  type Assigner,
  hostAssigner,
  loadTopology,
  type Topology,
  topologyAssigner,
} from '../vpc/vpc.ts'
import { CaptureWindows, liveFlowsMax, liveLateSeconds } from '../window/window.ts'
import type { CaptureTask } from './capture-plan.ts'

export interface CaptureCounters {
  readonly framesSeen: number
  readonly framesDropped: number
  readonly nonIp: number
  readonly malformed: number
  readonly latePackets: number
  readonly refusedPackets: number
  readonly unassignedPackets: number
}

/** What the thread tells. `ended` is the last. */
export type CaptureMessage =
  | { readonly kind: 'opened' }
  | { readonly kind: 'parcel'; readonly parcel: Parcel }
  | { readonly kind: 'counters'; readonly counters: CaptureCounters }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'ended' }

export interface CaptureWorkerData {
  readonly task: CaptureTask
  /** Not 0: stop. */
  readonly stop: Int32Array<SharedArrayBuffer>
}

const pollMilliseconds = 100
/** Blocks are handed over 50 ms after their first frame; a busy host is late. */
const settleMilliseconds = 150

assert(parentPort !== null, 'the capture worker is started as a thread')
const port = parentPort
const { task, stop } = workerData as CaptureWorkerData
const say = (message: CaptureMessage): void => port.postMessage(message)

async function assignerOf(): Promise<{ assigner: Assigner; eni: number }> {
  const { tap, topologyPath } = task
  if (topologyPath === undefined) return { assigner: hostAssigner([tap.eni]), eni: 0 }
  const assigner = await topologyAssigner(
    withOneTap(await loadTopology(topologyPath), tap.eni.eniId),
  )
  assigner.addInterface(0, { file: undefined, name: tap.interfaceName })
  return { assigner, eni: assigner.enis.findIndex(({ eniId }) => eniId === tap.eni.eniId) }
}

/** Interfaces of two namespaces may be called the same: this thread knows which of the ENIs it is at. */
const withOneTap = (topology: Topology, eniId: string): Topology => ({
  ...topology,
  enis: topology.enis.map((eni) => (eni.id === eniId ? eni : { ...eni, tap: undefined })),
})

function capture(ring: Ring, assigner: Assigner, eni: number): void {
  const enis = assigner.enis
  const routes = task.flowLogs.map((flowLog) => ({
    flowLog: flowLog.id,
    project: flowLog.project,
    logstore: flowLog.logstore,
    keep: keeps(flowLog, enis),
  }))
  const sorter = new Sorter(routes, randomUUID(), enis)
  const { windowSeconds } = task
  const windows = new CaptureWindows(
    { windowSeconds, lateSeconds: liveLateSeconds, flowsMax: liveFlowsMax },
    assigner,
    (records) => {
      for (const parcel of sorter.sort(records)) say({ kind: 'parcel', parcel })
    },
  )
  const totals = { framesSeen: 0, framesDropped: 0 }
  const lossy = new Set<number>()
  let counted = unixSeconds(Date.now() / 1000)
  const begun = counted
  let nextStatus = alignedStart(begun, windowSeconds)

  /** Once a second: losses belong to the windows since the last look, since nobody knows which. */
  const look = (now: UnixSeconds): void => {
    const { packets, drops } = ring.stats()
    totals.framesSeen += packets
    totals.framesDropped += drops
    if (drops > 0 || windows.takeRefused() > 0) {
      lossy.add(alignedStart(counted, windowSeconds))
      lossy.add(alignedStart(now, windowSeconds))
    }
    counted = now
    say({ kind: 'counters', counters: countersOf(ring, windows, assigner, totals) })
  }
  /**
   * NODATA and SKIPDATA of the windows before `bound`, which are over and closed. Of a window that capture did
   * not see whole nobody can say that it was silent, only that something was lost.
   */
  const tellStatus = (bound: UnixSeconds, stoppedAt = Number.POSITIVE_INFINITY): void => {
    for (; nextStatus < bound; nextStatus = (nextStatus + windowSeconds) as UnixSeconds) {
      const lost = lossy.delete(nextStatus)
      const whole = nextStatus >= begun && nextStatus + windowSeconds <= stoppedAt
      if (lost || whole) windows.emitStatus([eni], nextStatus, nextStatus, () => lost)
    }
  }

  const batch = new PacketBatch()
  while (Atomics.load(stop, 0) === 0) {
    if (ring.read(batch, pollMilliseconds) > 0) windows.add(batch)
    const now = unixSeconds(Date.now() / 1000)
    if (now === counted) continue
    look(now)
    windows.closeUntil(now)
    tellStatus(alignedStart(now - liveLateSeconds, windowSeconds))
  }
  readRest(ring, batch, windows)
  const now = unixSeconds(Date.now() / 1000)
  look(now)
  windows.closeAll()
  if (windows.takeRefused() > 0) lossy.add(alignedStart(now, windowSeconds))
  tellStatus((alignedStart(now, windowSeconds) + windowSeconds) as UnixSeconds, now)
}

/** Reads what came before this moment: the kernel fills a block for a while before it hands it over. */
function readRest(ring: Ring, batch: PacketBatch, windows: CaptureWindows): void {
  const stoppedAt = Date.now() / 1000
  const settled = performance.now() + settleMilliseconds
  for (let rows = 1, newest = 0; newest <= stoppedAt;) {
    if (rows === 0 && performance.now() >= settled) return
    rows = ring.read(batch, settleMilliseconds)
    if (rows === 0) continue
    windows.add(batch)
    const last = (rows - 1) * rowWords
    newest = (batch.words[last + word.second]! >>> 0) + batch.words[last + word.nanosecond]! / 1e9
  }
}

const countersOf = (
  ring: Ring,
  windows: CaptureWindows,
  assigner: Assigner,
  totals: { readonly framesSeen: number; readonly framesDropped: number },
): CaptureCounters => ({
  ...totals,
  nonIp: ring.nonIp,
  malformed: ring.malformed,
  latePackets: windows.latePackets,
  refusedPackets: windows.refusedPackets,
  unassignedPackets: assigner.unassigned,
})

let ring: Ring | undefined
try {
  const { assigner, eni } = await assignerOf()
  const { interfaceName, netns } = task.tap
  ring = openRing({
    interfaceName,
    // What the far end of a veth sees is turned by the assigner, which knows the taps of captures too.
    side: 'guest',
    ringBytes: task.ringBytes,
    ...(netns === undefined ? {} : { netns }),
  })
  say({ kind: 'opened' })
  capture(ring, assigner, eni)
} catch (error) {
  say({ kind: 'failed', reason: describeError(error) })
} finally {
  ring?.close()
  say({ kind: 'ended' })
}
