/**
 * The readers and the decoder against the plain second reader of `test/naive-decoder.ts`, on mutated captures:
 * the same frames, the same flows to the byte, the same damage, whatever the file holds.
 *
 *     WEIR_SEED=7 npm test -- packet/capture.fuzz        another seed
 *     WEIR_LONG=1 npm test -- packet/capture.fuzz        a million mutated packets
 */
import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CaptureMutator, frameLists } from '../../test/mutated-captures.ts'
import {
  type NaiveFrame,
  naiveDecode,
  type NaivePacket,
  naiveRead,
} from '../../test/naive-decoder.ts'
import { replayMade } from '../../test/replayed.ts'
import { WeirError } from '../base/errors.ts'
import { Random } from '../sample/random.ts'
import {
  about,
  addressBytes,
  type CaptureFile,
  chunkSource,
  openCapture,
  type PacketBatch,
  readCaptures,
  rowWords,
  word,
} from './packet.ts'

const seed = Number(process.env['WEIR_SEED'] ?? 1)
const long = process.env['WEIR_LONG'] === '1'
const packetsWanted = Number(process.env['WEIR_PACKETS'] ?? (long ? 1_000_000 : 40_000))
const framesPerFile = 50

interface Totals {
  readonly frames: number
  readonly skipped: number
  readonly damaged: boolean
  /** Of each flow `family protocol source:port > destination:port`: packets, bytes, flags, first and last second. */
  readonly flows: Map<string, [number, number, number, number, number]>
}

function add(totals: Totals, key: string, bytes: number, flags: number, second: number): void {
  const flow = totals.flows.get(key)
  if (flow === undefined) totals.flows.set(key, [1, bytes, flags, second, second])
  else {
    flow[0]++
    flow[1] += bytes
    flow[2] |= flags
    flow[3] = Math.min(flow[3], second)
    flow[4] = Math.max(flow[4], second)
  }
}

const keyOf = (family: number, proto: number, ends: readonly (string | number)[]): string =>
  `${family} ${proto} ${ends[0]}:${ends[1]} > ${ends[2]}:${ends[3]}`

/** "The time of the packet before them in the file, else of the first timed one, else 0." */
function secondsOf(frames: readonly NaiveFrame[]): number[] {
  let last = frames.find(({ second }) => second !== undefined)?.second ?? 0
  return frames.map(({ second }) => (last = second ?? last))
}

function naiveTotals(file: Uint8Array): Totals | undefined {
  const read = naiveRead(file)
  if (read === undefined) return undefined
  const outcomes = read.frames.map(naiveDecode)
  const seconds = secondsOf(read.frames)
  const packets = outcomes.flatMap((outcome, i) =>
    typeof outcome === 'string' ? [] : [[outcome, seconds[i]!] as const],
  )
  const totals: Totals = {
    frames: outcomes.length,
    skipped: outcomes.length - packets.length,
    damaged: read.damaged,
    flows: new Map(),
  }
  for (const [packet, second] of packets)
    add(totals, keyOfNaive(packet), packet.bytes, packet.flags, second)
  return totals
}

const keyOfNaive = (its: NaivePacket): string =>
  keyOf(its.family, its.protocol, [
    its.source,
    its.sourcePort,
    its.destination,
    its.destinationPort,
  ])

/** The file in chunks of random sizes, so that records lie across their borders. */
function* chunksOf(file: Uint8Array, random: Random): Generator<Uint8Array> {
  for (let at = 0; at < file.length;) {
    const size = random.whole(1, random.whole(0, 3) === 0 ? 40 : 4000)
    yield file.subarray(at, (at += size))
  }
}

async function realTotals(file: Uint8Array, random: Random): Promise<Totals | undefined> {
  let capture: CaptureFile
  try {
    capture = await openCapture(chunkSource('fuzzed', chunksOf(file, random)))
  } catch (error) {
    if (error instanceof WeirError && error.code === 'CaptureUnknownFormat') return undefined
    throw error
  }
  const flows: Totals['flows'] = new Map()
  const totals = { frames: 0, skipped: 0, damaged: false, flows }
  let counted = 0
  await readCaptures([capture], {
    addInterface: () => {},
    add: (batch) => {
      counted += batch.rows
      for (let row = 0; row < batch.rows; row++) addRow(totals, batch, row * rowWords)
    },
  })
  const { frames, nonIp, truncatedIp, malformedIp, damage } = capture
  assert.equal(counted, frames - nonIp - truncatedIp - malformedIp, 'every frame is accounted for')
  return { frames, skipped: frames - counted, damaged: damage !== undefined, flows }
}

