import { packetDirection } from '../packet/packet.ts'
import { createLane, echoType, ethernetMtu, type Carried, type Host, type Lane } from './lane.ts'
import type { Tape } from './tape.ts'

/** Where a tap stands on the way from client to server, and what it sees there. */
export interface Sighting {
  /** The number of the capture's interface. */
  readonly tap: number
  /** 0 at the client, 1 at the server. */
  readonly position: number
  /** The direction of the client's packets at this tap. */
  readonly clientGoes: 'in' | 'out'
  /** The ends as their addresses are here: address translation changes them along the way. */
  readonly client: Host
  readonly server: Host
  /** The client's port here, where it is not the client's own. */
  readonly clientPort?: number
}

/** The way packets go: who sees them, how long they take, how large they may be. */
export interface Way {
  readonly sightings: readonly Sighting[]
  readonly roundTripNanoseconds: number
  readonly packetBytesMax?: number
}

/** A conversation between a client and a server, put on a tape at each tap it passes. */
export class Conversation {
  readonly roundTrip: number
  readonly #tape: Tape
  readonly #sightings: readonly Sighting[]
  readonly #fromClient: readonly Lane[]
  readonly #fromServer: readonly Lane[]

  constructor(tape: Tape, way: Way, carried: Carried, clientPort: number, serverPort: number) {
    this.#tape = tape
    this.roundTrip = way.roundTripNanoseconds
    this.#sightings = way.sightings
    const size = way.packetBytesMax ?? ethernetMtu
    const lanes = way.sightings.map((its) => {
      const client = { ...its.client, port: its.clientPort ?? clientPort }
      const server = { ...its.server, port: carried === 'echo' ? client.port : serverPort }
      const { inbound, outbound } = packetDirection
      const [there, back] = its.clientGoes === 'out' ? [outbound, inbound] : [inbound, outbound]
      return [
        createLane(its.tap, there, carried, client, server, size),
        createLane(its.tap, back, carried, server, client, size),
      ] as const
    })
    this.#fromClient = lanes.map(([lane]) => lane)
    this.#fromServer = lanes.map(([, lane]) => lane)
  }

  /** One packet, sent at `time` by the client's or the server's clock; the rest is `Tape.put`'s. */
  send(
    byClient: boolean,
    time: number,
    payloadBytes: number,
    control: number,
    sequence = 0,
    acknowledgement = 0,
  ): void {
    const lanes = byClient ? this.#fromClient : this.#fromServer
    for (let i = 0; i < lanes.length; i++) {
      const { position } = this.#sightings[i]!
      const delay = (byClient ? position : 1 - position) * 0.5 * this.roundTrip
      this.#tape.put(lanes[i]!, time + delay, payloadBytes, control, sequence, acknowledgement)
    }
  }

  get isIpv6(): boolean {
    return this.#fromClient[0]!.ipv6
  }
}

/** A question by UDP and its answer: DNS, NTP. */
export function askByUdp(
  tape: Tape,
  way: Way,
  ports: { client: number; server: number },
  time: number,
  bytes: { question: number; answer: number },
): void {
  const conversation = new Conversation(tape, way, 'udp', ports.client, ports.server)
  conversation.send(true, time, bytes.question, 0)
  conversation.send(false, time + conversation.roundTrip / 2 + 50_000, bytes.answer, 0)
}

/** `count` echo requests, a second apart, each answered unless nobody is to answer. */
export function ping(
  tape: Tape,
  way: Way,
  time: number,
  its: { identifier: number; count: number; answered: boolean },
): void {
  const conversation = new Conversation(tape, way, 'echo', its.identifier, its.identifier)
  const [request, reply] = conversation.isIpv6
    ? [echoType.ipv6Request, echoType.ipv6Reply]
    : [echoType.ipv4Request, echoType.ipv4Reply]
  for (let i = 0; i < its.count; i++) {
    const sent = time + i * 1e9
    conversation.send(true, sent, 56, request, i + 1)
    if (its.answered) {
      conversation.send(false, sent + conversation.roundTrip / 2 + 20_000, 56, reply, i + 1)
    }
  }
}
