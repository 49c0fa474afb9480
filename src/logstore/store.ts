import { WeirError } from '../base/errors.ts'
import type { BatchId, ColumnBatch, ColumnSpec } from '../base/columns.ts'
import type { Background } from './background.ts'
import { encodeBatch, setShard } from '../base/batch-codec.ts'
import type { LogstoreEntry } from './catalogue.ts'
import { checkBatch, factsOf, newColumns } from './check-batch.ts'
import type {
  AppendOptions,
  Attribute,
  Damage,
  LeaseOptions,
  Logstore,
  LogstoreAccount,
  LogstoreOptions,
  LogStore,
  LogStoreStats,
  Project,
  ProjectOptions,
  RollupSpec,
  SegmentLease,
  Shard,
  SplitOptions,
  VerifyOptions,
} from './contract.ts'
import { accountsOf } from './accounts.ts'
import { keyOf } from './delivered.ts'
import { logstoreGone, publicLogstore } from './directory.ts'
import { asStorageError } from './flush.ts'
import { type LeaseRange, leaseRows, mustFlush } from './hot-lease.ts'
import { HotRoom } from './hot-room.ts'
import type { LogRecord } from '../base/append-log-record.ts'
import type { LogWriter } from '../base/append-log-writer.ts'
import type { AttributeOwner } from './attributes.ts'
import { checkColumns, invalid } from './names.ts'
import type { StoreParts } from './parts.ts'
import { verifyStore } from './verify.ts'

/** An open data directory: checks, orders and hands on; the parts do the work. */
export class OpenStore implements LogStore {
  readonly #parts: StoreParts
  readonly #log: LogWriter
  readonly #background: Background
  readonly #release: () => void
  readonly #room: HotRoom
  /** Batches with an id on their way into the log, by logstore and id. */
  readonly #inFlight = new Map<string, Promise<void>>()
  #closed: Promise<void> | undefined

  constructor(parts: StoreParts, log: LogWriter, background: Background, release: () => void) {
    this.#parts = parts
    this.#log = log
    this.#background = background
    this.#release = release
    this.#room = new HotRoom(parts.hot, parts.config, () => background.flushAll())
  }

  createProject(name: string, options: ProjectOptions): void {
    this.#checkOpen()
    this.#parts.directory.createProject(name, options, this.#parts.now())
  }

  updateProject(name: string, { description }: { readonly description: string }): void {
    this.#checkOpen()
    this.#parts.directory.updateProject(name, description, this.#parts.now())
  }

