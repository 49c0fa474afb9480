import { tcpFlag } from '../packet/packet.ts'
import { Conversation, type Way } from './conversation.ts'
import { ethernetMtu, segmentBytes } from './lane.ts'
import type { Random } from './random.ts'
import type { Tape } from './tape.ts'

const { fin, syn, rst, psh, ack } = tcpFlag

/** Segments a receiver with receive offload acknowledges at once. */
const segmentsPerAck = 4
/** Until a host answers what it has received. */
const turnNanoseconds = 30_000

/**
 * One TCP connection as it looks on the wire: handshake, data and acknowledgements, the four-way close.
 * Times are nanoseconds by the sender's clock; each call gives the time at which it is over.
 */
export class TcpConnection {
  readonly #conversation: Conversation
  readonly #segmentBytes: number
  #clientSent: number
  #serverSent: number

  constructor(tape: Tape, way: Way, random: Random, ports: { client: number; server: number }) {
    this.#conversation = new Conversation(tape, way, 'tcp', ports.client, ports.server)
    const size = way.packetBytesMax ?? ethernetMtu
    this.#segmentBytes = Math.min(
      ...way.sightings.map((its) => segmentBytes(size, its.client.address)),
    )
    this.#clientSent = random.next()
    this.#serverSent = random.next()
  }

  /** The three-way handshake. */
  open(time: number): number {
    this.#send(true, time, 0, syn)
    this.#clientSent = plus(this.#clientSent, 1)
    const answered = time + this.#half + turnNanoseconds
    this.#send(false, answered, 0, syn | ack)
    this.#serverSent = plus(this.#serverSent, 1)
    const done = answered + this.#half + turnNanoseconds
    this.#send(true, done, 0, ack)
    return done
  }

  /**
   * `bytes` of data from one side, in segments `gap` apart, acknowledged by the other. Gives the time
   * at which the sender knows that all has arrived.
   */
  data(byClient: boolean, time: number, bytes: number, gap: number): number {
    let left = bytes
    let sent = time
    let unanswered = 0
    while (left > 0) {
      const size = Math.min(left, this.#segmentBytes)
      left -= size
      this.#send(byClient, sent, size, left === 0 ? psh | ack : ack)
      if (byClient) this.#clientSent = plus(this.#clientSent, size)
      else this.#serverSent = plus(this.#serverSent, size)
      unanswered++
      if (unanswered === segmentsPerAck || left === 0) {
        this.#send(!byClient, sent + this.#half + turnNanoseconds, 0, ack)
        unanswered = 0
      }
      sent += gap
    }
    return sent - gap + 2 * (this.#half + turnNanoseconds)
  }

  /** FIN from the client, FIN from the server, the last acknowledgement. */
  close(time: number): number {
    this.#send(true, time, 0, fin | ack)
    this.#clientSent = plus(this.#clientSent, 1)
    const answered = time + this.#half + turnNanoseconds
    this.#send(false, answered, 0, fin | ack)
    this.#serverSent = plus(this.#serverSent, 1)
    const done = answered + this.#half + turnNanoseconds
    this.#send(true, done, 0, ack)
    return done
  }

  /** The client gives up. */
  reset(time: number): void {
    this.#send(true, time, 0, rst | ack)
  }

  /**
   * A SYN that nobody answers, sent again after 1, 2, 4, 8, 16 and 32 seconds more, as Linux does
   * (tcp_syn_retries 6, RFC 6298's doubling).
   */
  knock(time: number): void {
    let waited = 0
    for (let retry = 0; retry <= 6; retry++) {
      this.#send(true, time + waited, 0, syn)
      waited += 2 ** retry * 1e9
    }
  }

  get #half(): number {
    return this.#conversation.roundTrip / 2
  }

  #send(byClient: boolean, time: number, bytes: number, flags: number): void {
    const [mine, theirs] = byClient
      ? [this.#clientSent, this.#serverSent]
      : [this.#serverSent, this.#clientSent]
    this.#conversation.send(byClient, time, bytes, flags, mine, (flags & ack) === 0 ? 0 : theirs)
  }
}

const plus = (sequence: number, bytes: number): number => (sequence + bytes) >>> 0
