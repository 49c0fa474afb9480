/**
 * "A verdict cached per flow must give the same records" (records.md 35): an assigner that keeps what it finds
 * against one that finds everything anew for each packet, on random networks and packets.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { watchTopology } from '../../test/vpc-observations.ts'
import { about, PacketBatch, packetBatchRows, rowWords, tcpFlag } from '../packet/packet.ts'
import { Random } from '../sample/random.ts'
import { parseTopology, type Topology } from './topology.ts'
import { TopologyAssigner } from './topology-assigner.ts'
import { ObservationBatch } from './vpc.ts'

const long = process.env['WEIR_LONG'] === '1'
const eniCount = 20

const of = <T>(random: Random, list: readonly T[]): T => list[random.whole(0, list.length - 1)]!
const chance = (random: Random, percent: number): boolean => random.whole(0, 99) < percent
const some = <T>(random: Random, most: number, make: () => T): T[] =>
  Array.from({ length: random.whole(0, most) }, make)

const ranges = ['0.0.0.0/0', '::/0', '10.0.0.0/24', '10.0.1.0/25', '8.8.0.0/16', 'fd00::/64']

function network(random: Random): Topology {
  const rule = () => ({
    policy: chance(random, 65) ? 'accept' : 'drop',
    ...(chance(random, 60) && { protocol: of(random, ['tcp', 'udp', 'icmp', 'icmpv6']) }),
    ...(chance(random, 40) && { ports: of(random, ['0/80', '80/80', '1000/65535']) }),
    ...(chance(random, 60) && { peer: of(random, ranges) }),
  })
  const entries = () => [
    ...some(random, 3, rule),
    ...(chance(random, 80) ? [{ policy: 'accept' }] : []),
  ]
  const groups = ['sg-0', 'sg-1', 'sg-2', 'sg-3']
  const taps = new Map([
    [1, { capture: 'one.pcap' }],
    [2, { capture: 'two.pcap', side: 'host' }],
  ])
  // An ENI is missing now and then; another changes its instance, and with it its number.
  const enis = Array.from({ length: eniCount }, (_, i) => ({
    id: `eni-${i}`,
    vSwitch: `s${i & 3}`,
    ...(chance(random, 70) && { instance: of(random, ['i-0', 'i-1']) }),
    privateIps: [`10.0.${i & 3}.${i + 1}`, `fd00::${i & 3}:${i + 1}`],
    ...(i % 5 === 0 && { publicIp: `47.0.0.${i + 1}` }),
    ...(chance(random, 75) && { securityGroups: [of(random, groups)] }),
    ...(taps.has(i) && { tap: taps.get(i) }),
  })).filter((_, i) => i < 4 || chance(random, 90))
  return parseTopology(
    JSON.stringify({
      vpcs: [{ id: 'v', cidrs: ['10.0.0.0/16', 'fd00::/56'], routeTable: 'vtb' }],
      vSwitches: [0, 1, 2, 3].map((i) => ({
        id: `s${i}`,
        vpc: 'v',
        cidrs: [`10.0.${i}.0/24`],
        ...(chance(random, 50) && { networkAcl: of(random, ['n0', 'n1']) }),
      })),
      instances: [{ id: 'i-0' }, { id: 'i-1' }],
      enis: enis.toSorted(() => (chance(random, 50) ? 1 : -1)),
      securityGroups: groups.map((id) => ({
        id,
        rules: some(random, 5, () => ({
          direction: of(random, ['ingress', 'egress']),
          priority: random.whole(1, 3),
          ...rule(),
        })),
      })),
      networkAcls: ['n0', 'n1'].map((id) => ({ id, ingress: entries(), egress: entries() })),
      routeTables: [
        {
          id: 'vtb',
          entries: [{ destination: '8.0.0.0/8', nextHop: of(random, ['g-0', 'g-1', 'g-2']) }],
        },
      ],
      gateways: [
        { id: 'g-0', type: 'natGateway' },
        { id: 'g-1', type: 'transitRouter' },
        { id: 'g-2', type: 'vbr', eni: 'eni-3' },
      ],
    }),
    'random.yaml',
  )
}

/** Random packets over a set of pairs, as rows. */
class Traffic {
  readonly #random: Random
  readonly #pairs: number
  #second = 1_700_000_000
  #fraction = 0

  constructor(random: Random, pairs: number) {
    this.#random = random
    this.#pairs = pairs
  }

  fill(batch: PacketBatch, steps: readonly number[]): void {
    const random = this.#random
    batch.rows = random.whole(1, packetBatchRows)
    for (let row = 0; row < batch.rows; row++) {
      const at = row * rowWords
      // What a reader does not write is what was there before.
      batch.words.fill(random.next() | 0, at, at + rowWords)
      this.#tuple(batch.words, at)
      this.#tuple(batch.quoted, at)
      this.#rest(batch, at)
      this.#time(batch.words, at, steps)
    }
  }

