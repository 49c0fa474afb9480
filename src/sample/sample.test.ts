/**
 * The figures of the page's previews, computed from the frames of the captures by a reader of this file
 * alone: no decoder and no generator of Weir takes part.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { parse } from 'yaml'
import { type Packet, readFrames, type Recording } from '../../test/sample-frames.ts'
import { sampleCaptures, sampleFlowLogs, sampleTopology } from './sample.ts'

const endSeconds = 1_700_002_800
const beginSeconds = endSeconds - 3600

const captures = new Map(
  [...sampleCaptures(endSeconds)].map(
    (each) => [each.fileName, readFrames(each.chunks, beginSeconds)] as const,
  ),
)
const of = (name: string): Recording => captures.get(`sample-${name}.pcapng`)!

/** Mean rates in bit/s of the minutes of the hour, by what `key` makes of a packet. */
function rates(packets: readonly Packet[], key: (packet: Packet) => string) {
  const all = new Map<string, number[]>()
  for (const packet of packets) {
    const name = key(packet)
    let rate = all.get(name)
    if (rate === undefined) all.set(name, (rate = Array.from({ length: 60 }, () => 0)))
    rate[Math.floor(packet.minute)]! += (packet.bytes * 8) / 60
  }
  return all
}

const pair = (packet: Packet) => `${packet.source}->${packet.destination}`

function within(rate: readonly number[], want: number, share: number, what: string) {
  assert.equal(rate.length, 60)
  rate.forEach((each, minute) =>
    assert.ok(
      Math.abs(each / want - 1) <= share,
      `${what} is ${Math.round(each)} bit/s in minute ${minute}, not ${want}`,
    ),
  )
}

test('five captures of one hour, in the order of their times, small enough', () => {
  assert.deepEqual(
    [...captures.keys()],
    [
      'sample-web.pcapng',
      'sample-ecs.pcapng',
      'sample-peering.pcapng',
      'sample-nat.pcapng',
      'sample-express.pcapng',
    ],
  )
  let frames = 0
  for (const [name, { packets, frames: count }] of captures) {
    frames += count
    let last = BigInt(beginSeconds) * 1_000_000_000n
    for (const packet of packets) {
      assert.ok(packet.nanosecond >= last, `${name} goes forward`)
      last = packet.nanosecond
    }
    assert.ok(last < BigInt(endSeconds) * 1_000_000_000n, `${name} ends with its hour`)
    assert.equal(new Set(packets.map((packet) => Math.floor(packet.minute))).size, 60, name)
  }
  assert.ok(frames < 700_000, `${frames} frames`)
})

test('the same hour gives the same bytes, another hour the same packets at other times', () => {
  const fileDigest = (end: number) => {
    const hash = createHash('sha256')
    for (const chunk of [...sampleCaptures(end)][0]!.chunks) hash.update(chunk)
    return hash.digest('hex')
  }
  assert.equal(fileDigest(endSeconds), fileDigest(endSeconds))
  assert.notEqual(fileDigest(endSeconds), fileDigest(endSeconds + 3600))
  const packetDigest = ({ packets }: Recording, shift: bigint) => {
    const hash = createHash('sha256')
    for (const { nanosecond, minute: _, ...rest } of packets) {
      hash.update(`${nanosecond - shift} ${Object.values(rest).join(' ')}\n`)
    }
    return hash.digest('hex')
  }
  const later = readFrames([...sampleCaptures(endSeconds + 3600)][0]!.chunks, endSeconds)
  assert.equal(packetDigest(later, 3_600_000_000_000n), packetDigest(of('web'), 0n))
})

test('"Five source IP addresses accessed port 80"; one of them is answered', () => {
  const { packets } = of('web')
  const asked = packets.filter(
    (each) => each.destination === '10.0.0.1' && each.destinationPort === 80,
  )
  const sources = new Map<string, number>()
  for (const each of asked) sources.set(each.source, (sources.get(each.source) ?? 0) + 1)
  assert.deepEqual([...sources.keys()].sort(), [
    '120.26.0.1',
    '121.43.0.1',
    '154.212.0.1',
    '176.65.0.1',
    '198.235.0.1',
  ])
  const answered = packets.filter((each) => each.source === '10.0.0.1' && each.sourcePort === 80)
  assert.deepEqual([...new Set(answered.map((each) => each.destination))], ['120.26.0.1'])
  for (const [name, capture] of captures) {
    if (name === 'sample-web.pcapng') continue
    const others = capture.packets.filter(
      (each) => each.destination === '10.0.0.1' && each.destinationPort === 80,
    )
    assert.deepEqual(
      others,
      [],
      `${name} leaves the answer alone where all use cases share a logstore`,
    )
  }
  const refused = asked.filter((each) => each.source !== '120.26.0.1')
  assert.deepEqual([...new Set(refused.map((each) => each.flags))], [2], 'SYN and nothing else')
})

