/** Captures made in memory, replayed as `weir replay` does, and what came out as plain objects. */
import { PcapngWriter, PcapWriter, chunkSource, joined } from '../src/packet/packet.ts'
import { replayCaptures, type ReplaySummary } from '../src/programs/replay-captures.ts'
import type { FlowRecordField } from '../src/record/fields.ts'
import { RecordTextWriter } from '../src/record/text.ts'
import { parseTopology } from '../src/vpc/topology.ts'
import {
  type Assigner,
  captureIdentity,
  singleEniAssigner,
  topologyAssigner,
} from '../src/vpc/vpc.ts'
import type { WindowSeconds } from '../src/window/window.ts'

export type TextRecord = Readonly<Record<FlowRecordField, string>>

export interface MadeCapture {
  readonly name?: string
  readonly bytes: Uint8Array
}

export interface Replayed {
  readonly records: readonly TextRecord[]
  readonly summary: ReplaySummary
}

/** A frame with its time: whole seconds, or seconds and nanoseconds. */
export type TimedFrame = readonly [at: number | readonly [number, number], frame: Uint8Array]

/** An Ethernet capture in nanoseconds. */
export function pcapOf(frames: readonly TimedFrame[]): Uint8Array {
  const writer = new PcapWriter({ linkType: 1, nanoseconds: true })
  for (const [at, frame] of frames) {
    const [second, nanosecond] = typeof at === 'number' ? [at, 0] : at
    writer.packet(second, nanosecond, frame)
  }
  return joined(writer.finish())
}

/** A pcapng file of one Ethernet interface; a frame without a time is a simple packet block. */
export function pcapngOf(
  frames: readonly (TimedFrame | readonly ['untimed', Uint8Array])[],
): Uint8Array {
  const writer = new PcapngWriter()
  writer.addInterface({ linkType: 1 })
  for (const [at, frame] of frames) {
    if (at === 'untimed') writer.simplePacket(frame)
    else if (typeof at === 'number') writer.packet(0, at, 0, frame)
    else writer.packet(0, at[0], at[1], frame)
  }
  return joined(writer.finish())
}

/** Replays captures in this process; without a topology they are one ENI. */
export async function replayMade(
  captures: readonly MadeCapture[],
  windowSeconds: WindowSeconds = 60,
  topologyYaml?: string,
): Promise<Replayed> {
  const assigner =
    topologyYaml === undefined
      ? singleEniAssigner(captureIdentity, { useDirectionHint: false })
      : await topologyAssigner(parseTopology(topologyYaml, 'test.yaml'))
  return await replayWith(captures, windowSeconds, assigner)
}

async function replayWith(
  captures: readonly MadeCapture[],
  windowSeconds: WindowSeconds,
  assigner: Assigner,
): Promise<Replayed> {
  const parts: Uint8Array[] = []
  const writer = new RecordTextWriter(assigner.enis, (bytes) => parts.push(Uint8Array.from(bytes)))
  const sources = captures.map(({ name, bytes }, i) =>
    chunkSource(name ?? `capture-${i}.pcap`, [bytes]),
  )
  const summary = await replayCaptures(sources, assigner, windowSeconds, (batch) =>
    writer.write(batch),
  )
  writer.flush()
  return { records: parseLines(Buffer.concat(parts).toString()), summary }
}

export const parseLines = (text: string): TextRecord[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as TextRecord)
