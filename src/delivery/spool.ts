/**
 * What was captured and is not delivered yet, on disk: "spools to disk with fsync when the server is
 * away, gives up nothing". An entry is a closed window of an ENI: its parcels and a note, there whole
 * or not at all, whatever ends the process. A note is what its owner must remember of an ENI, such as
 * where its open totals stood; the latest one counts.
 *
 *     DIR/lock.db lock.pid                    one process
 *     DIR/entries/SEQUENCE-SALT.log           entries, until all of a file and before it are delivered
 *     DIR/notes/SEQUENCE-SALT.log             notes, and which entries are delivered (spool-notes.ts)
 *
 * Entries are never deleted undelivered. When there is no room a new one is refused: SpoolFull.
 */
import { basename } from 'node:path'
import type { LogWriter } from '../base/append-log-writer.ts'
import { logHeaderBytes, parseLogFileName, readRecords } from '../base/append-log-record.ts'
import { assert } from '../base/assert.ts'
import type { Disk } from '../base/disk.ts'
import { WeirError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Parcel } from './parcel.ts'
import {
  decodeEntry,
  decodeParcel,
  type EncodedEntry,
  type EncodedParcel,
  encodeEntry,
} from './spool-entry.ts'
import type { SpoolNotes } from './spool-notes.ts'
import type { WaitingEntry } from './spool-recovery.ts'

export interface SpoolEntry {
  readonly eni: string
  readonly parcels: readonly (Parcel | EncodedParcel)[]
  /** JSON, the ENI's new note; undefined leaves the note as it is. */
  readonly note: unknown
}

export interface SpooledParcel {
  readonly eni: string
  readonly parcel: Parcel
  /** The entry's number. */
  readonly entry: number
}

export interface SpoolStats {
  /** Not delivered yet. */
  readonly entries: number
  readonly parcels: number
  /** Of entries on disk, delivered ones among them that share a file with others. */
  readonly bytes: number
  /** When the oldest of them was put, Unix seconds. */
  readonly oldest: number | undefined
  /** Whether the last entry was refused, and no room was made since. */
  readonly full: boolean
  /** Entries refused because the spool was full, since it was opened. */
  readonly refused: number
  /** Places on disk that could not be read, since it was opened. The files are kept, as `NAME.damaged`. */
  readonly damages: number
  /** Work in the background that failed and is tried again. */
  readonly failures: number
}

/** What `openSpool` puts together. */
export interface SpoolParts {
  readonly root: string
  readonly disk: Disk
  readonly now: () => number
  readonly log: Log
  readonly bytesMax: number
  readonly notes: SpoolNotes
  readonly writer: LogWriter
  readonly waiting: WaitingEntry[]
  readonly damages: number
  readonly failures: { count: number }
  readonly onFailure: (what: string, error: unknown) => void
  readonly release: () => void
}

export class Spool {
  readonly #parts: SpoolParts
  /** Not delivered, in order; taken ones among them. */
  readonly #undelivered: Map<number, WaitingEntry>
  /** Of them, those not taken yet, from `#next` on. */
  readonly #untaken: WaitingEntry[]
  #next = 0
  /** What `take` reads from, with the number of the next parcel. */
  #open: { readonly waiting: WaitingEntry; readonly entry: EncodedEntry; next: number } | undefined
  #parcels: number
  #bytesComing = 0
  #full = false
  #refused = 0
  #damages: number
  #freeing: Promise<void> | undefined
  #onArrival = (): void => {}

  constructor(parts: SpoolParts) {
    this.#parts = parts
    this.#undelivered = new Map(parts.waiting.map((each) => [each.sequence, each]))
    this.#untaken = parts.waiting
    this.#parcels = parts.waiting.reduce((sum, { left }) => sum + left, 0)
    this.#damages = parts.damages
    void this.#free()
  }

