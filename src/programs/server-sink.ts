/** `weir replay --into`: records as NDJSON batches to a running server. */
import { putRecords } from '../api/client.ts'
import type { EniIdentity, FlowRecordBatch } from '../record/batch.ts'
import { RecordTextWriter } from '../record/text.ts'
import { BatchSender } from './batch-sender.ts'

/** Well below the server's limits of 32 MiB and 100,000 lines. */
const batchBytes = 8 << 20

export class ServerSink {
  readonly #server: string
  readonly #sender: BatchSender
  readonly #writer: RecordTextWriter
  #parts: Uint8Array[] = []
  #bytes = 0

  /** @param into PROJECT/LOGSTORE */
  constructor(server: string, into: string, enis: readonly EniIdentity[]) {
    this.#server = server
    this.#sender = new BatchSender(into, 'replay')
    this.#writer = new RecordTextWriter(enis, (bytes) => this.#collect(bytes))
  }

  /** Its logstore is there when it resolves. */
  create(): Promise<void> {
    return this.#sender.create(this.#server)
  }

  readonly take = (records: FlowRecordBatch): void => this.#writer.write(records)

  /** Resolves when the server keeps up. Throws what it refused. */
  drain(): Promise<void> {
    return this.#sender.drain()
  }

  /** Resolves when every record is on the server's disk. */
  async finish(): Promise<void> {
    this.#writer.flush()
    this.#dispatch()
    await this.#sender.finish()
  }

  #collect(bytes: Uint8Array): void {
    this.#parts.push(bytes.slice())
    this.#bytes += bytes.length
    if (this.#bytes >= batchBytes) this.#dispatch()
  }

  #dispatch(): void {
    if (this.#bytes === 0) return
    const body = new Uint8Array(Buffer.concat(this.#parts))
    this.#parts = []
    this.#bytes = 0
    this.#sender.send((target) => putRecords(this.#server, target, body))
  }
}
