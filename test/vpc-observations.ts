/**
 * Packets as one line of text, seen through the assigner of a topology: what the tests of `vpc/` are written
 * in.
 *
 *     10.0.0.1:4000 > 10.0.0.2:80 tcp S @5
 *     fd00::1 > fd00::2 icmpv6 error [fd00::2]:9 > [fd00::1]:53 udp
 *     10.0.0.1 > 10.0.0.2 udp later #77      (fragment; `first` for the first one)
 *
 * Flags are letters of FSRPAU; `@5.5` is the time in seconds, `if1` the capture interface, `in` and `out` the
 * capture's own direction, `nd` marks neighbour discovery. An observation is `eni-1 out ACCEPT 7`.
 */
import assert from 'node:assert/strict'
import {
  about,
  PacketBatch,
  packetBatchRows,
  protocol,
  rowWords,
  word,
} from '../src/packet/packet.ts'
import { actionText, directionText } from '../src/record/batch.ts'
import { parseAddress } from '../src/vpc/address.ts'
import { parseTopology } from '../src/vpc/topology.ts'
import { TopologyAssigner } from '../src/vpc/topology-assigner.ts'
import { owner, type Assigner, ObservationBatch } from '../src/vpc/vpc.ts'

export interface Watch {
  readonly assigner: Assigner
  /** The observations of each packet, in order. */
  readonly see: (...packets: readonly string[]) => string[][]
  /** `see` for one packet. */
  readonly one: (packet: string) => string[]
}

export function watchTopology(text: string): Watch {
  const topology = parseTopology(text, 'test.yaml')
  return watch(new TopologyAssigner(topology))
}

export function watch(assigner: Assigner): Watch {
  const batch = new PacketBatch()
  const out = new ObservationBatch()
  const see = (...packets: readonly string[]): string[][] => {
    assert.ok(packets.length <= packetBatchRows, 'one batch of packets at a time')
    batch.rows = 0
    for (const packet of packets) writePacket(packet, batch, batch.rows++)
    assigner.assign(batch, out)
    const seen = packets.map((): string[] => [])
    for (let row = 0; row < out.rows; row++) {
      const eni = assigner.enis[owner.eni(out.owner[row]!)]!.eniId
      const what = `${directionText[owner.direction(out.owner[row]!)]} ${actionText[owner.action(out.owner[row]!)]}`
      seen[out.packet[row]!]!.push(`${eni} ${what} ${out.path[row]}`)
    }
    return seen
  }
  return { assigner, see, one: (packet) => see(packet)[0]! }
}

const protocols: Readonly<Record<string, number>> = { ...protocol, sctp: 132 }
const flagLetters = 'FSRPAU'

export function writePacket(text: string, batch: PacketBatch, row: number): void {
  const [head = '', quoted] = text.split(' error ')
  const base = row * rowWords
  // A reader does not clear what it does not use: nothing may depend on it.
  batch.words.fill(0x55555555, base, base + rowWords)
  batch.quoted.fill(0x55555555, base, base + rowWords)
  writeTuple(head, batch.words, base)
  let mark = batch.words[base + word.about]!
  if (quoted !== undefined) {
    mark |= about.icmpError
    writeTuple(quoted, batch.quoted, base)
  }
  const first = batch.words[base + word.destination]! >>> 24
  if (mark & about.ipv6 ? first === 0xff : first >>> 4 === 14) mark |= about.multicast
  if (!(mark & about.ipv6) && batch.words[base + word.destination] === -1) mark |= about.broadcast
  batch.words[base + word.bytes] = 60
  batch.words[base + word.second] = 0
  batch.words[base + word.nanosecond] = 0
  batch.words[base + word.interface] = 0
  batch.words[base + word.packets] = 1
  for (const part of head.split(' ').slice(4)) {
    if (part === 'first') mark |= about.firstFragment
    else if (part === 'later') mark |= about.laterFragment
    else if (part === 'nd') mark |= about.neighbourDiscovery
    else if (part === 'in') mark |= 1 << about.directionShift
    else if (part === 'out') mark |= 2 << about.directionShift
    else if (part.startsWith('#')) batch.words[base + word.identification] = Number(part.slice(1))
    else if (part.startsWith('if')) batch.words[base + word.interface] = Number(part.slice(2))
    else if (part.startsWith('@')) {
      const time = Number(part.slice(1))
      batch.words[base + word.second] = Math.floor(time)
      batch.words[base + word.nanosecond] = Math.round((time % 1) * 1e9)
    } else
      for (const letter of part) {
        assert.ok(flagLetters.includes(letter), `what is ${part} in ${text}?`)
        mark |= (1 << flagLetters.indexOf(letter)) << about.flagsShift
      }
  }
  batch.words[base + word.about] = mark
}

/** Addresses, ports, protocol and family: the first four words of the text. */
function writeTuple(text: string, words: Int32Array, base: number): void {
  const [source = '', , destination = '', name = ''] = text.split(' ')
  const from = addressAndPort(source)
  const to = addressAndPort(destination)
  const proto = protocols[name] ?? Number(name)
  assert.ok(proto >= 0 && proto < 256, `no protocol in ${text}`)
  const width = from.address.family === 6 ? 4 : 1
  words.set(from.address.words.slice(0, width), base + word.source)
  words.set(to.address.words.slice(0, width), base + word.destination)
  words[base + word.ports] = (from.port << 16) | to.port
  words[base + word.about] = proto | (width === 4 ? about.ipv6 : 0)
}

function addressAndPort(text: string) {
  const [, v6, v4, port = '0'] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? []
  const address = parseAddress(v6 ?? v4 ?? text)
  assert.ok(address, `${text} is no address`)
  return { address, port: Number(port) }
}
