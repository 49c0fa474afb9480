/** Capture files through packets, ENIs, flows and windows to records: what `replay` and the sample project share. */
import { basename } from 'node:path'
import { alignedStart } from '../base/time.ts'
import {
  type ByteSource,
  type CaptureFile,
  openCapture,
  type PacketTaker,
  readCaptures,
} from '../packet/packet.ts'
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
  readonly unassignedPackets: number
  /** NODATA records that were not made, because a wild timestamp would have made them endless. */
  readonly noDataLeftOut: number
}

/** NODATA records of one replay: 20 million are 6 GB of text, and a year of one-minute windows of 38 ENIs. */
const noDataMax = 20_000_000

/**
 * Replays captures, merged by time, to their end. NODATA records come last: an ENI is silent in a window
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
  try {
    for (const source of sources) files.push(await openCapture(source))
    const windows = new CaptureWindows(
      { windowSeconds, lateSeconds: fileLateSeconds, flowsMax: Number.MAX_SAFE_INTEGER },
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
    if (most > 0 && most <= noDataMax) windows.emitStatus(enis, first, last)
    return {
      files,
      frames: files.reduce((sum, file) => sum + file.frames, 0),
      latePackets: windows.latePackets,
      unassignedPackets: assigner.unassigned,
      noDataLeftOut: most > noDataMax ? most : 0,
    }
  } finally {
    for (const source of sources) source.close()
  }
}

const takerOf = (assigner: Assigner, windows: CaptureWindows): PacketTaker => ({
  addInterface: (index, found, file) =>
    assigner.addInterface(index, {
      file: file.source.name === 'standard input' ? '-' : basename(file.source.name),
      name: found.name,
    }),
  add: (batch) => windows.add(batch),
})
