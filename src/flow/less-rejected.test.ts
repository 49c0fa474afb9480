import assert from 'node:assert/strict'
import { test } from 'node:test'
import { about, PacketBatch, rowWords, word } from '../packet/packet.ts'
import { Random } from '../sample/random.ts'
import { ObservationBatch, owner, ownerOf } from '../vpc/vpc.ts'
import {
  entryIpv6,
  entryWords,
  type FlowTable,
  LessRejected,
  OpenFlows,
  unitWords,
} from './flow.ts'

const way = { none: 0, in: 1, out: 2 } as const
const act = { accept: 1, reject: 2 } as const
const tcp = 6

interface Packets {
  readonly host: number
  readonly port?: number
  readonly packets: number
  readonly bytes: number
  readonly eni?: number
  readonly direction?: number
  readonly ipv6?: boolean
  readonly flags?: number
}

class Window {
  readonly table: FlowTable
  readonly #batch = new PacketBatch()
  readonly #observed = new ObservationBatch()

  constructor(flows = new OpenFlows()) {
    this.table = flows.open(0)
  }

  accepted(...all: readonly Packets[]): this {
    for (const each of all) this.#add(each, act.accept)
    return this
  }

  rejected(...all: readonly Packets[]): this {
    for (const each of all) this.#add(each, act.reject)
    return this
  }

  #add(its: Packets, action: number): void {
    const { words } = this.#batch
    words.fill(0, 0, rowWords)
    words[word.source] = its.ipv6 === true ? 0x20010db8 : 0x0a000000 + its.host
    words[word.destination] = its.ipv6 === true ? 0x20010db8 : 0x0a00ff01
    if (its.ipv6 === true) {
      words[word.source + 3] = its.host
      words[word.destination + 2] = 7
    }
    words[word.ports] = (40_000 << 16) | (its.port ?? 80)
    const flags = its.flags ?? 0x10
    words[word.about] = tcp | (flags << about.flagsShift) | (its.ipv6 === true ? about.ipv6 : 0)
    words[word.bytes] = its.bytes
    words[word.second] = 1_700_000_000
    words[word.packets] = its.packets
    this.#observed.rows = 1
    this.#observed.packet[0] = 0
    this.#observed.owner[0] = ownerOf(its.eni ?? 3, its.direction ?? way.in, action)
    this.#observed.path[0] = 1
    this.table.add(words, this.#observed, 0, 1)
  }

  /** "eni direction action host:port/family": "packets / bytes". */
  get flows(): Record<string, string> {
    const { words, totals, endWords } = this.table
    const flows: Record<string, string> = {}
    for (let entry = unitWords; entry < endWords; entry += entryWords(words, entry)) {
      const ownerWord = words[entry + 3]!
      const six = (words[entry + 10]! & entryIpv6) !== 0
      const host = six ? words[entry + 18]! : words[entry]! & 0xffff
      const key = `${owner.eni(ownerWord)} ${['-', 'in', 'out'][owner.direction(ownerWord)]} ${
        ['-', 'A', 'R'][owner.action(ownerWord)]
      } ${host}:${words[entry + 2]! & 0xffff}/${six ? 6 : 4}`
      flows[key] = `${totals[(entry >>> 1) + 2]} / ${totals[(entry >>> 1) + 3]}`
    }
    return flows
  }
}

const everything = (): LessRejected => new LessRejected(() => true)

test('accepted is what was seen less what was rejected, packets and bytes', () => {
  const window = new Window()
    .accepted({ host: 1, packets: 10, bytes: 600 }, { host: 2, packets: 4, bytes: 240 })
    .accepted({ host: 1, packets: 5, bytes: 1500, ipv6: true })
    .rejected({ host: 1, packets: 4, bytes: 240 }, { host: 2, packets: 4, bytes: 240 })
    .rejected({ host: 1, packets: 2, bytes: 600, ipv6: true })
  const less = everything()
  less.settle(window.table, false)
  assert.deepEqual(window.flows, {
    '3 in A 1:80/4': '6 / 360',
    '3 in A 2:80/4': '0 / 0',
    '3 in A 1:80/6': '3 / 900',
    '3 in R 1:80/4': '4 / 240',
    '3 in R 2:80/4': '4 / 240',
    '3 in R 1:80/6': '2 / 600',
  })
  assert.deepEqual([less.taken, less.unseen], [10, 0])
})

test('another ENI, direction or five-tuple is left alone', () => {
  const seen = { host: 1, packets: 10, bytes: 600 }
  const window = new Window()
    .accepted(seen, { ...seen, eni: 4 }, { ...seen, direction: way.out }, { ...seen, port: 81 })
    .accepted({ ...seen, host: 9 })
    .rejected({ ...seen, packets: 1, bytes: 60 })
  everything().settle(window.table, false)
  assert.deepEqual(window.flows, {
    '3 in A 1:80/4': '9 / 540',
    '4 in A 1:80/4': '10 / 600',
    '3 out A 1:80/4': '10 / 600',
    '3 in A 1:81/4': '10 / 600',
    '3 in A 9:80/4': '10 / 600',
    '3 in R 1:80/4': '1 / 60',
  })
})

