/** A tap without a kernel: an interface whose frames a test sends, and the real capture of one ENI at it. */
import { WeirError } from '../src/base/errors.ts'
import type { UnixSeconds } from '../src/base/time.ts'
import type { TapMessage, TapTask } from '../src/agent/messages.ts'
import { TapCapture } from '../src/agent/tap-capture.ts'
import type { TapNote } from '../src/agent/tap-note.ts'
import {
  type InterfaceReading,
  nothingRead,
  type SourceCounters,
  type TapSource,
} from '../src/agent/tap-source.ts'
import type { Parcel, Spool } from '../src/delivery/delivery.ts'
import { decodeParcel } from '../src/delivery/spool-entry.ts'
import { capturePlan, type FlowLog } from '../src/flow-log/flow-log.ts'
import { about, PacketBatch, packetBatchRows, rowWords, word } from '../src/packet/packet.ts'
import type { EniIdentity } from '../src/record/batch.ts'
import { hostAssigner } from '../src/vpc/vpc.ts'
import type { CaptureWindows } from '../src/window/window.ts'

export const scriptedEni: EniIdentity = {
  accountId: '-',
  eniId: 'eni-1',
  vmId: '-',
  vSwitchId: 'vsw-1',
  vpcId: 'vpc-1',
}

const zero = 0 as UnixSeconds

/** Of the VPC of the ENI: everything, both families, a minute, since ever; its logstore is called like it. */
export const flowLogOf = (id: string, more: Partial<FlowLog> = {}): FlowLog => ({
  id,
  name: '',
  description: '',
  resourceType: 'VPC',
  resourceId: scriptedEni.vpcId,
  trafficType: 'All',
  ipVersion: 'DualStack',
  windowSeconds: 60,
  scope: ['all'],
  project: 'weir',
  logstore: id,
  status: 'Active',
  createdAt: zero,
  changedAt: zero,
  startedAt: zero,
  earlier: [],
  ...more,
})

/** UDP payload and headers of every frame, at the IP layer; an Ethernet header comes on top. */
export const packetBytes = 100
const frameBytes = packetBytes + 14

/** Counts as a kernel does, whether somebody looks or not. */
export class ScriptedInterface {
  frames = 0
  tap: ScriptedSource | undefined
  gone = false

  pass(second: number, count: number, { ipv6 = false, port = 80 } = {}): void {
    for (let i = 0; i < count; i++) {
      this.frames++
      this.tap?.arrive({ second, ipv6, port })
    }
  }
}

interface Frame {
  readonly second: number
  readonly ipv6: boolean
  readonly port: number
}

export class ScriptedSource implements TapSource {
  readonly #at: ScriptedInterface
  readonly #opened: number
  readonly #batch = new PacketBatch()
  #waiting: Frame[] = []
  #families: 'ipv4' | 'both'
  #counts = { frames: 0, readFrames: 0, dropped: 0, filtered: 0 }
  /** Frames beyond these find no room. */
  roomFrames = Number.POSITIVE_INFINITY
  #last: InterfaceReading | undefined

  constructor(at: ScriptedInterface, families: 'ipv4' | 'both') {
    this.#at = at
    this.#opened = at.frames
    this.#families = families
    at.tap = this
  }

