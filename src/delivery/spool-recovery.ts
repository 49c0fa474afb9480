import type { LogPlace } from '../base/append-log-record.ts'
import type { Disk } from '../base/disk.ts'
import { DoneEntries } from './done-entries.ts'
import { decodeEntry } from './spool-entry.ts'
import { recoverWhole, type SpoolNotes } from './spool-notes.ts'

/** An entry that is not delivered: where it lies, and how many of its parcels are left. */
export interface WaitingEntry {
  readonly sequence: number
  readonly place: LogPlace
  readonly bytes: number
  readonly time: number
  left: number
}

/** Reads the entries there are: their notes go to `notes`, and what waits is returned, in order. */
export async function recoverEntries(disk: Disk, folder: string, notes: SpoolNotes) {
  const waiting: WaitingEntry[] = []
  const recovered = await recoverWhole(disk, folder, ({ sequence, time, body }, place) => {
    const { eni, order, note, parcels } = decodeEntry(body)
    if (note !== undefined) notes.seeEntry(eni, order, note, sequence)
    if (parcels.length > 0 && !notes.done.has(sequence))
      waiting.push({ sequence, place, bytes: body.length, time, left: parcels.length })
  })
  const last = Math.max(recovered.lastSequence, notes.done.highest)
  notes.recovered(last, new DoneEntries(allBut(waiting, last)))
  return { ...recovered, waiting, nextSequence: last + 1 }
}

/** Delivered are all entries there were, but those that wait: also what damage took. */
function allBut(waiting: readonly WaitingEntry[], last: number) {
  const above: [number, number][] = []
  waiting.forEach(({ sequence }, index) => {
    const next = waiting[index + 1]?.sequence ?? last + 1
    if (next > sequence + 1) above.push([sequence + 1, next - 1])
  })
  return { through: (waiting[0]?.sequence ?? last + 1) - 1, above }
}
