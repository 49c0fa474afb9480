/** `weir replay`: captures to flow log records, on standard output or into a running server. */
import { WeirError } from '../base/errors.ts'
import { openByteSource } from '../packet/packet.ts'
import { RecordTextWriter } from '../record/text.ts'
import type { ExportLoss } from '../sources/sources.ts'
import { type Assigner, captureIdentity, singleEniAssigner } from '../vpc/vpc.ts'
import { type WindowSeconds, windowSecondsAllowed, windowSecondsDefault } from '../window/window.ts'
import { exitStatus } from './exit-status.ts'
import { startProgress } from './progress.ts'
import { type ReplaySummary, replayCaptures } from './replay-captures.ts'
import { writeStandardOutput } from './standard-output.ts'

export interface ReplayOptions {
  readonly topology?: string
  readonly window?: string
  readonly into?: string
  readonly create?: boolean
  readonly server: string
}

/** @returns the exit status: 0, or 3 when a file was damaged */
export async function replay(paths: readonly string[], options: ReplayOptions): Promise<number> {
  const windowSeconds = windowSecondsOf(options.window)
  if (paths.filter((path) => path === '-').length > 1)
    throw new WeirError('Usage', 'standard input ("-") can be read once only')
  if (options.create === true && options.into === undefined)
    throw new WeirError('Usage', '--create makes the logstore of --into, which is missing')
  const assigner = await assignerOf(options.topology)
  const sources = []
  for (const path of paths) sources.push(await openByteSource(path))
  const progress = startProgress('replay', sources)
  let summary: ReplaySummary
  try {
    if (options.into === undefined) {
      const writer = new RecordTextWriter(assigner.enis, writeStandardOutput)
      summary = await replayCaptures(
        sources,
        assigner,
        windowSeconds,
        (batch) => writer.write(batch),
        progress.tick,
      )
      writer.flush()
    } else {
      const { ServerSink } = await import('./server-sink.ts')
      const sink = new ServerSink(options.server, options.into, assigner.enis)
      if (options.create === true) await sink.create()
      summary = await replayCaptures(sources, assigner, windowSeconds, sink.take, async () => {
        await progress.tick()
        await sink.drain()
      })
      await sink.finish()
    }
  } finally {
    progress.stop()
  }
  return report(summary)
}

function windowSecondsOf(text: string | undefined): WindowSeconds {
  if (text === undefined) return windowSecondsDefault
  const found = windowSecondsAllowed.find((seconds) => String(seconds) === text)
  if (found !== undefined) return found
  throw new WeirError(
    'Usage',
    `--window is ${text}, but a capture window is 60, 300 or 600 seconds`,
  )
}

async function assignerOf(topologyPath: string | undefined): Promise<Assigner> {
  if (topologyPath === undefined)
    return singleEniAssigner(captureIdentity, { useDirectionHint: false })
  const { loadTopology, topologyAssigner } = await import('../vpc/vpc.ts')
  return await topologyAssigner(await loadTopology(topologyPath))
}

/** What the reader of the records should know, on standard error. */
function report(summary: ReplaySummary): number {
  const say = (line: string): void => void process.stderr.write(`weir replay: ${line}\n`)
  let damaged = false
  for (const file of summary.files) {
    const name = file.source.name
    if (file.damage !== undefined) {
      damaged = true
      say(
        `${name} is damaged at byte ${file.damage.byte}: ${file.damage.reason}. ` +
          `The ${file.frames} frames before it are in the records.`,
      )
    }
    if (file.dropsReported > 0)
      say(`${name} says that ${file.dropsReported} frames were dropped when it was captured`)
  }
  for (const [name, losses] of summary.exportLosses)
    for (const each of losses) say(lossLine(name, each))
  if (summary.unassignedPackets > 0)
    say(`${summary.unassignedPackets} packets belong to no interface of the topology`)
  if (summary.latePackets > 0)
    say(
      `${summary.latePackets} packets came more than ${summary.lateSeconds} s after their window's end; ` +
        `they are in further records of their window`,
    )
  if (summary.noDataLeftOut > 0)
    say(
      `the frames' times are so far apart that up to ${summary.noDataLeftOut} NODATA records were left out; ` +
        `a clock was wrong when it was captured, or --window is too short for it`,
    )
  return damaged ? exitStatus.damagedInput : exitStatus.ok
}

/** What an exporter lost, or that it samples: its windows say SKIPDATA. */
function lossLine(name: string, loss: ExportLoss): string {
  const { records, datagrams, restarts, samplingFactor } = loss
  if (samplingFactor === 0)
    return `${name} holds flows that were sampled at a rate it does not tell; they are not multiplied`
  if (samplingFactor !== 1)
    return `${name} holds flows that were sampled, 1 packet in ${samplingFactor}; they are multiplied by it`
  const parts = [
    records > 0 ? `${records} records` : '',
    datagrams > 0 ? `${datagrams} datagrams` : '',
    restarts > 0 ? `what was held at ${restarts} restarts` : '',
  ]
  return `${name} lacks ${parts.filter(Boolean).join(', ')} of its exporter, as its sequence numbers tell`
}