  arrive(frame: Frame): void {
    this.#counts.frames++
    if (frame.ipv6 && this.#families === 'ipv4') this.#counts.filtered++
    else if (this.#waiting.length >= this.roomFrames) this.#counts.dropped++
    else this.#waiting.push(frame)
  }

  read(windows: CaptureWindows): void {
    for (const { second, ipv6, port } of this.#waiting) {
      const { words } = this.#batch
      const at = this.#batch.rows++ * rowWords
      words.fill(0, at, at + rowWords)
      words[at + word.source] = 0x0a000001
      words[at + word.destination] = 0x0a000002
      words[at + word.ports] = (1000 << 16) | port
      words[at + word.about] = 17 | (ipv6 ? about.ipv6 : 0) | (1 << about.directionShift)
      words[at + word.bytes] = packetBytes
      words[at + word.second] = second
      words[at + word.packets] = 1
      this.#counts.readFrames++
      if (this.#batch.rows === packetBatchRows) this.#give(windows)
    }
    this.#waiting = []
    this.#give(windows)
  }

  readRest(windows: CaptureWindows): void {
    this.read(windows)
  }

  setFamilies(families: 'ipv4' | 'both'): void {
    this.#families = families
  }

  readingOf(): InterfaceReading {
    const { frames } = this.#at.gone && this.#last !== undefined ? this.#last : this.#at
    const tap: SourceCounters = {
      ...nothingRead,
      ...this.#counts,
      readBytes: this.#counts.readFrames * frameBytes,
    }
    const opened = { frames: this.#opened, bytes: this.#opened * frameBytes, exact: true }
    this.#last = { frames, bytes: frames * frameBytes, drops: 0, quiet: true, opened, tap }
    return this.#last
  }

  close(): void {
    this.#at.tap = undefined
  }

  #give(windows: CaptureWindows): void {
    if (this.#batch.rows > 0) windows.add(this.#batch)
    this.#batch.rows = 0
  }
}

export interface CaptureStart {
  readonly at: ScriptedInterface
  readonly now: number
  readonly flowLogs: readonly FlowLog[]
  readonly note?: TapNote | undefined
  /** Which interface it is: with another index the account begins anew. */
  readonly index?: number
  /** Where closed windows go with `put`; without one they are taken at once, or not. */
  readonly spool?: Spool
}

/** One capture thread's work, second by second, with a spool that takes or refuses what it closes. */
export class ScriptedCapture {
  readonly capture: TapCapture
  readonly #at: ScriptedInterface
  #families: 'ipv4' | 'both'
  source: ScriptedSource | undefined
  /** Whether the spool takes what is handed over. */
  keeps = true
  /** By flow log: `start+seconds STATUS packets` of each record that was kept. */
  readonly records = new Map<string, string[]>()
  /** What the spool knows: the note that came with the last closing that it took, or a journal since. */
  kept: TapNote | undefined

  readonly #spool: Spool | undefined
  readonly #waiting: Extract<TapMessage, { kind: 'closed' }>[] = []

  constructor({ at, now, flowLogs, note, index = 1, spool }: CaptureStart) {
    this.#at = at
    this.#spool = spool
    const plan = planOf(flowLogs)
    this.#families = plan.families
    const task: TapTask = {
      agent: 'a',
      place: { eni: scriptedEni, interfaceName: 'eth0', side: 'guest' },
      plan,
      method: 'ring',
      ringBytes: 1 << 20,
      topology: undefined,
      note,
      work: 'capture',
    }
    this.capture = new TapCapture(
      task,
      { boot: 'b', namespace: 'n', index },
      hostAssigner([scriptedEni]),
      0,
      now as UnixSeconds,
      (message) => this.#take(message),
    )
    this.open(now)
  }

  open(now: number): void {
    this.source = new ScriptedSource(this.#at, this.#families)
    this.capture.opened(this.source, now as UnixSeconds)
  }

  shed(now: number): void {
    this.capture.shed(now as UnixSeconds)
    this.source = undefined
  }

  order(flowLogs: readonly FlowLog[], now: number): void {
    const plan = planOf(flowLogs)
    this.capture.change(plan, now as UnixSeconds)
    this.#families = plan.families
    this.source?.setFamilies(plan.families)
  }

  /** A second has begun: what came before it has been read. */
  tick(now: number): void {
    this.source?.read(this.capture.windows)
    this.capture.tick(now as UnixSeconds)
    if (this.capture.answered) this.kept = this.capture.note()
  }

  stop(now: number, { ordered = true, source = 'works' as 'works' | 'gone' } = {}): TapNote {
    if (source === 'gone') this.source?.read(this.capture.windows)
    this.capture.stop(now as UnixSeconds, source, ordered)
    this.kept = this.capture.note()
    return this.kept
  }

  recordsOf(flowLog: string): readonly string[] {
    return this.records.get(flowLog) ?? []
  }

  #take(message: TapMessage): void {
    if (message.kind !== 'closed') return
    if (this.#spool !== undefined) {
      this.#waiting.push(message)
      return
    }
    if (this.keeps)
      for (const parcel of message.parcels)
        this.add('id' in parcel ? parcel : decodeParcel(spooled(parcel)))
    this.capture.answer(message.closing, this.keeps)
  }

  /** Offers what was handed over to the spool, one after the other, as an agent does. */
  async put(): Promise<void> {
    for (const { closing, parcels, note } of this.#waiting.splice(0)) {
      let kept = true
      try {
        await this.#spool!.put({ eni: scriptedEni.eniId, parcels, note })
      } catch (error) {
        if (!(error instanceof WeirError && error.code === 'SpoolFull')) throw error
        kept = false
      }
      this.capture.answer(closing, kept)
    }
  }

  /** These records have arrived. */
  add({ logstore, batch }: Parcel): void {
    const { columns, rows } = batch
    const value = (name: string, row: number): number => {
      const column = columns.get(name)
      return column?.kind === 'integer' ? column.values[row]! : Number.NaN
    }
    const status = columns.get('log-status')
    const lines = this.records.get(logstore) ?? []
    this.records.set(logstore, lines)
    for (let row = 0; row < rows; row++) {
      const text = status?.kind === 'text' ? status.dictionary[status.codes[row]! - 1] : '?'
      const seconds = value('end', row) - value('start', row)
      const packets = value('packets', row)
      const line = `${value('start', row)}+${seconds} ${text}`
      lines.push(Number.isNaN(packets) ? line : `${line} ${packets}`)
    }
  }
}

const spooled = (parcel: {
  project: string
  logstore: string
  batch: Uint8Array<ArrayBuffer>
}) => ({
  ...parcel,
  batch: Buffer.from(parcel.batch),
})

function planOf(flowLogs: readonly FlowLog[]) {
  const [plan] = capturePlan([scriptedEni], flowLogs)
  if (plan === undefined) throw new Error('no flow log is about the ENI')
  const { windowSeconds, families, flowLogs: those } = plan
  return { windowSeconds, families, flowLogs: those }
}
