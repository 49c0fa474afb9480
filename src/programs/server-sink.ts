/** `weir replay --into`: records as numbered NDJSON batches to a running server, each sent until it is stored. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { putRecords } from '../api/client.ts'
import { WeirError } from '../base/errors.ts'
import type { EniIdentity, FlowRecordBatch } from '../record/batch.ts'
import { RecordTextWriter } from '../record/text.ts'

/** Well below the server's limits of 32 MiB and 100,000 lines. */
const batchBytes = 8 << 20
const batchesWaitingMax = 4
/** A server that has not taken anything is soon given up: 3 s. One that has may be starting anew: a minute. */
const attempts = { first: 5, later: 16 } as const
const pauseMilliseconds = { first: 200, longest: 5000 } as const

export class ServerSink {
  readonly #server: string
  readonly #project: string
  readonly #logstore: string
  readonly #run = randomUUID()
  readonly #writer: RecordTextWriter
  #parts: Uint8Array[] = []
  #bytes = 0
  #number = 0
  #waiting = 0
  #stored = false
  #sent: Promise<void> = Promise.resolve()
  #failure: unknown

  /** @param into PROJECT/LOGSTORE */
  constructor(server: string, into: string, enis: readonly EniIdentity[]) {
    const [project, logstore, ...rest] = into.split('/')
    if (!project || !logstore || rest.length > 0)
      throw new WeirError('Usage', `--into is ${JSON.stringify(into)}, not PROJECT/LOGSTORE`, {
        hint: 'Such as --into weir/flow-log',
      })
    this.#server = server
    this.#project = project
    this.#logstore = logstore
    this.#writer = new RecordTextWriter(enis, (bytes) => this.#collect(bytes))
  }

  readonly take = (records: FlowRecordBatch): void => this.#writer.write(records)

  /** Resolves when the server keeps up. Throws what it refused. */
  async drain(): Promise<void> {
    if (this.#waiting >= batchesWaitingMax) await this.#sent
    this.#throwFailure()
  }

  /** Resolves when every record is on the server's disk. */
  async finish(): Promise<void> {
    this.#writer.flush()
    this.#dispatch()
    await this.#sent
    this.#throwFailure()
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  #collect(bytes: Uint8Array): void {
    this.#parts.push(bytes.slice())
    this.#bytes += bytes.length
    if (this.#bytes >= batchBytes) this.#dispatch()
  }

  #dispatch(): void {
    if (this.#bytes === 0) return
    const body = new Uint8Array(Buffer.concat(this.#parts))
    const number = this.#number++
    this.#parts = []
    this.#bytes = 0
    this.#waiting++
    this.#sent = this.#sent.then(async () => {
      if (this.#failure === undefined) await this.#put(body, number)
      this.#waiting--
    })
  }

  /** A batch sent twice is stored once, so a lost answer is no reason to give up. */
  async #put(body: Uint8Array<ArrayBuffer>, number: number): Promise<void> {
    const target = {
      project: this.#project,
      logstore: this.#logstore,
      id: { flowLog: 'replay', run: this.#run, number },
    }
    let pause: number = pauseMilliseconds.first
    for (let attempt = 1; ; attempt++) {
      try {
        await putRecords(this.#server, target, body)
        this.#stored = true
        return
      } catch (error) {
        const code = error instanceof WeirError ? error.code : undefined
        const passes = code === 'ServerUnreachable' || code === 'StorageFull'
        if (!passes || attempt >= (this.#stored ? attempts.later : attempts.first)) {
          this.#failure = error
          return
        }
        await sleep(pause)
        pause = Math.min(pause * 2, pauseMilliseconds.longest)
      }
    }
  }
}
