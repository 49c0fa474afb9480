/**
 * The spool's memory beside its entries: the latest note of each ENI, and which entries are delivered. A
 * log of its own, since notes come every second and entries may have to wait for days; it is begun
 * anew with all that still holds whenever it has grown. A record's body is JSON:
 *
 *     {"notes": [[ENI, order, note], [ENI, order], ...], "done": {"through": 7, "above": [[9, 12]]}}
 *
 * A note of two elements says that the ENI is forgotten.
 */
import { recoverLog } from '../base/append-log-recovery.ts'
import { parseLogFileName } from '../base/append-log-record.ts'
import { LogWriter } from '../base/append-log-writer.ts'
import type { Disk } from '../base/disk.ts'
import type { WeirError } from '../base/errors.ts'
import { DoneEntries, type DoneState } from './done-entries.ts'

export interface Note {
  readonly order: number
  /** JSON; undefined when the ENI was forgotten. */
  readonly text: string | undefined
  /** The entry that holds it and, for a forgotten ENI, the last one that may hold an older; else 0. */
  entry: number
}

interface NotesRecord {
  readonly notes: readonly (readonly [eni: string, order: number, note?: unknown])[]
  readonly done: DoneState
}

/** The log is begun anew above so many bytes, or above so many times what holds. */
const grown = { bytes: 1 << 20, times: 4 } as const

export interface NotesEffects {
  readonly disk: Disk
  /** Unix seconds. */
  readonly now: () => number
  /** Told of what fails in the background and is tried again. */
  readonly onFailure: (what: string, error: unknown) => void
}

export class SpoolNotes {
  done: DoneEntries
  readonly damages: readonly WeirError[]
  readonly #writer: LogWriter
  readonly #effects: NotesEffects
  readonly #byEni: Map<string, Note>
  #order: number
  /** Orders of the entries of an ENI that are being put, in order. */
  readonly #putting = new Map<string, readonly number[]>()
  #holds = 0
  /** Writes follow one another, so that what is written anew holds all that was written before. */
  #turn: Promise<void> = Promise.resolve()

  private constructor(
    writer: LogWriter,
    effects: NotesEffects,
    byEni: Map<string, Note>,
    done: DoneEntries,
    damages: readonly WeirError[],
  ) {
    this.#writer = writer
    this.#effects = effects
    this.#byEni = byEni
    this.done = done
    this.damages = damages
    this.#order = 0
    for (const { order } of byEni.values()) this.#order = Math.max(this.#order, order)
  }

  static async open(folder: string, effects: NotesEffects): Promise<SpoolNotes> {
    const { disk } = effects
    await disk.makeFolder(folder)
    const byEni = new Map<string, Note>()
    let done: DoneState | undefined
    const recovered = await recoverWhole(disk, folder, ({ body }) => {
      const record = JSON.parse(body.toString()) as NotesRecord
      done = record.done
      for (const [eni, order, ...note] of record.notes)
        see(byEni, eni, {
          order,
          text: note.length > 0 ? JSON.stringify(note[0]) : undefined,
          entry: 0,
        })
    })
    const limits = { logFileBytes: Infinity, groupBytesMax: Infinity, reserveBytes: 0 }
    const writer = new LogWriter(disk, folder, limits, {
      files: recovered.files,
      nextSequence: recovered.lastSequence + 1,
    })
    return new SpoolNotes(writer, effects, byEni, new DoneEntries(done), recovered.damages)
  }

  /** The order of the note of an entry that is about to be put. */
  beginPut(eni: string): number {
    const order = ++this.#order
    this.#putting.set(eni, [...(this.#putting.get(eni) ?? []), order])
    return order
  }

  /** The entry is there, or will not be. */
  endPut(eni: string, order: number): void {
    const rest = this.#putting.get(eni)?.filter((each) => each !== order) ?? []
    if (rest.length === 0) this.#putting.delete(eni)
    else this.#putting.set(eni, rest)
  }