  /**
   * Adds an entry: all its parcels and its note, or nothing. On disk and synced when it resolves; entries
   * of the same time share a sync. Throws SpoolFull: what is there stays, this entry is not taken;
   * StorageBroken: only opening the spool again finds what is there.
   */
  async put(entry: SpoolEntry): Promise<void> {
    const order = this.#parts.notes.beginPut(entry.eni)
    try {
      await this.#append(entry, order)
      this.#full = false
    } catch (error) {
      const refusal = asFull(error)
      if (refusal instanceof WeirError && refusal.code === 'SpoolFull') {
        this.#full = true
        this.#refused++
      }
      throw refusal
    } finally {
      this.#parts.notes.endPut(entry.eni, order)
    }
  }

  async #append({ eni, parcels, note }: SpoolEntry, order: number): Promise<void> {
    const { notes, writer, now } = this.#parts
    const text = note === undefined ? undefined : JSON.stringify(note)
    const body = encodeEntry(eni, order, text, parcels)
    const bytes = logHeaderBytes + body.length
    await this.#makeRoom(bytes)
    try {
      await writer.append({
        stream: 0,
        time: now(),
        body,
        onDurable: ({ sequence, time }, place) => {
          if (text !== undefined) notes.seeEntry(eni, order, text, sequence)
          this.#came({ sequence, place, bytes: body.length, time, left: parcels.length })
        },
      })
    } finally {
      this.#bytesComing -= bytes
    }
  }

  /**
   * Replaces the notes of these ENIs. Durable when it resolves. Who journals while an entry of the same ENI is
   * being put cannot know yet whether it is: if it is, its note counts. Throws SpoolFull, StorageBroken.
   */
  async journal(notes: ReadonlyMap<string, unknown>): Promise<void> {
    await this.#write([...notes].map(([eni, note]) => [eni, JSON.stringify(note)]))
  }

  /** The ENI has no note any more. Durable when it resolves. Throws SpoolFull, StorageBroken. */
  async forget(eni: string): Promise<void> {
    await this.#write([[eni, undefined]])
  }

  /** The latest note of each ENI. */
  notes(): ReadonlyMap<string, unknown> {
    return this.#parts.notes.latest()
  }

  /**
   * The next parcels, the oldest first, at most `max`; none when all are taken. They are read from disk:
   * in memory are those that were taken, and the bytes of one entry. One caller at a time. What is
   * not `done` is there again when the spool is opened again. Throws StorageBroken.
   */
  async take(max: number): Promise<SpooledParcel[]> {
    const taken: SpooledParcel[] = []
    while (taken.length < max) {
      this.#open ??= await this.#read()
      if (this.#open === undefined) break
      const { waiting, entry } = this.#open
      const parcel = entry.parcels[this.#open.next++]
      if (parcel === undefined) this.#open = undefined
      else taken.push({ eni: entry.eni, parcel: decodeParcel(parcel), entry: waiting.sequence })
    }
    return taken
  }

  /** Calls one listener whenever there is more to take. */
  onArrival(listener: () => void): void {
    this.#onArrival = listener
  }

  /** The parcel is delivered. A crash soon after may forget that: it comes again. */
  done({ entry }: SpooledParcel): void {
    const waiting = this.#undelivered.get(entry)
    assert(waiting !== undefined, 'a parcel that is delivered was waiting')
    this.#parcels--
    if (--waiting.left > 0) return
    this.#undelivered.delete(entry)
    this.#parts.notes.done.add(entry)
    void this.#free()
  }

  stats(): SpoolStats {
    const { writer, failures } = this.#parts
    const [oldest] = this.#undelivered.values()
    return {
      entries: this.#undelivered.size,
      parcels: this.#parcels,
      bytes: writer.bytes,
      oldest: oldest?.time,
      full: this.#full,
      refused: this.#refused,
      damages: this.#damages,
      failures: failures.count,
    }
  }

  /** Waits for what is being written. What is not delivered stays. */
  async close(): Promise<void> {
    const { notes, writer, release } = this.#parts
    try {
      await this.#freeing
      await writer.close()
      await this.#free()
      await notes.close()
    } finally {
      release()
    }
  }

  #came(waiting: WaitingEntry): void {
    if (waiting.left === 0) {
      this.#parts.notes.done.add(waiting.sequence)
      return
    }
    this.#undelivered.set(waiting.sequence, waiting)
    this.#untaken.push(waiting)
    this.#parcels += waiting.left
    this.#onArrival()
  }

  async #write(notes: readonly (readonly [eni: string, text: string | undefined])[]) {
    const { notes: kept, writer } = this.#parts
    const entry = (text: string | undefined): number =>
      text === undefined ? writer.lastSequence : 0
    try {
      await kept.write(
        new Map(
          notes.map(([eni, text]) => [
            eni,
            { order: kept.orderFor(eni), text, entry: entry(text) },
          ]),
        ),
      )
    } catch (error) {
      throw asFull(error)
    }
  }

  /** Counts the bytes as coming. */
  async #makeRoom(bytes: number): Promise<void> {
    const { bytesMax, writer, root } = this.#parts
    const fits = (): boolean => {
      const room = writer.bytes + this.#bytesComing + bytes <= bytesMax
      if (room) this.#bytesComing += bytes
      return room
    }
    if (fits()) return
    await this.#freeing
    if (this.#undelivered.size === 0 && this.#bytesComing === 0) {
      await writer.close() // all in it is delivered
      await this.#free()
    }
    if (fits()) return
    throw new WeirError(
      'SpoolFull',
      `the spool is full: ${writer.bytes} of ${bytesMax} bytes are taken, ${bytes} are needed`,
      {
        place: root,
        hint: 'What is in it waits for its server; give it more room if that is away',
      },
    )
  }

  /** The next entry that was not taken. One that cannot be read is left on disk and counted. */
  async #read(): Promise<{ waiting: WaitingEntry; entry: EncodedEntry; next: number } | undefined> {
    for (;;) {
      const waiting = this.#untaken[this.#next]
      if (waiting === undefined) return undefined
      const body = await this.#bodyOf(waiting)
      if (++this.#next === 1024) {
        this.#untaken.splice(0, this.#next)
        this.#next = 0
      }
      if (body !== undefined) return { waiting, entry: decodeEntry(body), next: 0 }
      this.#setAside(waiting)
    }
  }

  async #bodyOf({ place, bytes, sequence }: WaitingEntry): Promise<Buffer | undefined> {
    const { path, at } = place
    let read: Buffer
    try {
      read = await this.#parts.disk.readPart(path, at, logHeaderBytes + bytes)
    } catch (cause) {
      throw new WeirError('StorageBroken', 'the spool could not be read', {
        place: `byte ${at} of ${path}`,
        hint: 'check the disk; what is in the spool is kept',
        cause,
      })
    }
    const [span] = readRecords(read, parseLogFileName(basename(path))?.salt ?? 0)
    return span?.record?.sequence === sequence ? span.record.body : undefined
  }

  #setAside(waiting: WaitingEntry): void {
    const { log, notes, writer } = this.#parts
    const { path, at } = waiting.place
    log.error('the spool is damaged: an entry cannot be read', { place: `byte ${at} of ${path}` })
    this.#damages++
    writer.markDamaged(path)
    this.#parcels -= waiting.left
    this.#undelivered.delete(waiting.sequence)
    notes.done.add(waiting.sequence)
    void this.#free()
  }

  /** Removes files of which all is delivered, once their notes are elsewhere. */
  async #free(): Promise<void> {
    const { notes, writer } = this.#parts
    if (writer.hasFree(notes.done.through)) this.#freeing ??= this.#freeAll()
    await this.#freeing
  }

  async #freeAll(): Promise<void> {
    const { notes, writer, onFailure } = this.#parts
    try {
      while (writer.hasFree(notes.done.through)) {
        const { through } = notes.done
        await notes.carry(through)
        await writer.free(through)
        notes.forgetBefore(writer.firstSequence ?? writer.lastSequence + 1)
        this.#full = false
      }
    } catch (error) {
      onFailure('removing what is delivered from the spool', error)
    } finally {
      this.#freeing = undefined
    }
  }
}

const asFull = (error: unknown): unknown =>
  error instanceof WeirError && error.code === 'StorageFull'
    ? new WeirError('SpoolFull', error.message, {
        ...(error.place === undefined ? {} : { place: error.place }),
        hint: 'Free space on the disk of the spool',
        cause: error,
      })
    : error
