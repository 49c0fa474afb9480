/**
 * Which connections close, and when: `end` is "the time when a short-lived connection was closed". A
 * connection comes in here with its first FIN or RST, so ordinary packets cost nothing. Rules:
 * records.md 29, 47 to 50.
 */
import { ConnectionTable, owner, ownerOf } from '../vpc/vpc.ts'
import { tcpFlag } from '../packet/packet.ts'
import {
  type ConnectionWatch,
  entryConnection,
  entryOwner,
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
    if (connection === 0) {
      if ((flags & (tcpFlag.fin | tcpFlag.rst)) === 0) return
      connection = connections.insert(owner.eni(ownerWord), words, at)
      this.#linkAll(owner.eni(ownerWord), connection, words, at)
    } else if (connections.forgotten(connection, second)) connections.reset(connection)
    if (!(second <= connections.last[connection]!)) connections.last[connection] = second
    if ((flags & (tcpFlag.fin | tcpFlag.syn | tcpFlag.rst)) === 0) return

    const closes = connections.takeFlags(connection, flags, connections.side(words, at))
    if (closes) this.#times(table, connection)[connection] = second
    else if ((flags & (tcpFlag.syn | tcpFlag.ack)) === tcpFlag.syn) {
      const times = this.#tables.get(table)!
      if (connection < times.length) times[connection] = Number.NaN
    }
  }

  /** Every accepted flow of the connection at its ENI, either way round, in every open window. */
  #linkAll(eni: number, connection: number, words: Int32Array, at: number): void {
    for (const table of this.#tables.keys())
      for (const direction of directions)
        for (const reversed of [false, true]) {
          const entry = table.find(words, at, ownerOf(eni, direction, accept), reversed)
          if (entry !== 0) table.words[entry + entryConnection] = connection
        }
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
