/**
 * What an interface counted beside what a ring at it saw, since the ring was opened. Pure: readings come
 * in as arguments; `tap-meter.ts` takes them.
 *
 * Measured on Linux 6.18, frame by frame and byte by byte, between a ring and the interface's counters:
 *
 *     veth, either end, also as port of a bridge   frames and bytes equal, offloaded frames counted once
 *     veth with GRO at the receiving end           an offloaded frame counts as the packets it was joined
 *                                                  from; bytes without the 14 of the link header, both ends
 *     loopback                                     frames equal; bytes without the 14
 *     tun, tap                                     equal; sent ones count when the other side takes them
 *     peer down, queue full before the interface   txDropped counts what the ring does not see
 *     tun, tap with nobody to take them            txDropped counts what the ring has seen
 *     rejected at a device's egress                neither counts it; at ingress both do
 *
 * So frames received and sent, less what joined frames hide and what was dropped behind the tap, are the
 * frames of the ring. Where Ethernet is at both, kernel bytes = sum over frames of (IP bytes + 14).
 */

/** Counters of an interface that a tap can be held against; see `Link`. */
export interface InterfaceCounts {
  /** Received and sent. */
  readonly frames: number
  /** With or without link headers, as the driver likes. */
  readonly bytes: number
  /** Dropped by the interface, whether the tap had seen them or not. */
  readonly drops: number
}

export const interfaceCounts = (link: {
  readonly rxPackets: number
  readonly txPackets: number
  readonly rxBytes: number
  readonly txBytes: number
  readonly txDropped: number
  readonly rxDropped: number
  readonly rxMissedErrors: number
}): InterfaceCounts => ({
  frames: link.rxPackets + link.txPackets,
  bytes: link.rxBytes + link.txBytes,
  drops: link.txDropped + link.rxDropped + link.rxMissedErrors,
})

/** Nobody knows the bytes of frames that were not read yet, or found no room. */
export const bytesKnown = (tap: TapCounts): boolean => tap.read + tap.filtered === tap.frames

/** What a ring has counted since it was opened. */
export interface TapCounts {
  /** Frames that reached it: dropped, filtered, read, and the rest that is still in the ring. */
  readonly frames: number
  /** Frames that found no room. */
  readonly drops: number
  /** Frames of a family that nobody wants, turned away in the kernel. */
  readonly filtered: number
  /** Frames that were read. */
  readonly read: number
  /** Bytes of the frames that were read or filtered, with link headers. */
  readonly bytes: number
  /** Packets beyond one a frame in offloaded frames, and the headers that the wire repeats for them. */
  readonly extraPackets: number
  readonly extraBytes: number
}

export interface TapSample {
  /** Received and sent by the interface since the ring was opened. */
  readonly interfaceFrames: number
  readonly interfaceBytes: number
  /** Dropped by the interface since then. */
  readonly interfaceDrops: number
  /** All that the interface has counted, and what it had counted when the ring was opened. */
  readonly now: InterfaceCounts
  readonly opened: Pick<InterfaceCounts, 'frames' | 'bytes'>
  readonly tap: TapCounts
  /** Nothing came while both were read, so that the counts are of one moment. */
  readonly quiet: boolean
  /** Whether it is known to the frame, and to the byte, what the interface had counted at that moment. */
  readonly exactFrames: boolean
  readonly exactBytes: boolean
}

/**
 * Finds out what an interface had counted when its ring was opened. No two counters can be read at once
 * while traffic runs; but if the interface counted the same before and after the ring was asked, nothing came
 * between, and the ring's own count leads back to its opening. A frame on its way from the one counter to the
 * other spoils a reading, so two readings must agree.
 */
export class TapBase {
  #frames: number
  #bytes: number
  readonly #drops: number
  #framesFound: number | undefined
  #bytesFound: number | undefined
  #exactFrames = false
  #exactBytes = false

  /** @param opened what the interface had counted just before the ring was opened */
  constructor(opened: InterfaceCounts) {
    this.#frames = opened.frames
    this.#bytes = opened.bytes
    this.#drops = opened.drops
  }

  /** @param before @param after the interface's counters around the moment when the ring's were read */
  read(before: InterfaceCounts, tap: TapCounts, after: InterfaceCounts): TapSample {
    const quiet = before.frames === after.frames && before.bytes === after.bytes
    if (quiet) this.#settle(after, tap)
    return {
      interfaceFrames: after.frames - this.#frames,
      interfaceBytes: after.bytes - this.#bytes,
      interfaceDrops: after.drops - this.#drops,
      now: after,
      opened: { frames: this.#frames, bytes: this.#bytes },
      tap,
      quiet,
      exactFrames: this.#exactFrames,
      exactBytes: this.#exactBytes,
    }
  }

  #settle(counted: InterfaceCounts, tap: TapCounts): void {
    if (!this.#exactFrames) {
      const frames = counted.frames - tap.frames
      this.#exactFrames = frames === this.#framesFound
      this.#framesFound = this.#frames = frames
    }
    if (this.#exactBytes || !bytesKnown(tap)) return
    const bytes = counted.bytes - tap.bytes
    this.#exactBytes = bytes === this.#bytesFound
    this.#bytesFound = this.#bytes = bytes
  }
}
