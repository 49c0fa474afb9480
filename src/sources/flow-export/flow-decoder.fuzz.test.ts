/**
 * Mutated datagrams of every protocol: nothing throws, nothing grows without bound, and no row is beyond what a record can
 * say.
 *
 *     WEIR_SEED=7 npm test -- flow-decoder.fuzz        another seed
 *     WEIR_LONG=1 npm test -- flow-decoder.fuzz        half a million datagrams
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  ipfixMessage,
  netflow5Message,
  netflow9Message,
  optionsTemplateOf,
  packed,
  rawHeaderOf,
  sampledIpv4,
  sampleOf,
  setOf,
  sflowMessage,
  templateOf,
} from '../../../test/flow-messages.ts'
import {
  about,
  etherType,
  ethernet,
  ipv4,
  joined,
  PacketBatch,
  rowWords,
  udp,
  word,
} from '../../packet/packet.ts'
import { Random } from '../../sample/random.ts'
import { FlowDecoder } from './flow-decoder.ts'

const seed = Number(process.env['WEIR_SEED'] ?? 1)
const datagramsWanted = process.env['WEIR_LONG'] === '1' ? 500_000 : 20_000
const folder = join(import.meta.dirname, '../../../../shared/samples')

function seeds(): Uint8Array[] {
  const frame = ethernet(
    {},
    etherType.ipv4,
    ipv4(
      { source: '10.0.0.1', destination: '10.0.0.2' },
      udp({ sourcePort: 5, destinationPort: 6 }),
    ),
  )
  const ip = { length: 90, protocol: 6, source: '10.0.0.1', destination: '10.0.0.2', flags: 2 }
  const records = [rawHeaderOf(frame), sampledIpv4({ ...ip, ports: [1, 2] })]
  const fields = [
    [8, 4],
    [27, 16],
    [1, 8],
    [2, 8],
    [82, 65535],
    [48, 1],
    [1, 4, 29305],
  ] as const
  const options = optionsTemplateOf(300, 1, [
    [302, 8],
    [305, 4],
    [306, 4],
    [160, 8],
  ])
  const data = packed([
    [1, 8],
    [1, 8],
    [7, 8],
    [9, 8],
    [3, 8],
    [255, 1],
    [0, 2],
    [1, 1],
    [9, 4],
  ])
  const made = [
    netflow5Message({ sequence: 9 }, [{ source: '10.0.0.1', destination: '10.0.0.2' }]),
    netflow9Message({ sequence: 1 }, [setOf(0, templateOf(256, fields)), setOf(256, data)]),
    ipfixMessage({ sequence: 4 }, [
      setOf(2, templateOf(256, fields)),
      setOf(256, joined([data, data])),
    ]),
    ipfixMessage({ sequence: 5 }, [setOf(3, options), setOf(300, new Uint8Array(48).fill(1))]),
    sflowMessage({ sequence: 3 }, [
      sampleOf({ sequence: 1, rate: 5, records }),
      sampleOf({ sequence: 2, rate: 5, expanded: true, records }),
    ]),
  ]
  if (!existsSync(folder)) return made
  const names = readdirSync(folder).filter((name) => name.endsWith('.dat'))
  return [...made, ...names.map((name) => new Uint8Array(readFileSync(join(folder, name))))]
}

function mutated(random: Random, from: readonly Uint8Array[]): Uint8Array {
  const pick = (): Uint8Array => from[random.whole(0, from.length - 1)]!
  let bytes = Uint8Array.from(pick())
  if (random.whole(0, 9) === 0) bytes = joined([bytes, pick()])
  for (let i = random.whole(0, 6); i > 0; i--) {
    const at = random.whole(0, bytes.length - 1)
    const kind = random.whole(0, 4)
    if (kind === 0) bytes[at] = random.whole(0, 255)
    else if (kind === 1) bytes.fill(0xff, at, at + random.whole(1, 8))
    else if (kind === 2) bytes.fill(0, at, at + random.whole(1, 8))
    else if (kind === 3) bytes.copyWithin(at, random.whole(0, bytes.length - 1))
    else bytes = bytes.slice(0, Math.max(1, at))
  }
  return bytes
}

test(`mutated datagrams (seed ${seed})`, () => {
  const random = new Random(seed)
  const from = seeds()
  const interfaces = new Set<number>()
  const decoder = new FlowDecoder({
    isTap: (_, ifIndex) => ifIndex < 5,
    addInterface: (index) => void interfaces.add(index),
  })
  const batch = new PacketBatch()
  let rows = 0
  for (let i = 0; i < datagramsWanted; i++) {
    const receivedAt = 1_700_000_000_000 + i * 50
    const bytes = mutated(random, from)
    try {
      decoder.take(bytes, `192.0.2.${random.whole(1, 3)}`, 5000, receivedAt)
      if (i % 1000 === 0) decoder.takeLosses(receivedAt)
    } catch (cause) {
      throw new Error(`seed ${seed}, datagram ${i}: ${Buffer.from(bytes).toString('hex')}`, {
        cause,
      })
    }
    while (decoder.hasRows) {
      batch.rows = 0
      decoder.giveInto(batch)
      assert.ok(batch.rows > 0, 'a batch with room takes a row')
      rows += batch.rows
      for (let row = 0; row < batch.rows; row++) {
        const base = row * rowWords
        const mark = batch.words[base + word.about]!
        assert.ok(batch.words[base + word.packets]! >= 0)
        assert.equal(mark & about.icmpError, 0)
        assert.ok(interfaces.has(batch.words[base + word.interface]!), 'an interface that was told')
        const nanosecond = batch.words[base + word.nanosecond]!
        assert.ok(nanosecond >= 0 && nanosecond < 1e9)
      }
    }
  }
  const { counters } = decoder
  assert.equal(counters.datagrams, datagramsWanted)
  assert.ok(rows > datagramsWanted / 10, `${rows} rows`)
  assert.ok(counters.malformed > 0 && counters.undecodableSets > 0 && counters.templatesRefused > 0)
})
