import { randomInt } from 'node:crypto'
import { basename, join } from 'node:path'
import { WeirError } from './errors.ts'
import type { Disk, DiskFile } from './disk.ts'
import { isFull } from './disk.ts'
import type { LogFileState } from './append-log-recovery.ts'
import type { LogPlace, LogRecord } from './append-log-record.ts'
import {
  encodeRecords,
  logFileName,
  logHeaderBytes,
  parseLogFileName,
} from './append-log-record.ts'

export interface LogLimits {
  readonly logFileBytes: number
  readonly groupBytesMax: number
  readonly reserveBytes: number
}

/** A record on its way into the log. */
export interface LogEntry {
  readonly stream: number
  readonly time: number
  readonly body: Buffer
  /** Called once it is synced, in sequence order, before anything else can happen. */
  onDurable(record: LogRecord, place: LogPlace): void
}

interface Waiting extends LogEntry {
  resolve(): void
  reject(error: unknown): void
}

interface OpenFile extends LogFileState {
  readonly file: DiskFile
  readonly salt: number
}

/**
 * The end of the log. Entries that arrive while a sync runs share the next one (group commit). A
 * group that cannot be written whole leaves nothing behind: the file is cut back to the last good
 * record, since a torn record in the middle would hide every later one.
 */
export class LogWriter {
  readonly #disk: Disk
  readonly #folder: string
  readonly #limits: LogLimits
  #closed: LogFileState[]
  #open: OpenFile | undefined
  #nextSequence: number
  #queue: Waiting[] = []
  #running: Promise<void> | undefined
  /** Set when the end of the log is not known any more: only opening again finds it. */
  #broken: WeirError | undefined
  syncs = 0

  constructor(
    disk: Disk,
    folder: string,
    limits: LogLimits,
    state: { files: readonly LogFileState[]; nextSequence: number },
  ) {
    this.#disk = disk
    this.#folder = folder
    this.#limits = limits
    this.#closed = [...state.files]
    this.#nextSequence = state.nextSequence
  }

  /** The sequence of the last record that was synced. */
  get lastSequence(): number {
    return this.#nextSequence - 1
  }

  /** What was written last may be in the log or not: only opening again tells. */
  get isBroken(): boolean {
    return this.#broken !== undefined
  }

  get bytes(): number {
    return [...this.#closed, ...(this.#open ? [this.#open] : [])].reduce(
      (sum, f) => sum + f.bytes,
      0,
    )
  }

