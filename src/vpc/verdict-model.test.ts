/**
 * The rules of verdicts once more, written as plainly as they can be (objects, big integers, one list of
 * everything seen), and compared with the assigner on random rule sets and random packets.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { watchTopology } from '../../test/vpc-observations.ts'
import { Random } from '../sample/random.ts'
import { parseCidr } from './address.ts'

interface Rule {
  readonly direction?: string
  readonly policy: string
  readonly protocol?: string
  readonly ports?: string
  readonly peer?: string
  readonly priority?: number
}
interface Group {
  readonly id: string
  readonly innerAccess?: string
  readonly rules: readonly Rule[]
}
interface Eni {
  readonly id: string
  readonly vSwitch: string
  readonly privateIps: readonly string[]
  readonly securityGroups?: readonly string[]
}
interface Network {
  readonly vpcs: readonly { readonly id: string; readonly cidrs: readonly string[] }[]
  readonly vSwitches: readonly {
    readonly id: string
    readonly vpc: string
    readonly cidrs: readonly string[]
    readonly networkAcl?: string
  }[]
  readonly enis: readonly Eni[]
  readonly securityGroups: readonly Group[]
  readonly networkAcls: readonly {
    readonly id: string
    readonly ingress: readonly Rule[]
    readonly egress: readonly Rule[]
  }[]
}
interface Tuple {
  readonly source: string
  readonly sourcePort: number
  readonly destination: string
  readonly destinationPort: number
  readonly protocol: string
}
interface Packet extends Tuple {
  readonly second: number
  readonly flags: string
  readonly fragment: '' | 'first' | 'later'
  readonly identification: number
  readonly discovery: boolean
  readonly quoted: Tuple | undefined
}

const protocolNumber = (name: string): number =>
  ({ tcp: 6, udp: 17, icmp: 1, icmpv6: 58, gre: 47 })[name] ?? Number(name)

const within = (address: string, range: string): boolean => {
  const block = parseCidr(range)!
  const host = parseCidr(address)!
  return (
    block.family === host.family &&
    host.words.every((word, i) => {
      for (let bit = 0; bit < 32 && i * 32 + bit < block.length; bit++)
        if (((word ^ block.words[i]!) >>> (31 - bit)) & 1) return false
      return true
    })
  )
}

interface Connection {
  readonly tuple: Tuple
  state: 'open' | 'refused'
  last: number
  fins: string[]
  closed: boolean
}

class Model {
  readonly #net: Network
  readonly #connections = new Map<Eni, Connection[]>()
  readonly #fragments: { eni: Eni; way: string; packet: Packet; accepted: boolean }[] = []

  constructor(net: Network) {
    this.#net = net
  }

  see(packet: Packet): string[] {
    const owner = (address: string) =>
      this.#net.enis.find((eni) => eni.privateIps.includes(address))
    const sender = owner(packet.source)
    const receiver = owner(packet.destination)
    const seen: string[] = []
    if (sender && sender !== receiver) {
      const accepted = this.#judge(sender, 'out', packet)
      seen.push(`${sender.id} out ${accepted ? 'ACCEPT' : 'REJECT'}`)
      if (!accepted) return seen
    }
    if (receiver)
      seen.push(`${receiver.id} in ${this.#judge(receiver, 'in', packet) ? 'ACCEPT' : 'REJECT'}`)
    return seen
  }

  #judge(eni: Eni, way: string, packet: Packet): boolean {
    if (packet.discovery) return true
    if (packet.fragment === 'later') {
      const first = this.#fragments.findLast(
        (each) =>
          each.eni === eni &&
          each.way === way &&
          each.packet.source === packet.source &&
          each.packet.destination === packet.destination &&
          each.packet.protocol === packet.protocol &&
          each.packet.identification === packet.identification,
      )
      if (first && packet.second - first.packet.second <= 30) return first.accepted
    }
    const accepted = this.#statefully(eni, way, packet)
    if (packet.fragment === 'first') this.#fragments.push({ eni, way, packet, accepted })
    return accepted
  }

  #statefully(eni: Eni, way: string, packet: Packet): boolean {
    const acl = this.#acl(eni, way, packet)
    const related = packet.quoted && this.#alive(eni, packet.quoted, packet.second)
    if (related?.state === 'open') return acl
    let connection = this.#alive(eni, packet, packet.second)
    const tcp = packet.protocol === 'tcp'
    const syn = tcp && packet.flags.includes('S') && !packet.flags.includes('A')
    const first = !connection || (syn && (connection.state === 'refused' || connection.closed))
    const open = !first && connection!.state === 'open'
    const accepted = acl && (open || this.#groups(eni, way, packet))
    if (first) {
      if (packet.fragment === 'later') return accepted
      connection = {
        tuple: packet,
        state: accepted ? 'open' : 'refused',
        last: packet.second,
        fins: [],
        closed: false,
      }
      this.#connections.set(eni, [
        ...(this.#connections.get(eni) ?? []).filter((each) => !same(each.tuple, packet)),
        connection,
      ])
    } else if (accepted || connection!.state === 'refused') connection!.last = packet.second
    if (tcp && accepted) {
      if (syn) Object.assign(connection!, { fins: [], closed: false })
      const other = `${packet.destination} ${packet.destinationPort}`
      if (
        packet.flags.includes('R') ||
        (packet.flags.includes('F') && connection!.fins.includes(other))
      )
        connection!.closed = true
      if (packet.flags.includes('F')) connection!.fins.push(`${packet.source} ${packet.sourcePort}`)
    }
    return accepted
  }

  #alive(eni: Eni, tuple: Tuple, second: number): Connection | undefined {
    const connection = this.#connections.get(eni)?.find((each) => same(each.tuple, tuple))
    if (!connection) return undefined
    const most = tuple.protocol === 'tcp' ? (connection.closed ? 3 : 910) : 30
    return Math.max(0, second - connection.last) > most ? undefined : connection
  }

  #vpcOf(eni: Eni): string {
    return this.#net.vSwitches.find(({ id }) => id === eni.vSwitch)!.vpc
  }

  #peerEni(eni: Eni, peer: string): Eni | undefined {
    return this.#net.enis.find(
      (each) => each.privateIps.includes(peer) && this.#vpcOf(each) === this.#vpcOf(eni),
    )
  }

  #matches(eni: Eni, rule: Rule, peer: string, packet: Packet): boolean {
    if (rule.protocol !== undefined && rule.protocol !== 'all') {
      if (protocolNumber(rule.protocol) !== protocolNumber(packet.protocol)) return false
      const [from, to] = (rule.ports ?? '-1/-1').split('/').map(Number)
      const tested = packet.protocol === 'tcp' || packet.protocol === 'udp'
      if (tested && from !== -1 && (packet.destinationPort < from! || packet.destinationPort > to!))
        return false
    }
    if (rule.peer === undefined) return true
    if (rule.peer.startsWith('sg-'))
      return this.#peerEni(eni, peer)?.securityGroups?.includes(rule.peer) ?? false
    return within(peer, rule.peer)
  }

  #groups(eni: Eni, way: string, packet: Packet): boolean {
    if (!eni.securityGroups?.length) return true
    const groups = this.#net.securityGroups.filter(({ id }) => eni.securityGroups!.includes(id))
    const peer = way === 'in' ? packet.source : packet.destination
    const matching = groups
      .flatMap(({ rules }) => rules)
      .filter(({ direction }) => direction === (way === 'in' ? 'ingress' : 'egress'))
      .filter((rule) => this.#matches(eni, rule, peer, packet))
    const least = Math.min(...matching.map(({ priority = 1 }) => priority))
    const deciding = matching.filter(({ priority = 1 }) => priority === least)
    if (deciding.length > 0) return deciding.every(({ policy }) => policy === 'accept')
    if (way === 'out') return true
    const shared = groups.filter(({ id }) => this.#peerEni(eni, peer)?.securityGroups?.includes(id))
    return shared.some(({ innerAccess }) => innerAccess !== 'drop')
  }

  #acl(eni: Eni, way: string, packet: Packet): boolean {
    const vSwitch = this.#net.vSwitches.find(({ id }) => id === eni.vSwitch)!
    if (vSwitch.networkAcl === undefined) return true
    const peer = way === 'in' ? packet.source : packet.destination
    const inside = [...vSwitch.cidrs, '255.255.255.255', '169.254.0.0/16', 'fe80::/10'].some(
      (range) => within(peer, range),
    )
    if (inside || this.#peerEni(eni, peer)?.vSwitch === eni.vSwitch) return true
    const acl = this.#net.networkAcls.find(({ id }) => id === vSwitch.networkAcl)!
    const entry = (way === 'in' ? acl.ingress : acl.egress).find((each) =>
      this.#matches(eni, each, peer, packet),
    )
    return entry?.policy === 'accept'
  }
}

const same = (a: Tuple, b: Tuple): boolean => {
  const ends = (each: Tuple): string =>
    [`${each.source} ${each.sourcePort}`, `${each.destination} ${each.destinationPort}`]
      .toSorted()
      .join()
  return a.protocol === b.protocol && ends(a) === ends(b)
}

const own4 = ['10.0.0.1', '10.0.0.2', '10.0.1.1', '10.0.1.2', '10.9.0.1']
const own6 = ['fd00::1', 'fd00::2', 'fd00::3', 'fd00::4', undefined]
const others4 = ['10.0.0.9', '10.0.1.9', '8.8.8.8', '9.9.9.9', '169.254.3.4', '255.255.255.255']
const others6 = ['fd00::9', '2001:db8::1', 'fe80::7']
const ranges = [
  '0.0.0.0/0',
  '::/0',
  '10.0.0.0/24',
  '10.0.1.2',
  '8.0.0.0/7',
  '8.8.8.8/32',
  'fd00::/126',
  '2001:db8::/32',
  '10.0.0.0/8',
]
const protocolNames = ['tcp', 'udp', 'icmp', 'icmpv6', '50']
const ports = [0, 22, 53, 80]

class Dice extends Random {
  of<T>(list: readonly T[]): T {
    return list[this.whole(0, list.length - 1)]!
  }

  times<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.whole(0, most) }, make)
  }

  chance(percent: number): boolean {
    return this.whole(0, 99) < percent
  }

  rule(peers: readonly string[]): Rule {
    return {
      policy: this.chance(60) ? 'accept' : 'drop',
      ...(this.chance(80) && { protocol: this.of([...protocolNames, 'all', '6', '17']) }),
      ...(this.chance(60) && { ports: this.of(['22/80', '80/80', '0/53', '-1/-1', '0/0']) }),
      ...(this.chance(60) && { peer: this.of(peers) }),
    }
  }

  network(): Network {
    const ids = ['sg-0', 'sg-1', 'sg-2']
    const entries = (): Rule[] => this.times(3, () => this.rule(ranges))
    return {
      vpcs: [
        { id: 'v1', cidrs: ['10.0.0.0/16', 'fd00::/56'] },
        { id: 'v2', cidrs: ['10.9.0.0/16'] },
      ],
      vSwitches: [
        {
          id: 's0',
          vpc: 'v1',
          cidrs: ['10.0.0.0/24'],
          ...(this.chance(40) && { networkAcl: 'n0' }),
        },
        {
          id: 's1',
          vpc: 'v1',
          cidrs: ['10.0.1.0/24', 'fd00::/64'],
          ...(this.chance(40) && { networkAcl: 'n1' }),
        },
        { id: 's2', vpc: 'v2', cidrs: ['10.9.0.0/24'] },
      ],
      enis: own4.map((address, i) => ({
        id: `eni-${i}`,
        vSwitch: `s${i >> 1}`,
        privateIps: [address, ...(own6[i] ? [own6[i]] : [])],
        ...(this.chance(80) && { securityGroups: [...new Set(this.times(2, () => this.of(ids)))] }),
      })),
      securityGroups: ids.map((id) => ({
        id,
        ...(this.chance(30) && { innerAccess: this.of(['accept', 'drop']) }),
        rules: this.times(4, () => ({
          direction: this.of(['ingress', 'egress']),
          ...(this.chance(50) && { priority: this.whole(1, 3) }),
          ...this.rule([...ranges, ...ids]),
        })),
      })),
      networkAcls: ['n0', 'n1'].map((id) => ({ id, ingress: entries(), egress: entries() })),
    }
  }

  tuple(): Tuple {
    const v6 = this.chance(25)
    const own = v6 ? own6.filter((each) => each !== undefined) : own4
    const any = [...own, ...(v6 ? others6 : others4)]
    const pair = [this.of(own), this.of(any)]
    if (this.chance(50)) pair.reverse()
    const protocol = this.of(protocolNames)
    const hasPorts = protocol === 'tcp' || protocol === 'udp'
    return {
      source: pair[0]!,
      sourcePort: hasPorts ? this.of(ports) : 0,
      destination: pair[1]!,
      destinationPort: hasPorts ? this.of(ports) : 0,
      protocol,
    }
  }

  /** A packet that often belongs to something seen before, for state to matter. */
  packet(before: readonly Packet[], second: number): Packet {
    let tuple = this.tuple()
    if (before.length > 0 && this.chance(75)) tuple = this.of(before)
    if (this.chance(45))
      tuple = {
        protocol: tuple.protocol,
        source: tuple.destination,
        sourcePort: tuple.destinationPort,
        destination: tuple.source,
        destinationPort: tuple.sourcePort,
      }
    const fragment = this.chance(20) ? this.of(['first', 'later'] as const) : ''
    const later = fragment === 'later'
    const v6 = tuple.source.includes(':')
    const icmp = tuple.protocol === (v6 ? 'icmpv6' : 'icmp')
    const sameFamily = before.filter(({ source }) => source.includes(':') === v6)
    return {
      source: tuple.source,
      sourcePort: later ? 0 : tuple.sourcePort,
      destination: tuple.destination,
      destinationPort: later ? 0 : tuple.destinationPort,
      protocol: tuple.protocol,
      second,
      flags:
        tuple.protocol === 'tcp' && !later
          ? this.of(['S', 'S', 'SA', 'A', 'PA', 'FA', 'FA', 'R', 'RA', ''])
          : '',
      fragment,
      identification: this.whole(1, 3),
      discovery: icmp && v6 && this.chance(20),
      quoted:
        icmp && !later && sameFamily.length > 0 && this.chance(40)
          ? this.of(sameFamily)
          : undefined,
    }
  }
}