test('what the tap does not see before it is judged is only added', () => {
  const window = new Window()
    .accepted({ host: 1, packets: 10, bytes: 600, direction: way.out })
    .accepted({ host: 1, packets: 10, bytes: 600 })
    .rejected({ host: 1, packets: 3, bytes: 180, direction: way.out })
    .rejected({ host: 1, packets: 3, bytes: 180 })
  const less = new LessRejected((eni, direction) => eni === 3 && direction === way.in)
  less.settle(window.table, false)
  assert.deepEqual(window.flows, {
    '3 out A 1:80/4': '10 / 600',
    '3 in A 1:80/4': '7 / 420',
    '3 out R 1:80/4': '3 / 180',
    '3 in R 1:80/4': '3 / 180',
  })
  assert.deepEqual([less.taken, less.unseen], [3, 0])
})

test('what is rejected beyond what was seen is taken off the next window, and no later one', () => {
  const flows = new OpenFlows()
  const less = everything()
  const first = new Window(flows)
    .accepted({ host: 1, packets: 2, bytes: 120 })
    .rejected({ host: 1, packets: 3, bytes: 180 }, { host: 2, packets: 5, bytes: 300, ipv6: true })
  less.settle(first.table, false)
  assert.equal(first.flows['3 in A 1:80/4'], '0 / 0')
  assert.deepEqual([less.taken, less.unseen], [2, 0])

  const second = new Window(flows)
    .accepted({ host: 1, packets: 4, bytes: 240 }, { host: 2, packets: 1, bytes: 60, ipv6: true })
    .rejected({ host: 1, packets: 3, bytes: 180 })
  less.settle(second.table, false)
  assert.equal(second.flows['3 in A 1:80/4'], '0 / 0')
  assert.equal(second.flows['3 in A 2:80/6'], '0 / 0')
  assert.deepEqual([less.taken, less.unseen], [2 + 3 + 1 + 1, 4])

  const third = new Window(flows).accepted({ host: 2, packets: 9, bytes: 540, ipv6: true })
  less.settle(third.table, false)
  assert.equal(third.flows['3 in A 2:80/6'], '9 / 540')
  assert.deepEqual([less.taken, less.unseen], [7, 4])
})

test('where the tap lost packets nothing is owed by the next window', () => {
  const flows = new OpenFlows()
  const less = everything()
  less.settle(new Window(flows).rejected({ host: 1, packets: 3, bytes: 180 }).table, true)
  const next = new Window(flows).accepted({ host: 1, packets: 3, bytes: 180 })
  less.settle(next.table, false)
  assert.equal(next.flows['3 in A 1:80/4'], '3 / 180')
  assert.deepEqual([less.taken, less.unseen], [0, 3])
})

test('estimated bytes never make a flow negative', () => {
  const window = new Window()
    .accepted({ host: 1, packets: 10, bytes: 1000 }, { host: 2, packets: 2, bytes: 100 })
    .rejected({ host: 1, packets: 4, bytes: 1200 }, { host: 2, packets: 2, bytes: 90 })
  everything().settle(window.table, false)
  assert.equal(window.flows['3 in A 1:80/4'], '6 / 0')
  assert.equal(window.flows['3 in A 2:80/4'], '0 / 0')
})

test('random windows: seen = accepted + rejected, over all of them', () => {
  const seed = 20_260_731
  const random = new Random(seed)
  const flows = new OpenFlows()
  const less = everything()
  let seen = 0
  let rejected = 0
  let accepted = 0
  // Of a flow some packets are rejected, and the firewall tells of one of them a window later.
  let late: Packets[] = []
  for (let round = 0; round < 50; round++) {
    const window = new Window(flows)
    window.rejected(...late)
    late = []
    for (let host = 1; host <= 40; host++) {
      const ipv6 = host % 3 === 0
      const all = random.whole(1, 50)
      const refused = random.whole(0, all)
      seen += all
      rejected += refused
      window.accepted({ host, packets: all, bytes: all * 60, ipv6 })
      const told = refused - Math.min(refused, random.whole(0, 1))
      if (told > 0) window.rejected({ host, packets: told, bytes: told * 60, ipv6 })
      if (told < refused) late.push({ host, packets: 1, bytes: 60, ipv6 })
    }
    less.settle(window.table, false)
    const { words, totals, endWords } = window.table
    for (let entry = unitWords; entry < endWords; entry += entryWords(words, entry))
      if (owner.action(words[entry + 3]!) === act.accept) {
        assert.equal(totals[(entry >>> 1) + 3], totals[(entry >>> 1) + 2]! * 60, `seed ${seed}`)
        accepted += totals[(entry >>> 1) + 2]!
      }
  }
  const owed = new Window(flows).rejected(...late)
  less.settle(owed.table, false)
  less.settle(new Window(flows).table, false)
  assert.equal(less.taken + less.unseen, rejected)
  assert.equal(accepted, seen - less.taken)
})
