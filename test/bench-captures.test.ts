/** What the benches stand on: captures that hold what they are said to hold, and figures that add up. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { writeCapture } from '../bench/run/capture-writer.ts'
import { addUp } from '../bench/run/profile.ts'
import { cpuOf, median, peakMegabytes } from '../bench/run/report.ts'
import { disagreement, sumRecords } from '../bench/run/sum-records.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-bench-test-'))
after(() => rmSync(folder, { recursive: true }))
const { signal } = new AbortController()
const launcher = join(import.meta.dirname, '../bin/weir')

const sha256 = (path: string): string =>
  createHash('sha256').update(readFileSync(path)).digest('hex')

test('a capture holds exactly what was made, all of it in one window', async () => {
  const path = join(folder, 'mix.pcap')
  const its = { name: 'mix', packets: 20_000, flows: 1000, ipBytes: 'mix' } as const
  const made = await writeCapture(path, its, 1, signal)
  assert.deepEqual(made, { packets: 20_000, bytes: 6_773_816, flows: 1000 })
  const records = await sumRecords([launcher, 'replay', '--window', '600', path], signal)
  assert.equal(disagreement(made, records), undefined)
  assert.equal(
    disagreement(made, { ...records, packets: 19_999 }),
    '19999 packets where 20000 were made',
  )
})

test('the same case and seed give the same bytes, another seed gives others', async () => {
  const its = { name: 'small', packets: 500, flows: 100, ipBytes: 64 } as const
  const hashOf = async (seed: number): Promise<string> => {
    const path = join(folder, 'small.pcap')
    await writeCapture(path, its, seed, signal)
    return sha256(path)
  }
  const first = await hashOf(1)
  assert.equal(
    first,
    '2dc5670e6de79aff4a711940b2ae4e947e340f94c1aae31c6e4a8c7ae6cac7ee',
    'captures differ from those kept in .bench: raise captureForm in bench/run/make-captures.ts',
  )
  assert.equal(await hashOf(1), first)
  assert.notEqual(await hashOf(2), first)
})

test('the figures of a tool are the middle and the least of its CPU seconds, and its highest peak', () => {
  const run = (userSeconds: number, systemSeconds: number, peakBytes: number) => ({
    userSeconds,
    systemSeconds,
    peakBytes,
    wallSeconds: 9,
    said: '',
  })
  const runs = [run(3, 1, 2e6), run(1, 1, 3e6), run(2, 0.5, 1e6)]
  const measured = { name: 'a', version: '1', commandLine: 'a FILE', runs }
  assert.deepEqual(cpuOf(measured), { median: 2.5, least: 2 })
  assert.equal(peakMegabytes(measured), 3)
  assert.equal(median([4, 1, 2, 3]), 2.5)
})

test('a profile is added up by folder and by function, without what waited', () => {
  const root = `file://${join(import.meta.dirname, '..')}`
  const frame = (functionName: string, url: string) => ({ functionName, url, lineNumber: 9 })
  const profile = {
    nodes: [
      { id: 1, callFrame: frame('decodeFrame', `${root}/src/packet/decode.ts`) },
      { id: 2, callFrame: frame('add', `${root}/src/flow/flow.ts`) },
      { id: 3, callFrame: frame('(idle)', '') },
      { id: 4, callFrame: frame('(garbage collector)', '') },
      { id: 5, callFrame: frame('readSync', 'node:fs') },
    ],
    samples: [1, 2, 1, 3, 4, 5],
    timeDeltas: [2_000_000, 1_000_000, 2_000_000, 9_000_000, 500_000, 250_000],
  }
  assert.deepEqual(addUp([profile]), {
    folders: [
      { name: 'packet/', seconds: 4 },
      { name: 'flow/', seconds: 1 },
      { name: '(garbage collector)', seconds: 0.5 },
      { name: 'Node', seconds: 0.25 },
    ],
    functions: [
      { name: 'decodeFrame src/packet/decode.ts:10', seconds: 4 },
      { name: 'add src/flow/flow.ts:10', seconds: 1 },
      { name: '(garbage collector)', seconds: 0.5 },
      { name: 'readSync node:fs', seconds: 0.25 },
    ],
  })
})
