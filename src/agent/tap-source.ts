/** Where a capture thread gets its packets, and what the kernel says of the interface at the same time. */
import type { CaptureWindows } from '../window/window.ts'

/** Counters since the source was opened. Frames, where nothing else is said. */
export interface SourceCounters {
  /** Reached the tap: read, waiting, dropped and filtered ones. */
  readonly frames: number
  readonly readFrames: number
  /** Lengths of the frames that were read, as the interface counts them. */
  readonly readBytes: number
  /** Packets beyond one a frame that offloaded frames carry. */
  readonly extraPackets: number
  /** Found no room in the ring. */
  readonly dropped: number
  /** Of the family that no flow log wants, left out by the kernel. */
  readonly filtered: number
  readonly nonIp: number
  readonly malformed: number
  /** Multicast that the kernel counted itself: such frames come in no batch. */
  readonly multicast: number
  /** Of flows that the kernel's maps had no room for, and the packets they carried. */
  readonly mapFull: number
  readonly mapFullPackets: number
  /** Messages of a firewall that were lost. */
  readonly nflogLost: number
  /** Some more were lost: the next one that arrives will tell how many. */
  readonly nflogLosing: boolean
}

export const nothingRead: SourceCounters = {
  frames: 0,
  readFrames: 0,
  readBytes: 0,
  extraPackets: 0,
  dropped: 0,
  filtered: 0,
  nonIp: 0,
  malformed: 0,
  multicast: 0,
  mapFull: 0,
  mapFullPackets: 0,
  nflogLost: 0,
  nflogLosing: false,
}

/** The interface's own counters and the tap's, read as nearly at once as can be. */
export interface InterfaceReading {
  /** Received and sent by the interface since it is there. */
  readonly frames: number
  readonly bytes: number
  /** Dropped by the interface, whether the tap had seen them or not. */
  readonly drops: number
  /** Nothing passed meanwhile, so that interface and tap can be compared. */
  readonly quiet: boolean
  /** What the interface had counted when the tap was opened, and whether that is known to the frame. */
  readonly opened: { readonly frames: number; readonly bytes: number; readonly exact: boolean }
  readonly tap: SourceCounters
}

export interface TapSource {
  /**
   * Puts what waits into the windows; waits at most so long when nothing does.
   * Throws InterfaceGone once the interface has gone and everything before that was read.
   */
  read(windows: CaptureWindows, timeoutMilliseconds: number): void
  /** Puts everything into the windows that came before this moment. */
  readRest(windows: CaptureWindows): void
  /** From now on only these families are wanted. */
  setFamilies(families: 'ipv4' | 'both'): void
  readingOf(): InterfaceReading
  close(): void
}
