/** Capture files through packets, ENIs, flows and windows to records: what `replay` and the sample project share. */
import { basename } from 'node:path'
import { alignedStart, type UnixSeconds } from '../base/time.ts'
import {
  type ByteSource,
  type CaptureFile,
  type FurtherFormat,
  openCapture,
  type PacketTaker,
  readCaptures,
} from '../packet/packet.ts'
import type { ExportLoss, ExportStream } from '../sources/sources.ts'
import type { Assigner } from '../vpc/vpc.ts'
import {
  CaptureWindows,
  fileLateSeconds,
  type RecordTaker,
  type WindowSeconds,
} from '../window/window.ts'

export interface ReplaySummary {
  readonly files: readonly CaptureFile[]
  readonly frames: number
  readonly latePackets: number
  /** Seconds after its end that a window waited for packets. */
  readonly lateSeconds: number
  /** By file of exported flows: what its exporter lost or sampled. */
  readonly exportLosses: ReadonlyMap<string, readonly ExportLoss[]>
  readonly unassignedPackets: number
  /** NODATA records that were not made, because a wild timestamp would have made them endless. */
  readonly noDataLeftOut: number
}

/** NODATA records of one replay: 20 million are 6 GB of text, and a year of one-minute windows of 38 ENIs. */
const noDataMax = 20_000_000

/**
 * An exporter tells of a flow when it is over, or after its active timeout: half an hour unless told. An hour of one-minute
 * windows is also what may be open at once.
 */
const exportLateSeconds = 3600

/**
 * Replays captures and files of exported flows, merged by time, to their end. NODATA records come last: an ENI is silent in a window
 * only once every file has been read (records.md 54, 56).
 *
 * @param sources captures; closed here, also after an error
 * @param assigner says which ENIs packets belong to
 * @param taker is given the records, window by window
 * @param pause is called between reads, for progress and to hold the reader back
 * @throws WeirError FileUnreadable, CaptureUnknownFormat, TopologyAmbiguous
 */
export async function replayCaptures(
  sources: readonly ByteSource[],
  assigner: Assigner,
  windowSeconds: WindowSeconds,
  taker: RecordTaker,
  pause?: () => void | Promise<void>,
): Promise<ReplaySummary> {
  const files: CaptureFile[] = []
  const streams: ExportStream[] = []
  const further: FurtherFormat = async (head, source) => {
    // What receives from a wire is only loaded for a file that is no capture.
    const { ExportStream, isExportStream } = await import('../sources/sources.ts')
    if (!isExportStream(head)) return undefined
    const stream = new ExportStream(source, windowSeconds)
    streams.push(stream)
    return stream
  }
  try {
    for (const source of sources) files.push(await openCapture(source, further))
    const lateSeconds = streams.length > 0 ? exportLateSeconds : fileLateSeconds
    const windows = new CaptureWindows(
      { windowSeconds, lateSeconds, flowsMax: Number.MAX_SAFE_INTEGER },
      assigner,
      taker,
    )
    await readCaptures(files, takerOf(assigner, windows), pause)
    windows.closeAll()
    const seconds = files.flatMap((file) => [file.secondMin, file.secondMax])
    const timed = seconds.filter((second) => !Number.isNaN(second))
    if (timed.length === 0 && files.some((file) => file.frames > 0)) timed.push(0)
    const enis = assigner.coveredEnis()
    const first = alignedStart(Math.min(...timed), windowSeconds)
    const last = alignedStart(Math.max(...timed), windowSeconds)
    const most = timed.length === 0 ? 0 : ((last - first) / windowSeconds + 1) * enis.length
    const exportLosses = new Map(streams.map((each) => [each.source.name, each.losses()]))
    const told = most > 0 && most <= noDataMax
    if (told)
      tellStatus(windows, windowSeconds, enis, first, last, [...exportLosses.values()].flat())
    return {
      files,
      lateSeconds,
      exportLosses,
      frames: files.reduce((sum, file) => sum + file.frames, 0),
      latePackets: windows.latePackets,
      unassignedPackets: assigner.unassigned,
      noDataLeftOut: most > noDataMax ? most : 0,
    }
  } finally {
    for (const source of sources) source.close()
  }
}

/** "Exporter sequence gaps do make SKIPDATA" (records.md 57), and so does sampling; all else is NODATA or nothing. */
function tellStatus(
  windows: CaptureWindows,
  windowSeconds: WindowSeconds,
  enis: readonly number[],
  first: UnixSeconds,
  last: UnixSeconds,
  losses: readonly ExportLoss[],
): void {
  if (losses.length === 0) return windows.emitStatus(enis, first, last)
  const within = (second: number): number =>
    Math.min(last, Math.max(first, alignedStart(second, windowSeconds)))
  const lossy = new Set<number>()
  for (const { since, until } of losses)
    for (let start = within(since); start <= within(until); start += windowSeconds) lossy.add(start)
  for (let start = first; start <= last; start = (start + windowSeconds) as UnixSeconds)
    windows.emitStatus(enis, start, start, () => lossy.has(start))
}

const takerOf = (assigner: Assigner, windows: CaptureWindows): PacketTaker => ({
  addInterface: (index, found, file) =>
    assigner.addInterface(index, {
      file: file.source.name === 'standard input' ? '-' : basename(file.source.name),
      name: found.name,
    }),
  add: (batch) => windows.add(batch),
})