test('a refused SYN comes again after 1, 2, 4, 8, 16 and 32 seconds more', () => {
  const tries = new Map<string, bigint[]>()
  for (const each of of('web').packets) {
    if (each.source === '120.26.0.1' || each.flags !== 2 || each.minute > 58) continue
    const key = `${each.source} ${each.sourcePort} ${each.destination} ${each.destinationPort}`
    const times = tries.get(key) ?? []
    tries.set(key, [...times, each.nanosecond])
  }
  const waits = [...tries.values()].map((times) =>
    times.slice(1).map((time, i) => Number((time - times[i]!) / 1_000_000_000n)),
  )
  const whole = waits.filter((each) => each.length === 6)
  assert.ok(whole.length > 150, `${whole.length} of ${waits.length}`)
  for (const each of whole) assert.deepEqual(each, [1, 2, 4, 8, 16, 32])
})

test('"10.0.0.1 to 10.0.0.2 ... approximately 1.4 Mbps", "to 10.0.0.3 ... approximately 700 Kbps"', () => {
  const packets = of('ecs').packets.filter((each) => each.tap === 'ecs1')
  const all = rates(packets, pair)
  within(all.get('10.0.0.1->10.0.0.2')!, 1_400_000, 0.05, 'to 10.0.0.2')
  within(all.get('10.0.0.1->10.0.0.3')!, 700_000, 0.05, 'to 10.0.0.3')
  const rest = rates(packets, (each) =>
    /^10\.0\.0\.1->10\.0\.0\.[23]$/.test(pair(each)) ? 'bulk' : 'rest',
  )
  // "Other traffic accounts for a small proportion."
  for (const rate of rest.get('rest')!) assert.ok(rate < 40_000, `${rate} bit/s of other traffic`)
})

test('"a traffic spike of approximately 6 Mbps from 10.0.0.1 to 172.16.0.1"', () => {
  const all = rates(of('peering').packets, pair)
  const peak = all.get('10.0.0.1->172.16.0.1')!
  for (const minute of [9, 10, 11]) {
    assert.ok(Math.abs(peak[minute]! / 6_000_000 - 1) <= 0.05, `${peak[minute]} in ${minute}`)
  }
  peak.forEach((rate, minute) => {
    if (minute < 8 || minute > 12) assert.ok(rate > 30_000 && rate < 70_000, `${rate} in ${minute}`)
  })
  const between = [...all].filter(([name]) => /10\.0\..*172\.16|172\.16.*10\.0\./.test(name))
  assert.equal(between.length, 6)
  for (const [name, rate] of between) {
    if (name !== '10.0.0.1->172.16.0.1') assert.ok(Math.max(...rate) < 300_000, name)
  }
  // "limit 100 -- Display the first 100 results": six pairs a minute show the spike whole.
  assert.ok(13 * between.length <= 100)
})

test('"10.0.0.1 (ECS1) to the public IP address 120.26.XX.XX is the highest, ... 12 Kbps"', () => {
  const packets = of('nat').packets.filter((each) => each.tap === 'ngw1')
  const inner = rates(
    packets.filter((each) => each.direction === 1 && each.source.startsWith('10.0.0.')),
    pair,
  )
  within(inner.get('10.0.0.1->120.26.0.1')!, 12_000, 0.06, 'ECS1 to 120.26.0.1')
  for (const [name, rate] of inner) {
    if (name !== '10.0.0.1->120.26.0.1') assert.ok(Math.max(...rate) < 11_000, name)
  }
  const back = packets.filter(
    (each) =>
      each.direction === 2 &&
      each.source === '120.26.0.1' &&
      each.destination.startsWith('10.0.0.'),
  )
  assert.deepEqual([...new Set(back.map((each) => each.destination))].sort(), [
    '10.0.0.1',
    '10.0.0.2',
    '10.0.0.3',
    '10.0.0.4',
  ])
})

