import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { about, PacketBatch, packetBatchRows, rowWords, word } from '../packet/packet.ts'
import { Random } from '../sample/random.ts'
import { ObservationBatch, owner, ownerOf } from '../vpc/vpc.ts'
import { entryIpv6, entryWords, type FlowTable, OpenFlows, unitWords } from './flow.ts'

interface Sum {
  packets: number
  bytes: number
  flags: number
  first: number
  last: number
  path: number
}

/** Packets of random flows, added to the table and to a map. */
class Traffic {
  readonly sums = new Map<string, Sum>()
  readonly #random: Random
  readonly #batch = new PacketBatch()
  readonly #observed = new ObservationBatch()

  constructor(seed: number) {
    this.#random = new Random(seed)
  }

  /** One batch: flows numbered below `flows`, each seen at one ENI or at two. */
  send(table: FlowTable, flows: number, twice = false): void {
    const random = this.#random
    const { words } = this.#batch
    const rows = random.whole(1, packetBatchRows)
    this.#observed.rows = 0
    for (let row = 0; row < rows; row++) {
      words.fill(0x55555555, row * rowWords, (row + 1) * rowWords)
      this.#write(row * rowWords, random.whole(0, flows - 1))
      this.#observe(row, random.whole(0, 2), 1)
      if (twice && row % 3 === 0) this.#observe(row, 7, 2)
    }
    table.add(words, this.#observed, 0, this.#observed.rows)
  }

  /** Flow `number`: addresses far apart and close together, every third IPv6. */
  #write(base: number, number: number): void {
    const { words } = this.#batch
    const random = this.#random
    const six = number % 3 === 0
    words[base + word.source] = six ? 0x20010db8 : 0x0a000000 + (number >> 4)
    words[base + word.destination] = six ? 0xfd000000 | 0 : 0xc0a80000 | 0
    if (six) {
      for (const at of [1, 2, 5, 6, 7]) words[base + at] = 0
      words[base + 3] = number
      words[base + 5 + (number % 2)] = number >>> 3
    }
    words[base + word.ports] = ((number & 15) << 16) | 443
    const flags = random.whole(0, 3) === 0 ? 0x18 : 0x10
    const proto = number % 2 === 0 ? 6 : 17
    words[base + word.about] =
      proto | (proto === 6 ? flags << about.flagsShift : 0) | (six ? about.ipv6 : 0)
    words[base + word.bytes] = random.whole(0, 9) === 0 ? -1 : random.whole(20, 1500)
    words[base + word.second] = random.whole(0, 9) === 0 ? random.next() : 1_700_000_000
    words[base + word.nanosecond] = 0
    words[base + word.interface] = 0
    words[base + word.packets] = random.whole(0, 9) === 0 ? 40 : 1
  }

  #observe(row: number, eni: number, direction: number): void {
    const { words } = this.#batch
    const base = row * rowWords
    const at = this.#observed.rows++
    this.#observed.packet[at] = row
    this.#observed.owner[at] = ownerOf(eni, direction, 1)
    this.#observed.path[at] = row % 23
    const second = words[base + word.second]! >>> 0
    const key = keyOf(words, base, ownerOf(eni, direction, 1) | (words[base + word.about]! & 0xff))
    const sum = this.sums.get(key)
    if (sum === undefined)
      this.sums.set(key, {
        packets: words[base + word.packets]!,
        bytes: words[base + word.bytes]! >>> 0,
        flags: (words[base + word.about]! >>> about.flagsShift) & 0xff,
        first: second,
        last: second,
        path: row % 23,
      })
    else {
      sum.packets += words[base + word.packets]!
      sum.bytes += words[base + word.bytes]! >>> 0
      sum.flags |= (words[base + word.about]! >>> about.flagsShift) & 0xff
      sum.first = Math.min(sum.first, second)
      sum.last = Math.max(sum.last, second)
    }
  }
}

function keyOf(words: Int32Array, base: number, ownerWord: number): string {
  const width = words[base + word.about]! & about.ipv6 ? 4 : 1
  const address = (at: number): string => words.subarray(base + at, base + at + width).join('.')
  return `${ownerWord} ${address(word.source)} ${address(word.destination)} ${words[base + word.ports]}`
}

