/** Numbered batches of one run to a logstore of a running server, in order, each sent until it is stored. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeLogstore, type RecordsTarget } from '../api/client.ts'
import { WeirError } from '../base/errors.ts'

const batchesWaitingMax = 4
/** A server that has not taken anything is soon given up: 3 s. One that has may be starting anew: a minute. */
const attempts = { first: 5, later: 16 } as const
const pauseMilliseconds = { first: 200, longest: 5000 } as const

export class BatchSender {
  readonly #project: string
  readonly #logstore: string
  readonly #flowLog: string
  readonly #run = randomUUID()
  #number = 0
  #waiting = 0
  #stored = false
  #sent: Promise<void> = Promise.resolve()
  #failure: unknown

  /**
   * @param into PROJECT/LOGSTORE
   * @param flowLog what its batches are told apart by from those of other programs
   */
  constructor(into: string, flowLog: string) {
    const [project, logstore, ...rest] = into.split('/')
    if (!project || !logstore || rest.length > 0)
      throw new WeirError('Usage', `--into is ${JSON.stringify(into)}, not PROJECT/LOGSTORE`, {
        hint: 'Such as --into weir/flow-log',
      })
    this.#project = project
    this.#logstore = logstore
    this.#flowLog = flowLog
  }

  /** Its logstore is there when it resolves. */
  create(server: string): Promise<void> {
    return makeLogstore(server, { project: this.#project, logstore: this.#logstore })
  }

  /** @param put sends one batch; it is called again when the server was not there to take it */
  send(put: (target: RecordsTarget) => Promise<unknown>): void {
    const target = {
      project: this.#project,
      logstore: this.#logstore,
      id: { flowLog: this.#flowLog, run: this.#run, number: this.#number++ },
    }
    this.#waiting++
    this.#sent = this.#sent.then(async () => {
      if (this.#failure === undefined) await this.#put(() => put(target))
      this.#waiting--
    })
  }

  /** Resolves when the server keeps up. Throws what it refused. */
  async drain(): Promise<void> {
    if (this.#waiting >= batchesWaitingMax) await this.#sent
    this.#throwFailure()
  }

  /** Resolves when every record is on the server's disk. */
  async finish(): Promise<void> {
    await this.#sent
    this.#throwFailure()
  }

  #throwFailure(): void {
    if (this.#failure === undefined) return
    if (!(this.#failure instanceof WeirError)) throw this.#failure
    const { code, message, hint = '--create makes it' } = this.#failure
    if (code !== 'ProjectNotExist' && code !== 'LogStoreNotExist') throw this.#failure
    throw new WeirError(code, message, { hint, cause: this.#failure })
  }

  /** A batch sent twice is stored once, so a lost answer is no reason to give up. */
  async #put(put: () => Promise<unknown>): Promise<void> {
    let pause: number = pauseMilliseconds.first
    for (let attempt = 1; ; attempt++) {
      try {
        await put()
        this.#stored = true
        return
      } catch (error) {
        const code = error instanceof WeirError ? error.code : undefined
        const passes =
          code === 'ServerUnreachable' || code === 'StorageFull' || code === 'WriteQuotaExceed'
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
