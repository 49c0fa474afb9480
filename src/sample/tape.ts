import { assert } from '../base/assert.ts'
import type { PcapngWriter } from '../packet/packet.ts'
import { fillLane, filled, type Lane } from './lane.ts'

/** Rows the tape begins with; it grows. */
const rowsAtFirst = 4096
/** A row's place and its time share one double: 2^18 rows, 2^35 ticks of 8 ns since the last writing. */
const rowsMax = 1 << 18
const tickNanoseconds = 8

export const nanosecondsPerSecond = 1e9

/**
 * Packets that are going to be captured, in any order, as flat arrays: conversations put them, and
 * `writeUntil` writes those before a moment in the order of their times. What is never written when the
 * capture ends was sent after its end. Times are nanoseconds since the capture began, cut to the tick
 * of the capturing clock, 8 ns.
 */
export class Tape {
  #rows = 0
  #written = 0
  #lanes: Lane[] = []
  #times = new Float64Array(rowsAtFirst)
  #payloads = new Int32Array(rowsAtFirst)
  #controls = new Uint8Array(rowsAtFirst)
  #sequences = new Uint32Array(rowsAtFirst)
  #acknowledgements = new Uint32Array(rowsAtFirst)

  /** A packet on `lane`; the other values are `fillLane`'s. */
  put(
    lane: Lane,
    time: number,
    payloadBytes = 0,
    control = 0,
    sequence = 0,
    acknowledgement = 0,
  ): void {
    assert(time >= this.#written, 'a packet is put before its time is written')
    const row = this.#rows++
    if (row === this.#times.length) this.#grow()
    this.#lanes[row] = lane
    this.#times[row] = Math.floor(time / tickNanoseconds) * tickNanoseconds
    this.#payloads[row] = payloadBytes
    this.#controls[row] = control
    this.#sequences[row] = sequence
    this.#acknowledgements[row] = acknowledgement
  }

  /**
   * Writes the packets before `until` (nanoseconds since the capture began, which was at Unix second
   * `beginSeconds`), the earliest first, those of one tick in the order they were put.
   */
  writeUntil(until: number, beginSeconds: number, writer: PcapngWriter): void {
    assert(this.#rows <= rowsMax, 'the rows of a minute fit a sort key')
    const keys = new Float64Array(this.#rows)
    let due = 0
    for (let row = 0; row < this.#rows; row++) {
      const time = this.#times[row]!
      if (time < until) keys[due++] = ((time - this.#written) / tickNanoseconds) * rowsMax + row
    }
    const order = keys.subarray(0, due).sort()
    for (let i = 0; i < due; i++) this.#write(order[i]! % rowsMax, beginSeconds, writer)
    this.#keepFrom(until)
    this.#written = until
  }

  #write(row: number, beginSeconds: number, writer: PcapngWriter): void {
    const lane = this.#lanes[row]!
    const time = this.#times[row]!
    fillLane(
      lane,
      this.#payloads[row]!,
      this.#controls[row]!,
      this.#sequences[row]!,
      this.#acknowledgements[row]!,
    )
    const second = Math.floor(time / nanosecondsPerSecond)
    writer.packet(
      lane.tap,
      beginSeconds + second,
      time - second * nanosecondsPerSecond,
      lane.frame,
      lane.direction,
      filled.capturedBytes,
      filled.originalBytes,
    )
  }

  #keepFrom(until: number): void {
    let kept = 0
    for (let row = 0; row < this.#rows; row++) {
      if (this.#times[row]! < until) continue
      this.#lanes[kept] = this.#lanes[row]!
      this.#times[kept] = this.#times[row]!
      this.#payloads[kept] = this.#payloads[row]!
      this.#controls[kept] = this.#controls[row]!
      this.#sequences[kept] = this.#sequences[row]!
      this.#acknowledgements[kept] = this.#acknowledgements[row]!
      kept++
    }
    this.#rows = kept
    this.#lanes.length = kept
  }

  #grow(): void {
    const size = this.#times.length * 2
    this.#times = copied(new Float64Array(size), this.#times)
    this.#payloads = copied(new Int32Array(size), this.#payloads)
    this.#controls = copied(new Uint8Array(size), this.#controls)
    this.#sequences = copied(new Uint32Array(size), this.#sequences)
    this.#acknowledgements = copied(new Uint32Array(size), this.#acknowledgements)
  }
}

function copied<T extends { set(from: T): void }>(to: T, from: T): T {
  to.set(from)
  return to
}
