/** What an interface and a tap at it must agree on, whatever the driver: for tests against real interfaces. */
import { bytesKnown, type TapSample } from '../src/sources/tap-counters.ts'

/**
 * interface frames + interface drops
 *     = frames in the ring + joined + dropped before the tap + difference
 */
export interface FrameBalance {
  /** Packets that the interface counted one by one and the kernel joined before the tap (GRO). */
  readonly joined: number
  /** Frames that the interface dropped before the tap could see them. */
  readonly droppedBeforeTap: number
  /** Frames that the tap had seen when the interface dropped them. */
  readonly droppedBehindTap: number
  /** What nothing explains: above 0 the tap missed frames, below 0 the interface did not count some (yet). */
  readonly difference: number
}

export function balanceFrames(sample: TapSample): FrameBalance {
  const { tap, interfaceDrops: drops } = sample
  const beyond = sample.interfaceFrames - tap.frames
  const joined = Math.max(0, Math.min(beyond, tap.extraPackets))
  const droppedBehindTap = Math.max(0, Math.min(-beyond, drops))
  return {
    joined,
    droppedBeforeTap: drops - droppedBehindTap,
    droppedBehindTap,
    difference: beyond - joined + droppedBehindTap,
  }
}

/** What a driver's bytes may count of a frame, besides IP. */
const ethernetHeaderBytes = 14

/**
 * Kernel bytes less those of the frames read, converted the way that fits best: link headers counted or not,
 * repeated headers of joined frames counted or not. 0 when the bytes are the same; `undefined` while frames
 * are unread or were lost, whose bytes nobody knows.
 */
export function balanceBytes(sample: TapSample): number | undefined {
  const { tap, interfaceBytes } = sample
  if (!sample.exactBytes || !bytesKnown(tap)) return undefined
  const onWire = tap.bytes + tap.extraBytes
  const packets = tap.frames + tap.extraPackets
  return [
    tap.bytes,
    tap.bytes - tap.frames * ethernetHeaderBytes,
    onWire,
    onWire - packets * ethernetHeaderBytes,
  ]
    .map((bytes) => interfaceBytes - bytes)
    .reduce((best, each) => (Math.abs(each) < Math.abs(best) ? each : best))
}
