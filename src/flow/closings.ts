/**
 * Which connections close, and when: `end` is "the time when a short-lived connection was closed". A
 * connection comes in here with its first FIN or RST, so ordinary packets cost nothing. Rules:
 * records.md 29, 47 to 50.
 */
import { ConnectionTable, owner, ownerOf, packetTime } from '../vpc/vpc.ts'
import { tcpFlag, word } from '../packet/packet.ts'
import {
  type ConnectionWatch,
  entryConnection,
  entryNanosecond,
  entryOwner,
  entrySecond,
  entryWords,
  type FlowTable,
  unitWords,
} from './flow-table.ts'

const accept = 1 // record/batch.ts `action.accept`; flow/ does not import record/
const directions = [0, 1, 2] as const

/** Connections kept before idle ones are swept. */
const sweepAt = 1 << 16

export class Closings implements ConnectionWatch {
  readonly #connections = new ConnectionTable()
  readonly #tables = new Map<FlowTable, Float64Array>()
  #sweepNext = sweepAt

  /** A table's flows take part from now on. */
  open(table: FlowTable): void {
    this.#tables.set(table, new Float64Array(0))
  }

  /** The table's window has been handed on. */
  close(table: FlowTable): void {
    this.#tables.delete(table)
    if (this.#connections.size === 0) return
    const entries = table.words
    for (let entry = unitWords; entry < table.endWords; entry += entryWords(entries, entry)) {
      const connection = entries[entry + entryConnection]!
      if (connection !== 0) this.#lastAtLeast(connection, lastTime(entries, entry))
    }
  }

  /** The second of the last closing packet that no SYN followed in the entry's window, or NaN. */
  closedAt(table: FlowTable, entry: number): number {
    const connection = table.words[entry + entryConnection]!
    return connection === 0 ? Number.NaN : (this.#tables.get(table)![connection] ?? Number.NaN)
  }

  /** A new TCP flow: does it belong to a connection that has begun to close? */
  link(table: FlowTable, entry: number, words: Int32Array, at: number): void {
    if (this.#connections.size === 0 || owner.action(table.words[entry + entryOwner]!) !== accept)
      return
    const connection = this.#connections.find(
      owner.eni(table.words[entry + entryOwner]!),
      words,
      at,
    )
    if (connection !== 0) table.words[entry + entryConnection] = connection
  }

  /** A packet with FIN, SYN or RST, or any packet of a connection that has begun to close. */
  see(
    table: FlowTable,
    entry: number,
    words: Int32Array,
    at: number,
    flags: number,
    second: number,
  ): void {
    const ownerWord = table.words[entry + entryOwner]!
    if (owner.action(ownerWord) !== accept) return
    const connections = this.#connections
    let connection = table.words[entry + entryConnection]!
    const time = packetTime(second, words[at + word.nanosecond]!)
    if (connection === 0) {
      if ((flags & (tcpFlag.fin | tcpFlag.rst)) === 0) return
      connection = connections.insert(owner.eni(ownerWord), words, at)
      this.#linkAll(owner.eni(ownerWord), connection, words, at)
    } else if (connections.forgotten(connection, time)) {
      this.#linkAll(owner.eni(ownerWord), connection, words, at)
      if (connections.forgotten(connection, time)) connections.reset(connection)
    }
    this.#lastAtLeast(connection, time)
    if ((flags & (tcpFlag.fin | tcpFlag.syn | tcpFlag.rst)) === 0) return

    const closes = connections.takeFlags(connection, flags, connections.side(words, at))
    if (closes) this.#times(table, connection)[connection] = second
    else if ((flags & (tcpFlag.syn | tcpFlag.ack)) === tcpFlag.syn) {
      const times = this.#tables.get(table)!
      if (connection < times.length) times[connection] = Number.NaN
    }
  }

  /**
   * Every accepted flow of the connection at its ENI, either way round, in every open window. Their packets
   * that did not come here, being of a second already seen, count for when it was last heard of.
   */
  #linkAll(eni: number, connection: number, words: Int32Array, at: number): void {
    for (const table of this.#tables.keys())
      for (const direction of directions)
        for (const reversed of [false, true]) {
          const entry = table.find(words, at, ownerOf(eni, direction, accept), reversed)
          if (entry === 0) continue
          table.words[entry + entryConnection] = connection
          this.#lastAtLeast(connection, lastTime(table.words, entry))
        }
  }

  #lastAtLeast(connection: number, time: number): void {
    const { last } = this.#connections
    if (!(time <= last[connection]!)) last[connection] = time
  }

  #times(table: FlowTable, connection: number): Float64Array {
    const times = this.#tables.get(table)!
    if (connection < times.length) return times
    const wider = new Float64Array(Math.max(connection + 1, 256, times.length * 2)).fill(Number.NaN)
    wider.set(times)
    this.#tables.set(table, wider)
    return wider
  }

  /**
   * Forgets connections idle at `second`, once there are many. One that closed in an open window is kept
   * for that window's records.
   */
  sweep(second: number): void {
    if (this.#connections.size < this.#sweepNext) return
    const times = [...this.#tables.values()]
    const moved = this.#connections.sweep(second, (connection) =>
      times.some((each) => !Number.isNaN(each[connection] ?? Number.NaN)),
    )
    for (const [table, old] of this.#tables) {
      const kept = new Float64Array(old.length).fill(Number.NaN)
      for (let connection = 1; connection < old.length; connection++)
        if (moved[connection]! > 0) kept[moved[connection]!] = old[connection]!
      this.#tables.set(table, kept)
      const entries = table.words
      for (let entry = unitWords; entry < table.endWords; entry += entryWords(entries, entry))
        entries[entry + entryConnection] = moved[entries[entry + entryConnection]!]!
    }
    this.#sweepNext = Math.max(sweepAt, this.#connections.size * 2)
  }
}

const lastTime = (entries: Int32Array, entry: number): number =>
  packetTime(entries[entry + entrySecond]!, entries[entry + entryNanosecond]!)