test('what enters the NAT gateway on one leg leaves it on the other', () => {
  const packets = of('nat').packets.filter(
    (each) => each.tap === 'ngw1' && !pair(each).includes('db8:40:1'),
  )
  const count = (direction: number, outer: boolean) => {
    const isOuter = (each: Packet) =>
      each.source === '10.0.1.10' || each.destination === '10.0.1.10'
    return packets.filter((each) => each.direction === direction && isOuter(each) === outer).length
  }
  assert.equal(count(1, false), count(2, true))
  assert.equal(count(1, true), count(2, false))
  assert.ok(count(1, true) > 5000)
})

test('"the proportion of traffic from VPC1 to the on-premises data center is higher"', () => {
  const toSite = of('express').packets.filter((each) => each.destination.startsWith('10.1.'))
  const all = rates(toSite, (each) => each.source.replace(/\.\d+$/, ''))
  const shares = all
    .get('192.168.20')!
    .map((rate, minute) => rate / (rate + all.get('192.168.10')![minute]!))
  for (const share of shares) assert.ok(share > 0.55 && share < 0.85, `${share}`)
  assert.ok(Math.max(...shares) - Math.min(...shares) > 0.05, 'it varies')
  const inside = of('express').packets.filter((each) =>
    /^192\.168\.20.*->192\.168\.20/.test(pair(each)),
  )
  assert.ok(inside.length > 2000, 'there is traffic that the scope filters out')
})

/**
 * What the page's query makes of records: bytes * 8 / (end - start), a second at least, summed by
 * minute. A record ends with its window, or in the second in which both sides have said FIN.
 */
function ratesOverRecords(packets: readonly Packet[], counts: (packet: Packet) => boolean) {
  const records = new Map<string, { bytes: number; start: number; last: number; fin: boolean }>()
  const keyOf = (each: Packet, from: string, to: string) =>
    `${Math.floor(each.minute)} ${each.tap} ${each.protocol} ${from} ${to}`
  const ends = (each: Packet) =>
    [`${each.source} ${each.sourcePort}`, `${each.destination} ${each.destinationPort}`] as const
  for (const each of packets) {
    const second = Number(each.nanosecond / 1_000_000_000n)
    const key = keyOf(each, ...ends(each))
    const record = records.get(key) ?? { bytes: 0, start: second, last: second, fin: false }
    record.bytes += each.bytes
    record.last = second
    record.fin ||= (each.flags & 1) !== 0
    records.set(key, record)
  }
  const sums = Array.from({ length: 60 }, () => 0)
  const seen = new Set<string>()
  for (const each of packets.filter(counts)) {
    const [from, to] = ends(each)
    const key = keyOf(each, from, to)
    if (seen.has(key)) continue
    seen.add(key)
    const { bytes, start, last, fin } = records.get(key)!
    const closed = fin && records.get(keyOf(each, to, from))?.fin === true
    const minute = Math.floor(each.minute)
    const end = closed ? last : beginSeconds + 60 * (minute + 1)
    sums[minute]! += (bytes * 8) / Math.max(end - start, 1)
  }
  return sums
}

test("VPC1's share is higher by the page's own formula too, which divides by the records' lengths", () => {
  const { packets } = of('express')
  const total = (prefix: string) =>
    ratesOverRecords(
      packets,
      (each) => each.source.startsWith(prefix) && each.destination.startsWith('10.1.'),
    )
  const vpc1 = total('192.168.20.')
  const vpc2 = total('192.168.10.')
  const percentages = vpc1.map((rate, minute) => (rate * 100) / (rate + vpc2[minute]!))
  for (const each of percentages) assert.ok(each > 55 && each < 85, `${each} %`)
})

test('connections begin with a handshake, count their bytes and acknowledge what was sent', () => {
  for (const [name, { packets }] of captures) {
    const next = new Map<string, number>()
    const refused = new Set<string>()
    let established = 0
    for (const each of packets) {
      if (each.protocol !== 6) continue
      const from = `${each.tap} ${each.source} ${each.sourcePort}`
      const to = `${each.destination} ${each.destinationPort}`
      const key = `${from} ${to}`
      const reverse = `${each.tap} ${to} ${each.source} ${each.sourcePort}`
      const isSyn = (each.flags & 2) !== 0
      if (isSyn && (each.flags & 16) === 0) {
        next.set(key, (each.sequence + 1) >>> 0)
        next.delete(reverse)
        refused.add(key)
        continue
      }
      const sent = next.get(reverse)
      assert.ok(sent !== undefined, `${name}: ${key} answers somebody`)
      const ahead = (sent - each.acknowledgement) | 0
      assert.ok(ahead >= 0, `${name}: ${key} acknowledges what was sent`)
      if (isSyn) {
        established++
        refused.delete(reverse)
        next.set(key, (each.sequence + 1) >>> 0)
        continue
      }
      assert.equal(each.sequence, next.get(key), `${name}: ${key} leaves no gap`)
      const header = each.source.includes(':') ? 60 : 40
      next.set(key, (each.sequence + each.bytes - header + (each.flags & 1)) >>> 0)
    }
    assert.ok(established > 5, name)
    if (name === 'sample-ecs.pcapng') assert.equal(refused.size, 0)
  }
})

