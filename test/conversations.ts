/**
 * What two hosts say to each other, as they would through a firewall: nobody answers what did not arrive.
 *
 * A script is a list of openings, each a list of packets: `>` from the host that opens the conversation, `<` from the
 * other, and what it is: TCP flags of FSRPAU; an ICMP echo request or reply, or a plain packet, when nothing follows;
 * `error`, an ICMP error about the last packet of the other that got through; `router`, the same by a third host to
 * the ENI. When the first packet of an opening does not get through it is sent once more, and that is the end.
 */
import {
  icmp,
  icmpv6,
  ipv4,
  ipv6,
  opaque,
  protocol,
  tcp,
  tcpFlag,
  type Transport,
  udp,
} from '../src/packet/packet.ts'
import type { Dice } from './random-rules.ts'

export interface Conversation {
  readonly own: string
  readonly peer: string
  /** Of `router` packets. */
  readonly router: string
  /** Whether the ENI's host opens the conversation. */
  readonly opens: boolean
  readonly protocol: number
  /** Of the ENI's host and of the peer; 0 where there are none. */
  readonly ownPort: number
  readonly peerPort: number
  readonly script: readonly (readonly string[])[]
}

export interface Sent {
  /** Whether the ENI sends it. */
  readonly out: boolean
  readonly packet: Uint8Array
}

/**
 * Openings of TCP: with SYN, or in the middle of a connection that is older than the firewall (an ACK). Orderly and
 * hard ends, retransmissions, the same ports once more from either end.
 */
const close = ['<FA', '>A', '>FA', '<A']
const handshake = ['>S', '<SA', '>A']
const tcpScripts: Conversation['script'][] = [
  [[...handshake, '>PA', '<PA', ...close, '>A']],
  [[...handshake, '>PA', '<A', '<error', '>error', 'router', '<PA', '>PA']],
  [
    [...handshake, ...close],
    [...handshake, '<PA'],
  ],
  [
    [...handshake, ...close],
    ['<S', '>SA', '<A', '<PA', '>PA'],
  ],
  [
    [...handshake, '>FA', '<FA', '>A'],
    ['<S', '>SA', '<A', '>PA'],
  ],
  [['>S', '>S', '<SA', '<SA', '>S', '>A', '<PA', 'router', '>RA', '<PA', '<A'], handshake],
  [
    [...handshake, '<PA', '<RA', '>A', '>PA'],
    [...handshake, '>PA', '<PA'],
  ],
  [
    ['>S', '<RA'],
    ['>S', '<SA', '>A', '<PA'],
  ],
  [
    ['>A', '<A', '>PA', '<PA', ...close],
    ['<S', '>SA', '<A', '>PA'],
  ],
  [['>PA', '<PA', '>error', '<error', '<A']],
  // What belongs to nothing is judged by itself.
  [['>SA']],
  [['>FA']],
  [['>R']],
  [['>']],
]
const plainScripts: Conversation['script'][] = [
  [['>', '>', '<', '<', '>', '<']],
  [['>', '<', 'router', '<error', '>error', '<', '>']],
  [['>', 'router', '>', '<']],
]
const echoScripts: Conversation['script'][] = [
  [['>', '<', '>', '<']],
  [['>', '>', 'router', '<']],
  [['>', '<', 'router', '<', '>']],
]

export function scriptFor(dice: Dice, number: number): Conversation['script'] {
  if (number === protocol.tcp) return dice.of(tcpScripts)
  return dice.of(
    number === protocol.icmp || number === protocol.icmpv6 ? echoScripts : plainScripts,
  )
}

/**
 * Holds a conversation.
 * @param send gives a packet to the firewall; whether it got through
 */
export function hold(talk: Conversation, dice: Dice, send: (sent: Sent) => boolean): void {
  const host = new Hosts(talk, dice)
  for (const [first, ...rest] of talk.script) {
    const opening = host.make(first!)!
    if (!send(opening)) {
      send(opening)
      return
    }
    host.arrived(opening)
    for (const each of rest) {
      const sent = host.make(each)
      // "An ICMP error message MUST NOT be sent as the result of receiving: an ICMP error message" (RFC 1122, 3.2.2).
      if (sent !== undefined && send(sent) && !errors.test(each)) host.arrived(sent)
    }
  }
}