/** The table's flows by the same key. */
function flowsOf(table: FlowTable): Map<string, Sum> {
  const { words, totals } = table
  const flows = new Map<string, Sum>()
  for (let entry = unitWords; entry < table.endWords; entry += entryWords(words, entry)) {
    const marks = words[entry + 10]!
    const rest = (at: number): number[] =>
      marks & entryIpv6 ? [...words.subarray(entry + at, entry + at + 3)] : []
    const source = [words[entry]!, ...rest(16)].join('.')
    const destination = [words[entry + 1]!, ...rest(20)].join('.')
    flows.set(`${words[entry + 3]!} ${source} ${destination} ${words[entry + 2]!}`, {
      packets: totals[(entry >>> 1) + 2]!,
      bytes: totals[(entry >>> 1) + 3]!,
      flags: marks & 0xff,
      first: words[entry + 8]! >>> 0,
      last: words[entry + 9]! >>> 0,
      path: (marks >>> 8) & 0xff,
    })
  }
  return flows
}

const sum = (values: Iterable<number>): number =>
  [...values].reduce((total, value) => total + value, 0)

suite('a flow table', () => {
  test('adds up 300,000 flows while it grows far beyond the caches', () => {
    const table = new OpenFlows().open(0)
    const traffic = new Traffic(1)
    while (traffic.sums.size < 300_000) traffic.send(table, 200_000)
    assert.equal(table.flows, traffic.sums.size)
    assert.equal(table.refused, 0)
    const flows = flowsOf(table)
    assert.equal(flows.size, table.flows, 'no flow is there twice')
    for (const [key, expected] of traffic.sums) assert.deepEqual(flows.get(key), expected, key)
  })

  test('is the same when it was made for as many flows, or is small, or a packet is seen twice', () => {
    for (const [expected, flows, batches] of [
      [100_000, 5000, 200],
      [0, 1, 20],
      [0, 40, 300],
      [3, 3000, 300],
    ] as const) {
      const table = new OpenFlows().open(expected)
      const traffic = new Traffic(flows)
      for (let i = 0; i < batches; i++) traffic.send(table, flows, true)
      assert.deepEqual(flowsOf(table), traffic.sums)
      assert.equal(table.flows, traffic.sums.size)
    }
  })

  test('counts exactly past 2^32 packets and bytes', () => {
    const table = new OpenFlows().open(1)
    const batch = new PacketBatch()
    const observed = new ObservationBatch()
    observed.rows = packetBatchRows
    for (let row = 0; row < packetBatchRows; row++) {
      observed.packet[row] = row
      observed.owner[row] = ownerOf(0, 0, 1)
      batch.words[row * rowWords + word.about] = 17
      batch.words[row * rowWords + word.bytes] = -1
      batch.words[row * rowWords + word.packets] = 0x7fffffff
    }
    for (let i = 0; i < 8; i++) table.add(batch.words, observed, 0, packetBatchRows)
    const [flow] = flowsOf(table).values()
    assert.equal(flow!.packets, 2048 * 0x7fffffff)
    assert.equal(flow!.bytes, 2048 * 0xffffffff)
  })

  test('a flow of zeros is a flow', () => {
    const table = new OpenFlows().open(0)
    const observed = new ObservationBatch()
    observed.rows = 2
    observed.packet.set([0, 1])
    const batch = new PacketBatch()
    for (const row of [0, 1]) batch.words[row * rowWords + word.packets] = 1
    batch.words[rowWords + word.about] = about.ipv6
    table.add(batch.words, observed, 0, 2)
    table.add(batch.words, observed, 0, 2)
    assert.deepEqual(flowsOf(table).get('0 0 0 0')?.packets, 2)
    assert.deepEqual(flowsOf(table).get('0 0.0.0.0 0.0.0.0 0')?.packets, 2)
    assert.equal(owner.eni(table.words[unitWords + 3]!), 0)
  })

  test('refuses packets of further flows when it is full, and counts them', () => {
    for (const flowsMax of [0, 1, 100, 5000]) {
      const table = new OpenFlows(flowsMax).open(0)
      const traffic = new Traffic(7)
      for (let i = 0; i < 300; i++) traffic.send(table, 20_000)
      assert.equal(table.flows, Math.min(flowsMax, traffic.sums.size))
      const flows = flowsOf(table)
      for (const [key, got] of flows) assert.deepEqual(got, traffic.sums.get(key), key)
      const all = sum([...traffic.sums.values()].map(({ packets }) => packets))
      const kept = sum([...flows.values()].map(({ packets }) => packets))
      assert.equal(table.refused, all - kept)
    }
  })
})