  /** The order of a note that is about to be journalled: before any that is being put. */
  orderFor(eni: string): number {
    const [putting] = this.#putting.get(eni) ?? []
    return putting === undefined ? ++this.#order : putting - 0.5
  }

  /** A note that an entry holds. */
  seeEntry(eni: string, order: number, text: string, entry: number): void {
    this.#order = Math.max(this.#order, order)
    see(this.#byEni, eni, { order, text, entry })
  }

  /** The latest note of each ENI. */
  latest(): Map<string, unknown> {
    const notes = new Map<string, unknown>()
    for (const [eni, { text }] of this.#byEni)
      if (text !== undefined) notes.set(eni, JSON.parse(text))
    return notes
  }

  /** Durable when it resolves; with them, which entries are delivered. Throws StorageFull, StorageBroken. */
  write(notes: ReadonlyMap<string, Note>): Promise<void> {
    return this.#inTurn(async () => {
      await this.#append(notes)
      for (const [eni, note] of notes) see(this.#byEni, eni, note)
      if (this.#writer.bytes > Math.max(grown.bytes, grown.times * this.#holds))
        await this.#beginAnew()
    })
  }

  /** Writes here what would go with the entries up to this one. */
  async carry(through: number): Promise<void> {
    const held = [...this.#byEni].filter(
      ([, { text, entry }]) => text !== undefined && entry > 0 && entry <= through,
    )
    if (held.length === 0) return
    await this.write(new Map(held.map(([eni, note]) => [eni, { ...note, entry: 0 }])))
  }

  /** After all entries were seen. What was forgotten may have older notes in any of them. */
  recovered(lastEntry: number, done: DoneEntries): void {
    this.done = done
    for (const note of this.#byEni.values()) if (note.text === undefined) note.entry = lastEntry
  }

  /** Forgotten ENIs need not be remembered as such when no entry before this one is left. */
  forgetBefore(entry: number): void {
    for (const [eni, note] of this.#byEni)
      if (note.text === undefined && note.entry < entry) this.#byEni.delete(eni)
  }

  async close(): Promise<void> {
    try {
      await this.write(new Map())
    } finally {
      await this.#writer.close()
    }
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(work)
    this.#turn = mine.catch(() => undefined) // the caller of `mine` hears of it
    return mine
  }

  async #append(notes: ReadonlyMap<string, Note>): Promise<number> {
    const texts = [...notes].map(([eni, { order, text }]) =>
      text === undefined
        ? `[${JSON.stringify(eni)},${order}]`
        : `[${JSON.stringify(eni)},${order},${text}]`,
    )
    const body = Buffer.from(
      `{"notes":[${texts.join(',')}],"done":${JSON.stringify(this.done.state())}}`,
    )
    await this.#writer.append({ stream: 0, time: this.#effects.now(), body, onDurable: () => {} })
    return body.length
  }

  async #beginAnew(): Promise<void> {
    try {
      await this.#writer.close()
      const before = this.#writer.lastSequence
      const held = new Map(this.#byEni)
      this.#holds = await this.#append(held)
      await this.#writer.free(before)
      for (const note of held.values()) if (note.text !== undefined) note.entry = 0
    } catch (error) {
      this.#effects.onFailure('beginning the notes of the spool anew', error)
    }
  }
}

/** Of two notes of an ENI the later one stays, whichever comes first. */
function see(byEni: Map<string, Note>, eni: string, note: Note): void {
  const there = byEni.get(eni)
  if (there === undefined || there.order <= note.order) byEni.set(eni, note)
}

/** Everything of a log that can be read, from the first file there is. */
export async function recoverWhole(
  disk: Disk,
  folder: string,
  onRecord: Parameters<typeof recoverLog>[3],
): ReturnType<typeof recoverLog> {
  const first = (await disk.list(folder)).map(parseLogFileName).find((name) => name !== undefined)
  const coveredThrough = (first?.firstSequence ?? 1) - 1
  return await recoverLog(disk, folder, { coveredThrough, acceptDamage: true }, onRecord)
}