test('every capture holds both families, multicast and address resolution', () => {
  for (const [name, { packets, nonIp }] of captures) {
    assert.ok(
      packets.some((each) => each.source.includes('.')),
      name,
    )
    assert.ok(
      packets.some((each) => each.source.startsWith('2001:db8:')),
      name,
    )
    assert.ok(nonIp >= 60, name)
  }
  const multicast = (each: Packet) => /^(224\.|ff02:)/.test(each.destination)
  for (const name of ['web', 'ecs', 'peering', 'express']) {
    assert.ok(of(name).packets.some(multicast), name)
  }
  assert.ok(of('web').packets.some((each) => each.destination === '255.255.255.255'))
  assert.ok(of('ecs').packets.some((each) => each.destination === '10.0.0.255'))
  const idle = of('peering').packets.filter((each) => each.tap === 'vpc1-idle')
  assert.equal(idle.length, 120)
  assert.ok(idle.every(multicast), 'nothing that makes a record reaches the idle ENI')
})

interface TopologyText {
  readonly vpcs: readonly { id: string }[]
  readonly vSwitches: readonly { id: string }[]
  readonly enis: readonly {
    id: string
    privateIps: readonly string[]
    tap?: { capture: string; interface: string }
  }[]
}

test('every tap of the topology is an interface of its capture, and the other way round', () => {
  const topology: TopologyText = parse(sampleTopology())
  const taps = topology.enis.flatMap(({ tap }) => (tap ? [`${tap.capture} ${tap.interface}`] : []))
  const interfaces = [...captures].flatMap(([file, { taps: names }]) =>
    names.map((name) => `${file} ${name}`),
  )
  assert.deepEqual(taps.sort(), interfaces.sort())
})

test('directions are those of the addresses, but for what a gateway forwards', () => {
  const topology: TopologyText = parse(sampleTopology())
  const outward = new Map<string, number>()
  for (const { id, privateIps, tap } of topology.enis) {
    if (tap === undefined) continue
    const own = new Set(privateIps)
    for (const each of captures.get(tap.capture)!.packets) {
      if (each.tap !== tap.interface) continue
      if (own.has(each.destination)) assert.equal(each.direction, 1, `${id} ${pair(each)}`)
      else if (own.has(each.source)) assert.equal(each.direction, 2, `${id} ${pair(each)}`)
      else outward.set(id, (outward.get(id) ?? 0) + 1)
    }
  }
  // Broadcast and multicast that were heard, and the inner leg of the NAT gateway.
  assert.deepEqual([...outward.keys()].sort(), ['eni-ecs1', 'eni-ecs3', 'eni-ngw1', 'eni-standby'])
  assert.equal(outward.get('eni-ecs1'), 120)
})

test('flow logs watch what the page says, in windows of one minute', () => {
  const topology: TopologyText = parse(sampleTopology())
  const ids = [...topology.vpcs, ...topology.vSwitches, ...topology.enis].map((each) => each.id)
  assert.deepEqual(
    sampleFlowLogs.map((each) => [each.name, each.resourceType, each.resourceId, each.scope[0]]),
    [
      ['web', 'NetworkInterface', 'eni-web1', 'all'],
      ['ecs', 'NetworkInterface', 'eni-ecs1', 'all'],
      ['peering', 'VPC', 'vpc-peer1', 'all'],
      ['nat', 'VSwitch', 'vsw-nat2', 'all'],
      ['express-vpc1', 'VPC', 'vpc-express1', 'transitRouter'],
      ['express-vpc2', 'VPC', 'vpc-express2', 'transitRouter'],
    ],
  )
  for (const each of sampleFlowLogs) {
    assert.ok(ids.includes(each.resourceId), each.resourceId)
    assert.equal(each.windowSeconds, 60)
    assert.deepEqual(each.logstores, [each.name.replace(/-vpc[12]$/, ''), 'flow-log'])
  }
  assert.ok(ids.includes('vpc-bp1ekmgzch0bo3hxXXXXXX'), "the VPC of the page's example")
})