function addRow(totals: Totals, { words }: PacketBatch, base: number): void {
  const mark = words[base + word.about]!
  const width = mark & about.ipv6 ? 4 : 1
  const address = (at: number): string =>
    Array.from({ length: width }, (_, i) =>
      (words[base + at + i]! >>> 0).toString(16).padStart(8, '0'),
    ).join('')
  const ports = words[base + word.ports]!
  assert.equal(words[base + word.packets], 1)
  add(
    totals,
    keyOf(width === 4 ? 6 : 4, mark & about.protocolMask, [
      address(word.source),
      ports >>> 16,
      address(word.destination),
      ports & 0xffff,
    ]),
    words[base + word.bytes]! >>> 0,
    (mark >>> about.flagsShift) & 0xff,
    words[base + word.second]! >>> 0,
  )
}

/** Fails with the seed, and keeps the file for a closer look. */
function same(got: unknown, expected: unknown, file: Uint8Array, round: number): void {
  try {
    assert.deepEqual(got, expected)
  } catch (error) {
    const path = join(mkdtempSync(join(tmpdir(), 'weir-fuzz-')), 'capture')
    writeFileSync(path, file)
    throw new Error(`WEIR_SEED=${seed}, file ${round}, kept as ${path}`, { cause: error })
  }
}

test(`mutated captures are read as the plain reader reads them (seed ${seed})`, async (context) => {
  const lists = frameLists()
  const random = new Random(seed)
  const mutator = new CaptureMutator(lists, random, false)
  let packets = 0
  let damaged = 0
  let round = 0
  for (; packets < packetsWanted; round++) {
    const { bytes, mutated, damaged: broken } = mutator.file(framesPerFile)
    packets += mutated
    if (broken) damaged++
    same(await realTotals(bytes, random), naiveTotals(bytes), bytes, round)
  }
  context.diagnostic(
    `${packets} mutated packets of ${lists.length} captures, ${damaged} of ${round} files damaged`,
  )
})

test(`mutated captures become records with the same totals (seed ${seed})`, async () => {
  const random = new Random(seed + 1_000_000)
  const mutator = new CaptureMutator(frameLists(), random, true)
  for (let packets = 0, round = 0; packets < packetsWanted / 8; round++) {
    const { bytes, mutated, damaged } = mutator.file(framesPerFile)
    packets += mutated
    const expected = naiveTotals(bytes)
    if (damaged || expected === undefined) continue
    const { records } = await replayMade([{ bytes }], random.whole(0, 1) === 0 ? 60 : 600)
    const sums = new Map<string, [number, number, number]>()
    for (const record of records) {
      if (record['log-status'] !== 'OK') continue
      const hex = (text: string): string => Buffer.from(addressBytes(text)).toString('hex')
      const ends = [hex(record.srcaddr), record.srcport, hex(record.dstaddr), record.dstport]
      const key = keyOf(record.type === 'IPv6' ? 6 : 4, Number(record.protocol), ends)
      const [packetsBefore, bytesBefore, flagsBefore] = sums.get(key) ?? [0, 0, 0]
      sums.set(key, [
        packetsBefore + Number(record.packets),
        bytesBefore + Number(record.bytes),
        flagsBefore | Number(record['tcp-flags']),
      ])
    }
    const wanted = [...expected.flows].filter(([key]) => !isMulticast(key))
    same(sums, new Map(wanted.map(([key, [p, b, f]]) => [key, [p, b, f]])), bytes, round)
  }
})

/** "Destination in 224.0.0.0/4 or ff00::/8". */
const isMulticast = (key: string): boolean => {
  const destination = key.split(' > ')[1]!
  return key.startsWith('6') ? destination.startsWith('ff') : destination.startsWith('e')
}