  /** The same pair is the same addresses and ports, mostly. */
  #tuple(words: Int32Array, at: number): void {
    const random = this.#random
    const pair = random.whole(0, this.#pairs - 1)
    const v6 = pair % 5 === 0
    const ends = [pair % 97, 97 + ((pair * 7) % 89)].map((seed) => this.#end(seed, v6))
    if (pair % 3 === 0) ends[1] = this.#end(pair % 31, v6) // both may be ENIs, also the same one
    const ports = [1024 + (pair % 50_000), pair % 2 === 0 ? 80 : 443]
    const turn = chance(random, 50) ? 1 : 0
    words.set(ends[turn]!, at)
    words.set(ends[1 - turn]!, at + 4)
    const protocol = [6, 6, 6, 17, v6 ? 58 : 1][pair % 7 < 5 ? pair % 7 : 0]!
    const hasPorts = protocol === 6 || protocol === 17
    words[at + 8] = hasPorts ? (ports[turn]! << 16) | ports[1 - turn]! : 0
    words[at + 9] = protocol | (v6 ? about.ipv6 : 0)
  }

  #end(seed: number, v6: boolean): number[] {
    const eni = seed % (eniCount + 10)
    const known = seed < 97
    if (v6) return known ? [0xfd00_0000 | 0, 0, 0, ((eni & 3) << 16) | (eni + 1)] : [1, 2, 3, seed]
    if (seed === 13) return [(47 << 24) | 6]
    return known ? [(10 << 24) | ((eni & 3) << 8) | (eni + 1)] : [(8 << 24) | (8 << 16) | seed]
  }

  #rest(batch: PacketBatch, at: number): void {
    const random = this.#random
    const { words } = batch
    let mark = words[at + 9]!
    const protocol = mark & about.protocolMask
    const { syn, ack, fin, rst, psh } = tcpFlag
    const flags = [ack, ack, ack, ack | psh, syn, syn | ack, fin | ack, rst, syn | rst, 0]
    if (protocol === 6) mark |= of(random, flags) << about.flagsShift
    mark |= random.whole(0, 2) << about.directionShift
    const draw = random.whole(0, 99)
    if (draw < 4) mark |= about.firstFragment
    else if (draw < 8) {
      mark |= about.laterFragment
      words[at + 8] = 0
    } else if (draw < 9) mark |= about.multicast
    if ((protocol === 1 || protocol === 58) && chance(random, 30)) {
      mark |= about.icmpError
      if ((batch.quoted[at + 9]! & about.ipv6) !== (mark & about.ipv6)) mark &= ~about.icmpError
    }
    if (protocol === 58 && chance(random, 20)) mark |= about.neighbourDiscovery
    words[at + 9] = mark
    words[at + 10] = 60
    words[at + 13] = random.whole(0, 4)
    words[at + 14] = random.whole(0, 3)
    words[at + 15] = 1
  }

  #time(words: Int32Array, at: number, steps: readonly number[]): void {
    this.#second += of(this.#random, steps)
    if (chance(this.#random, 30))
      this.#fraction = of(this.#random, [0, 1, 500_000_000, 999_999_999])
    words[at + 11] = this.#second
    words[at + 12] = this.#fraction
  }
}

const interfaces = [
  { file: 'all.pcap', name: undefined },
  { file: 'one.pcap', name: undefined },
  { file: 'two.pcap', name: undefined },
  { file: undefined, name: 'veth-of-nobody' },
]

function assigner(topology: Topology, pairSlots?: number): TopologyAssigner {
  const made = new TopologyAssigner(topology, pairSlots)
  interfaces.forEach((from, i) => made.addInterface(i, from))
  return made
}

const observed = ({ rows, packet, owner, path }: ObservationBatch): number[][] =>
  Array.from({ length: rows }, (_, i) => [packet[i]!, owner[i]!, path[i]!])

/** One packet at a time, and everything forgotten before it that does not come from packets. */
function anew(
  reference: TopologyAssigner,
  topology: Topology,
  batch: PacketBatch,
  out: ObservationBatch,
): number[][] {
  const one = new PacketBatch()
  one.rows = 1
  const seen: number[][] = []
  for (let row = 0; row < batch.rows; row++) {
    const at = row * rowWords
    one.words.set(batch.words.subarray(at, at + rowWords))
    one.quoted.set(batch.quoted.subarray(at, at + rowWords))
    reference.change(topology)
    reference.assign(one, out)
    seen.push(...observed(out).map(([, owner, path]) => [row, owner!, path!]))
  }
  return seen
}

const steps = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, -1, 29, 30, 31, 500]