  async deleteProject(name: string): Promise<void> {
    this.#checkOpen()
    await this.#remove(this.#parts.directory.logstores(name), () =>
      this.#parts.catalogue.removeProject(name),
    )
  }

  projects(): readonly Project[] {
    return this.#parts.directory.projects()
  }

  createLogstore(project: string, name: string, options: LogstoreOptions): void {
    this.#checkOpen()
    this.#parts.directory.createLogstore(project, name, options, this.#parts.now())
  }

  async deleteLogstore(project: string, name: string): Promise<void> {
    this.#checkOpen()
    await this.#remove([this.#parts.directory.logstore(project, name)], () => undefined)
  }

  logstores(project: string): readonly Logstore[] {
    return this.#parts.directory.logstores(project).map(publicLogstore)
  }

  updateTtl(project: string, logstore: string, ttlDays: number): void {
    this.#checkOpen()
    this.#parts.directory.updateTtl(project, logstore, ttlDays, this.#parts.now())
  }

  addColumns(project: string, name: string, specs: readonly ColumnSpec[]): readonly ColumnSpec[] {
    this.#checkOpen()
    const { directory } = this.#parts
    return directory.addColumns(directory.logstore(project, name), specs).columns
  }

  attribute(project: string, logstore: string | undefined, key: string): unknown {
    return this.#parts.attributes.get(this.#ownerOf(project, logstore), key)
  }

  attributes(project: string, logstore: string | undefined, prefix: string): readonly Attribute[] {
    return this.#parts.attributes.list(this.#ownerOf(project, logstore), prefix)
  }

  setAttributes(
    project: string,
    logstore: string | undefined,
    changes: ReadonlyMap<string, unknown>,
  ): void {
    const { attributes, catalogue } = this.#parts
    const owner = this.#ownerOf(project, logstore)
    catalogue.transaction(() => attributes.set(owner, changes))
  }

  columns(project: string, logstore: string): readonly ColumnSpec[] {
    return this.#parts.directory.logstore(project, logstore).columns
  }

  async append(
    project: string,
    name: string,
    batch: ColumnBatch,
    options: AppendOptions = {},
  ): Promise<{ stored: boolean }> {
    this.#checkOpen()
    const { counters } = this.#parts
    try {
      const logstore = this.#parts.directory.logstore(project, name)
      const body = this.#encode(logstore, batch, options)
      const facts = factsOf(batch)
      const work = () => this.#write(logstore, options, body, facts)
      const stored = options.id
        ? await this.#appendOnce(logstore, options.id, work)
        : await work().then(() => true)
      if (!stored) counters.duplicateBatches++
      return { stored }
    } catch (error) {
      counters.refusedBatches++
      throw error
    }
  }

  isStored(project: string, name: string, id: BatchId): boolean {
    this.#checkOpen()
    const { delivered, directory } = this.#parts
    const logstore = directory.all().find((each) => each.project === project && each.name === name)
    return logstore !== undefined && delivered.has(logstore.id, id)
  }

  acknowledged(): number {
    return this.#parts.hot.lastSequence
  }

  lease(
    project: string,
    name: string,
    from: number,
    to: number,
    options: LeaseOptions = {},
  ): Promise<SegmentLease> {
    const choose = (id: number) => this.#parts.segments.overlapping(id, from, to)
    return this.#lease(project, name, { choose, from, to }, options)
  }

  rollups(project: string, logstore: string): readonly RollupSpec[] {
    return this.#parts.directory.logstore(project, logstore).rollups
  }

  leaseReceived(project: string, name: string, from: number, to: number): Promise<SegmentLease> {
    const choose = (id: number) => this.#parts.segments.received(id, from, to)
    return this.#lease(project, name, { choose, from, to }, {})
  }

  sealedThrough(): number {
    this.#checkOpen()
    try {
      return this.#parts.received.sealedThrough()
    } catch (error) {
      throw asStorageError(error, 'catalogue.db')
    }
  }

  shards(project: string, logstore: string): readonly Shard[] {
    return this.#parts.shards.of(this.#parts.directory.logstore(project, logstore).id)
  }

  splitShard(
    project: string,
    name: string,
    id: number,
    options: SplitOptions = {},
  ): readonly Shard[] {
    this.#checkOpen()
    const { directory, received, shards } = this.#parts
    return shards.split(directory.logstore(project, name).id, id, options, received.read())
  }

  mergeShards(project: string, name: string, id: number): readonly Shard[] {
    this.#checkOpen()
    const { directory, received, shards } = this.#parts
    return shards.merge(directory.logstore(project, name).id, id, received.read())
  }

  verify(options: VerifyOptions = {}): Promise<readonly Damage[]> {
    this.#checkOpen()
    return verifyStore(this.#parts, this.#log, (work) => this.#background.alone(work), options)
  }

  accounts(): readonly LogstoreAccount[] {
    this.#checkOpen()
    return accountsOf(this.#parts)
  }

  async maintain(): Promise<void> {
    this.#checkOpen()
    await this.#background.flushAll()
    await this.#background.maintain()
  }

  stats(): LogStoreStats {
    const { counters, hot, segments } = this.#parts
    const totals = segments.totals()
    return {
      ...counters,
      syncs: this.#log.syncs,
      hotRows: hot.rows,
      hotBytes: hot.bytes,
      logBytes: this.#log.bytes,
      segments: totals.segments,
      segmentRows: totals.rows,
      segmentBytes: totals.bytes,
      rollups: totals.rollups,
      rollupBytes: totals.rollupBytes,
      pendingDeletes: segments.pendingDeletes().length,
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #lease(
    project: string,
    name: string,
    range: LeaseRange,
    options: LeaseOptions,
  ): Promise<SegmentLease> {
    this.#checkOpen()
    const { id } = this.#parts.directory.logstore(project, name)
    const through = options.through ?? this.acknowledged()
    const question = { ...range, logstore: id, through }
    if (mustFlush(this.#parts.hot, question, options.hot)) await this.#background.reach(id, through)
    this.#checkOpen()
    const { columns } = this.#parts.directory.logstore(project, name)
    return leaseRows(this.#parts, question, columns, options)
  }

  #ownerOf(project: string, logstore: string | undefined): AttributeOwner {
    this.#checkOpen()
    const { directory } = this.#parts
    if (logstore === undefined) return { project: directory.project(project).name, logstore: 0 }
    return { project, logstore: directory.logstore(project, logstore).id }
  }

  /** A batch that is refused adds no column. */
  #encode(logstore: LogstoreEntry, batch: ColumnBatch, options: AppendOptions): Buffer {
    const added = logstore.openColumns ? newColumns(batch, logstore.kinds) : []
    if (added.length > 0) checkColumns([...logstore.columns, ...added])
    const addedKinds = added.map(({ name, kind }) => [name, kind] as const)
    const kinds = added.length > 0 ? new Map([...logstore.kinds, ...addedKinds]) : logstore.kinds
    checkBatch(batch, kinds, options, this.#parts.config)
    const body = encodeBatch(batch, { ...options, shard: 0 }) // its own is chosen when it is written
    const { batchBytesMax } = this.#parts.config
    if (body.length > batchBytesMax)
      throw invalid(
        `a batch has at most ${batchBytesMax} bytes, not ${body.length}`,
        'send it in parts',
      )
    this.#parts.directory.addColumns(logstore, added)
    return body
  }

  /** A repeat waits for the first: only when that one failed is the repeat written. */
  async #appendOnce(
    logstore: LogstoreEntry,
    id: BatchId,
    write: () => Promise<void>,
  ): Promise<boolean> {
    const key = `${keyOf(logstore.id, id)}${id.number}`
    for (let first = this.#inFlight.get(key); first; first = this.#inFlight.get(key))
      await first.catch(() => undefined)
    if (this.#parts.delivered.has(logstore.id, id)) return false
    const work = write()
    this.#inFlight.set(key, work)
    try {
      await work
      return true
    } finally {
      this.#inFlight.delete(key)
    }
  }

  async #write(
    logstore: LogstoreEntry,
    options: AppendOptions,
    body: Buffer,
    facts: ReturnType<typeof factsOf>,
  ): Promise<void> {
    const { rows } = facts
    const wait = this.#room.enter(rows, body.length)
    if (wait) await wait // else it is in this turn that the receive time is given
    try {
      await this.#writeNow(logstore, options, body, facts)
    } finally {
      this.#room.leave(rows, body.length)
    }
  }

  async #writeNow(
    logstore: LogstoreEntry,
    options: AppendOptions,
    body: Buffer,
    facts: ReturnType<typeof factsOf>,
  ): Promise<void> {
    const { directory, received, shards } = this.#parts
    this.#checkOpen()
    if (!directory.has(logstore.id)) throw logstoreGone(logstore.project, logstore.name)
    setShard(body, shards.choose(logstore.id, options))
    const time = received.begin() // in one turn with the choice: a split comes before both or after
    try {
      await this.#log.append({
        stream: logstore.id,
        time,
        body,
        onDurable: (record) => this.#becameDurable(record, options.id, facts),
      })
    } finally {
      if (!this.#log.isBroken) received.end(time)
    }
    if (!directory.has(logstore.id)) throw logstoreGone(logstore.project, logstore.name)
  }

  #becameDurable(
    record: LogRecord,
    id: BatchId | undefined,
    facts: ReturnType<typeof factsOf>,
  ): void {
    const { counters, delivered, directory, hot } = this.#parts
    const { sequence, time: receiveTime, body, stream: logstore } = record
    hot.note(sequence)
    if (!directory.has(logstore)) return
    hot.add(logstore, { sequence, receiveTime, body, id, ...facts })
    if (id) delivered.add(logstore, id)
    counters.appendedBatches++
    counters.appendedRows += facts.rows
    counters.appendedBytes += body.length
    this.#background.rowsCame(logstore)
  }

  async #remove(logstores: readonly LogstoreEntry[], more: () => void): Promise<void> {
    const { catalogue, delivered, directory, files, hot, segments, shards } = this.#parts
    catalogue.transaction(() => {
      for (const { id } of logstores) {
        segments.retire(segments.ofLogstore(id))
        delivered.removeLogstore(id)
        catalogue.removeLogstore(id)
      }
      more()
    })
    directory.reload()
    for (const { id } of logstores) {
      hot.drop(id, Infinity)
      shards.forget(id)
    }
    await files.sweep()
  }

  #checkOpen(): void {
    if (!this.#closed) return
    throw new WeirError('ServerError', 'the log store is closed', {
      hint: 'send it again when the server is back',
    })
  }

  async #close(): Promise<void> {
    await this.#log.close()
    await this.#background.stop()
    await this.#parts.files.stop()
    this.#parts.engine.close()
    this.#parts.catalogue.close()
    this.#release()
  }
}
