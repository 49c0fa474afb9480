/**
 * The capture path of Weir at one interface as a process of its own: ring or kernel maps, assigner, windows,
 * records, which go nowhere. Says `ready`, and after the end of standard input what it saw.
 */
import { PacketBatch } from '../../src/packet/packet.ts'
import { openRing } from '../../src/sources/ring.ts'
import { openTcx } from '../../src/sources/tcx.ts'
import { hostAssigner, hostIdentity } from '../../src/vpc/vpc.ts'
import { CaptureWindows, liveFlowsMax, liveLateSeconds } from '../../src/window/window.ts'

export interface LiveCaptured {
  readonly packets: number
  readonly dropped: number
  readonly records: number
}

const sliceMilliseconds = 100
const [source, interfaceName, mapEntries] = process.argv.slice(2)
let stop = false
let [packets, dropped, records, recordPackets] = [0, 0, 0, 0]

const windows = new CaptureWindows(
  { windowSeconds: 60, lateSeconds: liveLateSeconds, flowsMax: Math.max(liveFlowsMax, 2_000_000) },
  hostAssigner([hostIdentity(interfaceName!)]),
  (batch) => {
    records += batch.rows
    for (let row = 0; row < batch.rows; row++) recordPackets += batch.packets[row]!
  },
)

/** Other things of this thread: the end of standard input. */
const breathe = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

async function ringCapture(): Promise<void> {
  const ring = openRing({ interfaceName: interfaceName!, side: 'guest' })
  const batch = new PacketBatch()
  console.log('ready')
  for (let quiet = false; !stop || !quiet;) {
    const until = performance.now() + sliceMilliseconds
    quiet = true
    while (performance.now() < until)
      if (ring.read(batch, sliceMilliseconds) > 0) {
        windows.add(batch)
        quiet = false
      }
    windows.closeUntil(Math.floor(Date.now() / 1000))
    const stats = ring.stats()
    packets += stats.packets
    dropped += stats.drops
    await breathe()
  }
  ring.close()
}

async function kernelCapture(): Promise<void> {
  const tcx = openTcx({
    interfaceName: interfaceName!,
    side: 'guest',
    ...(mapEntries === undefined ? {} : { mapEntries: Number(mapEntries) }),
  })
  const sleeper = new Int32Array(new SharedArrayBuffer(4))
  const swap = (): void => {
    const counters = tcx.swap((batch) => windows.add(batch))
    packets += counters.frames
    dropped += counters.refused
    windows.closeUntil(Math.floor(Date.now() / 1000))
  }
  console.log('ready')
  while (!stop) {
    Atomics.wait(sleeper, 0, 0, sliceMilliseconds)
    if (Date.now() >= tcx.nextCut * 1000) swap()
    await breathe()
  }
  swap()
  tcx.close()
}

process.stdin.resume().on('end', () => {
  stop = true
})
await (source === 'ring' ? ringCapture() : kernelCapture())
windows.closeAll()
if (recordPackets + dropped !== packets)
  throw new Error(`${packets} packets came, ${recordPackets} are in records, ${dropped} dropped`)
const said: LiveCaptured = { packets, dropped, records }
console.log(JSON.stringify(said))