const end = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
const tupleText = (tuple: Tuple): string =>
  `${end(tuple.source, tuple.sourcePort)} > ${end(tuple.destination, tuple.destinationPort)} ${tuple.protocol}`
const packetText = (packet: Packet): string => {
  const { flags, fragment, identification, second, discovery, quoted } = packet
  const parts = [
    tupleText(packet),
    flags,
    fragment,
    `#${identification}`,
    `@${second}`,
    discovery ? 'nd' : '',
  ]
  const head = parts.filter((part) => part !== '').join(' ')
  return quoted && !discovery ? `${head} error ${tupleText(quoted)}` : head
}

const ruleSets = process.env['WEIR_LONG'] === '1' ? 10_000 : 1_000

test(`${ruleSets} random rule sets: the verdicts are those of the plain model`, (context) => {
  const seed = Number(process.env['WEIR_SEED'] ?? 20)
  context.diagnostic(`WEIR_SEED=${seed}`)
  let accepted = 0
  let rejected = 0
  for (let round = 0; round < ruleSets; round++) {
    const dice = new Dice(seed + round)
    const net = dice.network()
    const model = new Model(net)
    const watch = watchTopology(JSON.stringify(net)) // JSON is YAML
    const packets: Packet[] = []
    let second = 1000
    for (let i = 0; i < 60; i++) {
      second += dice.of([0, 0, 0.5, 1, 2.5, 3, 3.25, 29, 30, 30.5, 400, 911, -1])
      packets.push(dice.packet(packets.slice(-12), second))
    }
    const texts = packets.map(packetText)
    const seen = watch.see(...texts)
    for (const [i, packet] of packets.entries()) {
      const want = model.see(packet)
      const got = seen[i]!.map((each) => each.split(' ').slice(0, 3).join(' '))
      accepted += want.filter((each) => each.endsWith('ACCEPT')).length
      rejected += want.filter((each) => each.endsWith('REJECT')).length
      if (got.join() === want.join()) continue
      const story = texts.slice(0, i + 1).join('\n')
      assert.deepEqual(
        got,
        want,
        `WEIR_SEED=${seed + round}, packet ${i}\n${JSON.stringify(net)}\n${story}`,
      )
    }
  }
  assert.ok(
    accepted > ruleSets * 5 && rejected > ruleSets * 5,
    `${accepted} ACCEPT, ${rejected} REJECT`,
  )
  context.diagnostic(`${accepted} ACCEPT, ${rejected} REJECT`)
})