  /** Resolved after fdatasync. Throws StorageFull (send again later) and StorageBroken. */
  append(entry: LogEntry): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({
        stream: entry.stream,
        time: entry.time,
        body: entry.body,
        onDurable: (record, place) => entry.onDurable(record, place),
        resolve,
        reject,
      })
      this.#running ??= this.#run()
    })
  }

  /** Removes closed files that hold nothing above `sequence`; damaged ones are kept under another name. */
  async free(sequence: number): Promise<void> {
    const isFree = (file: LogFileState) => file.lastSequence <= sequence
    const free = this.#closed.filter(isFree)
    this.#closed = this.#closed.filter((file) => !isFree(file))
    for (let file = free.shift(); file; file = free.shift())
      try {
        if (file.damaged) await this.#disk.publish(file.path, `${file.path}.damaged`)
        else await this.#disk.remove(file.path)
      } catch (error) {
        this.#closed.unshift(file, ...free)
        throw error
      }
  }

  /** The sequence of the first record there is a file for; undefined when there is no file. */
  get firstSequence(): number | undefined {
    const first = this.#closed[0] ?? this.#open
    return first && parseLogFileName(basename(first.path))?.firstSequence
  }

  /** Those there are, oldest first, with the bytes that hold records. */
  files(): readonly { readonly path: string; readonly bytes: number }[] {
    return [...this.#closed, ...(this.#open ? [this.#open] : [])].map(({ path, bytes }) => ({
      path,
      bytes,
    }))
  }

  /** A file of which a record could not be read again: `free` will keep it. */
  markDamaged(path: string): void {
    const file = [...this.#closed, ...(this.#open ? [this.#open] : [])].find(
      (each) => each.path === path,
    )
    if (file) file.damaged = true
  }

  /** Whether `free` would remove something. */
  hasFree(sequence: number): boolean {
    return this.#closed.some((file) => file.lastSequence <= sequence)
  }

  /** Waits for what is queued and closes the file. What is appended later begins another. */
  async close(): Promise<void> {
    while (this.#running) await this.#running
    await this.#roll()
  }

  async #run(): Promise<void> {
    await Promise.resolve() // appends of the same turn join the first group
    while (this.#queue.length > 0) {
      const group = this.#takeGroup()
      try {
        await this.#write(group)
        for (const each of group) each.resolve()
      } catch (error) {
        for (const each of group) each.reject(error)
      }
    }
    this.#running = undefined
  }

  #takeGroup(): Waiting[] {
    let bytes = 0
    let count = 0
    for (const { body } of this.#queue) {
      bytes += logHeaderBytes + body.length
      if (count > 0 && bytes > this.#limits.groupBytesMax) break
      count++
    }
    return this.#queue.splice(0, count)
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    if (this.#broken) throw this.#broken
    const records = group.map(({ stream, time, body }, index) => ({
      sequence: this.#nextSequence + index,
      stream,
      time,
      body,
    }))
    const need = group.reduce((sum, { body }) => sum + logHeaderBytes + body.length, 0)
    if (this.#disk.freeBytes(this.#folder) < this.#limits.reserveBytes + need)
      throw full(this.#folder, 'the disk has less free space than the reserve')
    const open = await this.#fileForWriting()
    await this.#writeAndSync(open, encodeRecords(records, open.salt))
    let at = open.bytes
    open.bytes += need
    open.lastSequence = this.#nextSequence + records.length - 1
    this.#nextSequence += records.length
    records.forEach((record, index) => {
      group[index]?.onDurable(record, { path: open.path, at })
      at += logHeaderBytes + record.body.length
    })
    if (open.bytes >= this.#limits.logFileBytes) await this.#roll()
  }

  async #writeAndSync(open: OpenFile, bytes: Buffer): Promise<void> {
    try {
      const written = await open.file.write(bytes, open.bytes)
      if (written < bytes.length)
        throw full(open.path, `only ${written} of ${bytes.length} bytes fit`)
    } catch (error) {
      await this.#cutBack(open)
      throw isFull(error) ? full(open.path, 'no space left', error) : wrap(open.path, error)
    }
    try {
      await open.file.sync()
      this.syncs++
    } catch (error) {
      if (!isFull(error))
        throw (this.#broken = broken(open, 'the disk did not sync the log', error))
      await this.#cutBack(open)
      throw full(open.path, 'no space left', error)
    }
  }

  async #cutBack(open: OpenFile): Promise<void> {
    try {
      await open.file.truncate(open.bytes)
    } catch (error) {
      this.#broken = broken(open, 'the log could not be cut back after a failed write', error)
    }
  }

  async #fileForWriting(): Promise<OpenFile> {
    if (this.#open) return this.#open
    const salt = randomInt(2 ** 32)
    const path = join(this.#folder, logFileName({ firstSequence: this.#nextSequence, salt }))
    try {
      const file = await this.#disk.create(path)
      const lastSequence = this.#nextSequence - 1
      return (this.#open = { path, file, salt, bytes: 0, lastSequence, damaged: false })
    } catch (error) {
      throw isFull(error) ? full(path, 'no space left', error) : wrap(path, error)
    }
  }

  async #roll(): Promise<void> {
    const open = this.#open
    if (!open) return
    this.#open = undefined
    this.#closed.push(open)
    await open.file.close()
  }
}

const full = (place: string, why: string, cause?: unknown): WeirError =>
  new WeirError('StorageFull', `nothing was stored: ${why}`, {
    place,
    hint: 'free space or shorten the time to live, then send it again',
    cause,
  })

const broken = (open: OpenFile, why: string, cause: unknown): WeirError =>
  new WeirError('StorageBroken', why, {
    place: `byte ${open.bytes} of ${open.path}`,
    hint: 'check the disk and start again; everything acknowledged is kept',
    cause,
  })

const wrap = (place: string, error: unknown): unknown =>
  error instanceof WeirError
    ? error
    : new WeirError('StorageBroken', 'the log could not be written', { place, cause: error })
