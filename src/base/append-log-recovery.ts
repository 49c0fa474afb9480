import { join } from 'node:path'
import { WeirError } from './errors.ts'
import type { Disk } from './disk.ts'
import type { LogPlace, LogRecord, LogSpan } from './append-log-record.ts'
import { logHeaderBytes, parseLogFileName, readRecords } from './append-log-record.ts'

/** A log file on disk. */
export interface LogFileState {
  readonly path: string
  bytes: number
  /** Of its last record; one below its first if it has none. */
  lastSequence: number
  /** Some of it could not be read: it is never removed. */
  damaged: boolean
}

export interface RecoveredLog {
  readonly files: readonly LogFileState[]
  readonly lastSequence: number
  /** StorageBroken, one a place. Unless damage was accepted, of the last group alone. */
  readonly damages: readonly WeirError[]
}

export interface RecoveryOptions {
  /** All records up to this sequence are kept elsewhere: damage among them harms nothing. */
  readonly coveredThrough: number
  readonly acceptDamage: boolean
}

interface Scan {
  sequence: number
  /** The first byte that was no record, with all before it good. */
  bad: { place: string } | undefined
  damages: WeirError[]
}

/**
 * Reads the log from its beginning and hands on every record, in order. Bytes at the very end that
 * are no record are what a crash tore off while writing: they were never acknowledged and are cut.
 * So are they when all records behind them were to be synced with them, as a power loss may leave any part
 * of such a group; but as a flipped bit looks the same, that is among the damages. Other bytes that are no
 * record and have records, or another file, behind them are damage: StorageBroken, and nothing on disk is
 * changed, unless `acceptDamage` asks for what can be read.
 */
export async function recoverLog(
  disk: Disk,
  folder: string,
  options: RecoveryOptions,
  onRecord: (record: LogRecord, place: LogPlace) => Promise<void> | void,
): Promise<RecoveredLog> {
  const names = (await disk.list(folder)).filter((name) => parseLogFileName(name))
  const scan: Scan = { sequence: options.coveredThrough, bad: undefined, damages: [] }
  const files: LogFileState[] = []
  for (const [index, name] of names.entries()) {
    const path = join(folder, name)
    const { firstSequence, salt } = parseLogFileName(name) ?? { firstSequence: 0, salt: 0 }
    if (index === 0) scan.sequence = Math.min(firstSequence - 1, options.coveredThrough)
    const bytes = await disk.read(path)
    let good = 0
    const next = parseLogFileName(names[index + 1] ?? '')
    const spans = [...readRecords(bytes, salt)]
    const whole = next || options.acceptDamage ? spans : withoutTornGroup(scan, spans, path)
    const damagesBefore = scan.damages.length
    for (const { at, record } of whole) {
      if (record && record.sequence > scan.sequence) {
        checkContinues(scan, record, `byte ${at} of ${path}`, options)
        good = at + logHeaderBytes + record.body.length
        await onRecord(record, { path, at })
      } else scan.bad ??= { place: `byte ${at} of ${path}` }
    }
    if (scan.bad && next) checkFileEnd(scan, scan.bad.place, next.firstSequence, options)
    const damaged = scan.damages.length > damagesBefore
    if (!next && good === 0 && !damaged) await disk.remove(path)
    else files.push({ path, bytes: good, lastSequence: scan.sequence, damaged })
    if (!next && good > 0 && good < bytes.length) await disk.truncate(path, good)
  }
  const lastSequence = Math.max(scan.sequence, options.coveredThrough)
  return { files, lastSequence, damages: scan.damages }
}

/** The spans of the last file but for a group at its end of which something is not there. */
function withoutTornGroup(scan: Scan, spans: readonly LogSpan[], path: string): readonly LogSpan[] {
  const bad = spans.findIndex(({ record }) => !record)
  const behind = spans.slice(bad + 1)
  const records = behind.filter(({ record }) => record).length
  if (bad < 0 || records === 0 || behind.some(({ record }) => record?.continues === false))
    return spans
  scan.damages.push(
    new WeirError('StorageBroken', `the end of the log is torn: ${records} records were cut off`, {
      place: `byte ${spans[bad]?.at} of ${path}`,
      hint: 'after a power loss they were never acknowledged; else they are lost',
    }),
  )
  return spans.slice(0, bad)
}

/** A file is synced to its end before the next is begun, so a bad end with a next file is damage. */
function checkFileEnd(
  scan: Scan,
  place: string,
  nextSequence: number,
  options: RecoveryOptions,
): void {
  if (nextSequence - 1 > options.coveredThrough) report(scan, place, options)
  scan.bad = undefined
}

function checkContinues(
  scan: Scan,
  record: LogRecord,
  place: string,
  options: RecoveryOptions,
): void {
  const lost = record.sequence - scan.sequence - 1
  if (lost !== 0 && record.sequence - 1 > options.coveredThrough)
    report(scan, scan.bad?.place ?? place, options, lost)
  scan.bad = undefined
  scan.sequence = record.sequence
}

function report(scan: Scan, place: string, options: RecoveryOptions, lost?: number): void {
  const what = lost === undefined ? 'records' : `${lost} records`
  const error = new WeirError('StorageBroken', `the log is damaged: ${what} cannot be read`, {
    place,
    hint: 'restore the file from a copy, or open with acceptDamage to keep all the rest',
  })
  if (!options.acceptDamage) throw error
  scan.damages.push(error)
}