const rounds = long ? 200 : 6
test(`${rounds} random networks: what is kept of a pair changes nothing`, (context) => {
  const seed = Number(process.env['WEIR_SEED'] ?? 7)
  context.diagnostic(`WEIR_SEED=${seed}`)
  const batch = new PacketBatch()
  const out = new ObservationBatch()
  let observations = 0
  for (let round = 0; round < rounds; round++) {
    const random = new Random(seed + round)
    let topology = network(random)
    const traffic = new Traffic(random, of(random, [5, 40, 300]))
    const kept = [assigner(topology), assigner(topology, 8)]
    const reference = assigner(topology)
    for (let batches = 0; batches < 12; batches++) {
      if (chance(random, 25)) {
        topology = network(random)
        for (const each of kept) each.change(topology)
      }
      // Jumps of a day or of half the range of times, now and then.
      const wild = chance(random, 10) ? [86_400, -86_400, 2 ** 31 - 5, -(2 ** 31)] : []
      traffic.fill(batch, [...steps, 909, 910, 911, ...wild])
      const want = anew(reference, topology, batch, out)
      observations += want.length
      for (const each of kept) {
        each.assign(batch, out)
        assert.deepEqual(observed(out), want, `WEIR_SEED=${seed + round}, batch ${batches}`)
        assert.equal(each.unassigned, reference.unassigned)
        assert.equal(each.multicastRows, reference.multicastRows)
        assert.deepEqual(each.enis, reference.enis)
      }
    }
  }
  assert.ok(observations > rounds * 500, `${observations} observations`)
  context.diagnostic(`${observations} observations`)
})

const batchesOfMany = long ? 20_000 : 1500
test('a hundred thousand pairs: the same through growing and sweeping, with room for them and with hardly any', (context) => {
  const seed = Number(process.env['WEIR_SEED'] ?? 7)
  context.diagnostic(`WEIR_SEED=${seed}`)
  const random = new Random(seed)
  const topology = network(random)
  const traffic = new Traffic(random, 100_000)
  const roomy = assigner(topology)
  const tight = assigner(topology, 64)
  const batch = new PacketBatch()
  const outs = [new ObservationBatch(), new ObservationBatch()] as const
  let rows = 0
  for (let batches = 0; batches < batchesOfMany; batches++) {
    traffic.fill(batch, batches % 100 === 0 ? [0, 1, 3, 40] : [0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    roomy.assign(batch, outs[0])
    tight.assign(batch, outs[1])
    rows += outs[0].rows
    const same =
      outs[0].rows === outs[1].rows &&
      outs[0].owner.subarray(0, outs[0].rows).every((each, i) => each === outs[1].owner[i])
    if (!same) assert.deepEqual(observed(outs[0]), observed(outs[1]), `batch ${batches}`)
  }
  assert.ok(rows > batchesOfMany * 30, `${rows} observations`)
})

test('29: to the fraction of a second, also of a connection whose rules are known both ways', () => {
  const { one } = watchTopology(`
vpcs: [ { id: v, cidrs: [10.0.0.0/16] } ]
vSwitches: [ { id: s, vpc: v, cidrs: [10.0.0.0/24] } ]
enis: [ { id: a, vSwitch: s, privateIps: [10.0.0.1], securityGroups: [sg] } ]
securityGroups: [ { id: sg } ]
`)
  for (const [protocol, seconds] of [
    ['udp', 30],
    ['tcp', 910],
  ] as const) {
    const back = (at: number) => one(`8.8.8.8:53 > 10.0.0.1:1 ${protocol} @${at}`)
    assert.deepEqual(back(0), ['a in REJECT 0'])
    const opened = seconds + 10.25
    assert.deepEqual(one(`10.0.0.1:1 > 8.8.8.8:53 ${protocol} @${opened}`), ['a out ACCEPT 0'])
    assert.deepEqual(back(opened + 1), ['a in ACCEPT 0'])
    assert.deepEqual(back(opened + 1 + seconds), ['a in ACCEPT 0'])
    assert.deepEqual(back(opened + 1.25 + 2 * seconds), ['a in REJECT 0'])
  }
})

test('4: at the tap of an ENI that forwards, each end may be the peer', () => {
  const { assigner: forwarder, one } = watchTopology(`
vpcs: [ { id: v, cidrs: [10.0.0.0/16] } ]
vSwitches: [ { id: s, vpc: v, cidrs: [10.0.0.0/24] } ]
instances: [ { id: i } ]
enis:
  - { id: a, vSwitch: s, instance: i, privateIps: [10.0.0.1] }
  - { id: b, vSwitch: s, privateIps: [10.0.0.2] }
  - { id: nat, vSwitch: s, privateIps: [10.0.0.3], tap: { capture: nat.pcap } }
`)
  forwarder.addInterface(0, { file: 'nat.pcap', name: undefined })
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(one('10.0.0.1:1 > 10.0.0.2:2 udp in'), ['nat in ACCEPT 2'])
    assert.deepEqual(one('10.0.0.2:2 > 10.0.0.1:1 udp in'), ['nat in ACCEPT 1'])
    assert.deepEqual(one('10.0.0.1:1 > 10.0.0.2:2 udp out'), ['nat out ACCEPT 1'])
    assert.deepEqual(one('10.0.0.1:1 > 10.0.0.2:2 udp'), ['nat - ACCEPT 0'])
  }
})
