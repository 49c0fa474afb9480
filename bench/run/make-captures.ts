/**
 * The captures of a bench, in a folder that git ignores: `NAME-PACKETS.pcap` and beside it
 * `NAME-PACKETS.json` with what is in it. The same case gives the same bytes on every machine. A capture
 * that is there and is what it should be is used again.
 */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { captureStart, type CaptureTotals, writeCapture } from './capture-writer.ts'
import { type CaptureCase, meanIpBytes } from './cases.ts'

const seed = 1
/** Raised when the same settings begin to give other bytes. */
const captureForm = 1
/** pcap record header 16, Ethernet 14, and a byte for tags and raised lengths. */
const overheadBytesPerPacket = 31
/** What the tools write beside a capture at most: argus took 900 bytes a flow at a million flows. */
const outputBytesPerFlow = 1500

export interface Capture {
  readonly path: string
  readonly totals: CaptureTotals
}

interface CaptureNote {
  readonly settings: string
  readonly fileBytes: number
  readonly totals: CaptureTotals
}

/**
 * Makes the captures that are not there yet.
 * @param say told a line for each
 * @throws Error when the disk has too little room, before anything is written
 */
export async function makeCaptures(
  folder: string,
  cases: readonly CaptureCase[],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Map<CaptureCase, Capture>> {
  mkdirSync(folder, { recursive: true })
  checkRoom(folder, cases)
  const captures = new Map<CaptureCase, Capture>()
  for (const each of cases)
    captures.set(each, ready(folder, each) ?? (await make(folder, each, say, signal)))
  return captures
}

const stemOf = (folder: string, its: CaptureCase): string =>
  join(folder, `${its.name}-${its.packets}`)

const settingsOf = (its: CaptureCase): string =>
  JSON.stringify({ captureForm, seed, captureStart, ...its })

/** The capture of a case when it is there, whole, and made with these settings. */
function ready(folder: string, its: CaptureCase): Capture | undefined {
  const stem = stemOf(folder, its)
  const path = `${stem}.pcap`
  if (!existsSync(`${stem}.json`) || !existsSync(path)) return undefined
  const note: CaptureNote = JSON.parse(readFileSync(`${stem}.json`, 'utf8'))
  if (note.settings !== settingsOf(its) || note.fileBytes !== statSync(path).size) return undefined
  return { path, totals: note.totals }
}

async function make(
  folder: string,
  its: CaptureCase,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Capture> {
  const stem = stemOf(folder, its)
  const path = `${stem}.pcap`
  const began = performance.now()
  say(`making ${its.name}: ${its.packets} packets`)
  rmSync(`${stem}.json`, { force: true })
  const totals = await writeCapture(`${path}.tmp`, its, seed, signal)
  renameSync(`${path}.tmp`, path)
  const fileBytes = statSync(path).size
  const note: CaptureNote = { settings: settingsOf(its), fileBytes, totals }
  writeFileSync(`${stem}.json`, JSON.stringify(note))
  const seconds = (performance.now() - began) / 1000
  say(`made ${its.name}: ${megabytes(fileBytes)} MB in ${seconds.toFixed(0)} s`)
  return { path, totals }
}

function checkRoom(folder: string, cases: readonly CaptureCase[]): void {
  const missing = cases.filter((each) => ready(folder, each) === undefined)
  const captures = missing
    .map((each) => each.packets * (overheadBytesPerPacket + meanIpBytes(each)))
    .reduce((sum, bytes) => sum + bytes, 0)
  const output = Math.max(0, ...cases.map(({ flows }) => flows * outputBytesPerFlow))
  const { bavail, bsize } = statfsSync(folder)
  if (captures + output <= bavail * bsize) return
  throw new Error(
    `${folder} has ${megabytes(bavail * bsize)} MB free, and this takes ` +
      `${megabytes(captures + output)} MB; choose fewer with --cases or --packets`,
  )
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0)