const errors = /error|router/

/** Both ends, with their sequence numbers and what of each last got through. */
class Hosts {
  readonly #talk: Conversation
  readonly #dice: Dice
  readonly #next = { own: 1000, peer: 500_000 }
  readonly #synced = { own: false, peer: false }
  readonly #last: { own?: Uint8Array; peer?: Uint8Array } = {}

  constructor(talk: Conversation, dice: Dice) {
    this.#talk = talk
    this.#dice = dice
  }

  arrived({ out, packet }: Sent): void {
    this.#last[out ? 'own' : 'peer'] = packet
  }

  /** Undefined for an error about nothing. */
  make(text: string): Sent | undefined {
    if (text === 'router') return this.#error(false, this.#talk.router)
    const out = text.startsWith('>') === this.#talk.opens
    const what = text.slice(1)
    const { own, peer } = this.#talk
    if (what === 'error') return this.#error(out, out ? own : peer)
    return { out, packet: this.#packet(out, out ? own : peer, this.#transport(out, text)) }
  }

  /** An ICMP error to the host whose packet it quotes. */
  #error(out: boolean, source: string): Sent | undefined {
    const quoted = this.#last[out ? 'peer' : 'own']
    if (quoted === undefined) return undefined
    const six = source.includes(':')
    const about = { code: 0, word: 0, payload: quoted.subarray(0, six ? 64 : 48) }
    const transport = six
      ? icmpv6({ ...about, type: this.#dice.of([1, 2, 3, 4]) })
      : icmp({ ...about, type: this.#dice.of([3, 4, 11, 12]) })
    return { out, packet: this.#packet(out, source, transport) }
  }

  #packet(out: boolean, source: string, transport: Transport): Uint8Array {
    const destination = out ? this.#talk.peer : this.#talk.own
    return source.includes(':')
      ? ipv6({ source, destination }, transport)
      : ipv4({ source, destination }, transport)
  }

  #transport(out: boolean, text: string): Transport {
    const { ownPort, peerPort, protocol: number } = this.#talk
    const [sourcePort, destinationPort] = out ? [ownPort, peerPort] : [peerPort, ownPort]
    if (number === protocol.tcp)
      return this.#segment(out, text.slice(1), sourcePort, destinationPort)
    if (number === protocol.udp)
      return udp({ sourcePort, destinationPort, payload: new Uint8Array(4) })
    const answers = text.startsWith('<')
    if (number === protocol.icmp) return icmp({ type: answers ? 0 : 8, word: echoWord })
    if (number === protocol.icmpv6) return icmpv6({ type: answers ? 129 : 128, word: echoWord })
    return opaque(number, new Uint8Array(16))
  }

  #segment(out: boolean, letters: string, sourcePort: number, destinationPort: number): Transport {
    const [me, other] = out ? (['own', 'peer'] as const) : (['peer', 'own'] as const)
    const flags = letters.split('').reduce((bits, letter) => bits | flagOf[letter]!, 0)
    const payload = new Uint8Array(letters.includes('P') ? 10 : 0)
    // A SYN takes a number, but the same one as often as it is sent again.
    if (this.#synced[me] && !letters.includes('S')) {
      this.#next[me]++
      this.#synced[me] = false
    } else if (letters.includes('S')) this.#synced[me] = true
    const sequence = this.#next[me]
    this.#next[me] += payload.length + (letters.includes('F') ? 1 : 0)
    const acknowledgement = this.#next[other] + (this.#synced[other] ? 1 : 0)
    return tcp({
      sourcePort,
      destinationPort,
      flags,
      sequence,
      acknowledgement: letters.includes('A') ? acknowledgement : 0,
      payload,
    })
  }
}

const echoWord = 0x1234_0001

const flagOf: Readonly<Record<string, number>> = {
  F: tcpFlag.fin,
  S: tcpFlag.syn,
  R: tcpFlag.rst,
  P: tcpFlag.psh,
  A: tcpFlag.ack,
  U: tcpFlag.urg,
}
