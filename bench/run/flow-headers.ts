/**
 * The headers of every flow of a capture, made once: a packet then is a copy of its flow's headers with
 * length, identification, flags and sequence filled in. Flows come in pairs: flow 2p goes from client to
 * server, flow 2p + 1 back. All lie in one flat array, so that a million flows take 80 MB.
 *
 * 10 % of the pairs are IPv6, 5 % carry a VLAN tag, 1 % are ICMP and 30 % UDP, the others TCP; 30 % of
 * the servers have a public address. Eight pairs share a client.
 */
import {
  etherType,
  ethernet,
  icmp,
  icmpv6,
  ipv4,
  ipv6,
  mac,
  tcp,
  udp,
  type Transport,
} from '../../src/packet/packet.ts'
import type { Random } from '../../src/sample/random.ts'

/** Ethernet 14, a tag 4, IPv6 40 and TCP 20 make 78. */
export const headerSlotBytes = 80

const tagBytes = 4
const ethernetBytes = 14
export const pairsPerClient = 8
export const servicePorts = [443, 80, 53, 22, 3306, 6379, 8080, 5432, 9200, 123]

interface Pair {
  readonly client: string
  readonly server: string
  readonly clientPort: number
  readonly serverPort: number
  readonly six: boolean
  readonly vlan: number | undefined
  readonly protocol: 'icmp' | 'udp' | 'tcp'
}

export class FlowHeaders {
  readonly flows: number
  /** `headerSlotBytes` a flow. */
  readonly bytes: Uint8Array
  /** Of each flow, where its IP header begins. */
  readonly ipAt: Uint8Array
  /** Of each flow, where its transport header begins. */
  readonly transportAt: Uint8Array
  /** Of each flow, where its headers end. */
  readonly end: Uint8Array

  constructor(flows: number, random: Random) {
    const pairs = Math.ceil(flows / 2)
    this.flows = pairs * 2
    this.bytes = new Uint8Array(this.flows * headerSlotBytes)
    this.ipAt = new Uint8Array(this.flows)
    this.transportAt = new Uint8Array(this.flows)
    this.end = new Uint8Array(this.flows)
    for (let i = 0; i < pairs; i++) {
      const pair = drawPair(i, random)
      this.#put(2 * i, pair, frameOf(pair, true))
      this.#put(2 * i + 1, pair, frameOf(pair, false))
    }
  }

  #put(flow: number, pair: Pair, frame: Uint8Array): void {
    const ipAt = ethernetBytes + (pair.vlan === undefined ? 0 : tagBytes)
    this.ipAt[flow] = ipAt
    this.transportAt[flow] = ipAt + (pair.six ? 40 : 20)
    this.end[flow] = frame.length
    this.bytes.set(frame, flow * headerSlotBytes)
  }
}

function drawPair(index: number, random: Random): Pair {
  const six = random.real(0, 100) < 10
  const vlan = random.real(0, 100) < 5 ? 100 + (index % 16) : undefined
  const isPublic = random.real(0, 100) < 30
  const kind = random.real(0, 100)
  const client = Math.floor(index / pairsPerClient)
  return {
    six,
    vlan,
    protocol: kind < 1 ? 'icmp' : kind < 31 ? 'udp' : 'tcp',
    client: six
      ? `fd00:10::${(client >>> 16).toString(16)}:${(client & 0xffff).toString(16)}`
      : `10.${client >>> 16}.${(client >>> 8) & 255}.${client & 255}`,
    server: six ? serverIpv6(isPublic, random) : serverIpv4(isPublic, random),
    clientPort: random.clientPort(),
    serverPort: servicePorts[random.whole(0, servicePorts.length - 1)]!,
  }
}

/** Private ones lie above all clients; public ones begin where nothing is reserved, 11 to 99. */
function serverIpv4(isPublic: boolean, random: Random): string {
  const first = isPublic ? `${random.whole(11, 99)}.${random.whole(0, 255)}` : ''
  const start = isPublic ? first : `10.${random.whole(200, 207)}`
  return `${start}.${random.whole(0, 255)}.${random.whole(1, 254)}`
}

function serverIpv6(isPublic: boolean, random: Random): string {
  const word = () => random.whole(0, 0xffff).toString(16)
  return isPublic ? `2600:${word()}::${word()}` : `fd00:20::${word()}:${word()}`
}

function frameOf(pair: Pair, fromClient: boolean): Uint8Array {
  const transport = transportOf(pair, fromClient)
  const addresses = fromClient
    ? { source: pair.client, destination: pair.server }
    : { source: pair.server, destination: pair.client }
  const packet = pair.six ? ipv6(addresses, transport) : ipv4(addresses, transport)
  const [source, destination] = fromClient ? [mac(1), mac(2)] : [mac(2), mac(1)]
  const tags = pair.vlan === undefined ? [] : [{ etherType: etherType.vlan, id: pair.vlan }]
  return ethernet({ source, destination, tags }, pair.six ? etherType.ipv6 : etherType.ipv4, packet)
}

/** Without a checksum: packets of one flow differ, and no reader of flows looks at it. */
function transportOf(pair: Pair, fromClient: boolean): Transport {
  const ports = fromClient
    ? { sourcePort: pair.clientPort, destinationPort: pair.serverPort }
    : { sourcePort: pair.serverPort, destinationPort: pair.clientPort }
  const { protocol, bytes } = ((): Transport => {
    if (pair.protocol === 'tcp') return tcp({ ...ports, flags: 0 })
    if (pair.protocol === 'udp') return udp(ports)
    if (pair.six) return icmpv6({ type: fromClient ? 128 : 129 })
    return icmp({ type: fromClient ? 8 : 0 })
  })()
  return { protocol, bytes }
}
