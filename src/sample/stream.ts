import { ethernetMtu, segmentBytes } from './lane.ts'
import type { Way } from './conversation.ts'
import type { Random } from './random.ts'
import type { Tape } from './tape.ts'
import { TcpConnection } from './tcp-connection.ts'

const second = 1e9

export interface StreamOptions {
  readonly way: Way
  readonly serverPort: number
  /** Bursts of data a minute; the data of one goes out at once. */
  readonly bursts: number
  /** Minutes a connection lasts before the next one is opened. */
  readonly minutes: number
  /** Who sends; the client unless told. */
  readonly byServer?: boolean
}

/**
 * Data that one side keeps sending to the other for the whole hour: a connection is opened in the first
 * second of a minute, carries that many minutes and is closed in the last second of the last.
 */
export class Stream {
  readonly #tape: Tape
  readonly #random: Random
  readonly #its: StreamOptions
  #connection: TcpConnection | undefined

  constructor(tape: Tape, random: Random, its: StreamOptions) {
    this.#tape = tape
    this.#random = random
    this.#its = its
  }

  /** Puts minute `minute` of the hour, in which the sender's IP packets make `bitsPerSecond`. */
  minute(minute: number, bitsPerSecond: number): void {
    const { way, bursts, minutes, serverPort, byServer } = this.#its
    const begin = minute * 60 * second
    if (minute % minutes === 0) {
      const ports = { client: this.#random.clientPort(), server: serverPort }
      this.#connection = new TcpConnection(this.#tape, way, this.#random, ports)
      this.#connection.open(begin + this.#random.real(0.005, 0.02) * second)
    }
    const size = way.packetBytesMax ?? ethernetMtu
    const payloadShare = segmentBytes(size, way.sightings[0]!.client.address) / size
    const bytes = ((bitsPerSecond * 60) / 8) * payloadShare
    const spacing = (60 * second) / bursts
    let sent = 0
    for (let burst = 0; burst < bursts; burst++) {
      const due = Math.round((bytes * (burst + 1)) / bursts)
      const at = begin + burst * spacing + this.#random.real(0.2, 0.6) * Math.min(spacing, second)
      this.#connection!.data(byServer !== true, at, due - sent, 80_000)
      sent = due
    }
    if (minute % minutes === minutes - 1) this.#connection!.close(begin + 59.9 * second)
  }
}
