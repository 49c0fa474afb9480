/**
 * `weir replay` against the tables of the flow-table oracle. The project's own captures and their hand-written
 * tables always; the captures of ../shared, which are other people's, where that folder is.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, suite, test } from 'node:test'
import { openByteSource } from '../src/packet/packet.ts'
import { replayCaptures } from '../src/programs/replay-captures.ts'
import { RecordTextWriter } from '../src/record/text.ts'
import { captureIdentity, singleEniAssigner } from '../src/vpc/vpc.ts'
import { type WindowSeconds } from '../src/window/window.ts'
import { differencesOf, type FlowTableFile } from './flow-comparison.ts'
import { parseLines, type TextRecord } from './replayed.ts'

const root = join(import.meta.dirname, '..')
const ownCaptures = join(import.meta.dirname, 'captures')
const sharedCaptures = join(root, '../shared/captures')
const compareFlows = join(root, '../shared/tools/compare-flows')
const windowLengths = [600, 60] as const
/** Windows between the first and the last frame, each a NODATA line; captures of years have millions. */
const windowsMax = 600_000

const scratch = mkdtempSync(join(tmpdir(), 'weir-conformance-'))
after(() => rmSync(scratch, { recursive: true }))

const captureNames = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.flows.json'))
    .map((name) => name.slice(0, -'.flows.json'.length))
const tableOf = (folder: string, name: string): FlowTableFile =>
  JSON.parse(readFileSync(join(folder, `${name}.flows.json`), 'utf8')) as FlowTableFile

function windowsIn(table: FlowTableFile, windowSeconds: number): number {
  const starts = table.flows.flatMap(({ start }) => (start === null ? [] : [start]))
  const ends = table.flows.flatMap(({ end }) => (end === null ? [] : [end]))
  return starts.length === 0 ? 0 : (Math.max(...ends) - Math.min(...starts)) / windowSeconds
}

/** `weir replay` as a process of its own; lines of silent windows are counted and not kept. */
async function runReplay(path: string, windowSeconds: number) {
  const child = spawn(join(root, 'bin/weir'), ['replay', path, '--window', `${windowSeconds}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const lines: string[] = []
  let silent = 0
  let rest = ''
  for await (const text of child.stdout.setEncoding('latin1')) {
    const parts = (rest + (text as string)).split('\n')
    rest = parts.pop()!
    for (const line of parts)
      if (line.includes('"log-status":"NODATA"')) silent++
      else lines.push(line)
  }
  assert.equal(rest, '', 'output ends with a whole line')
  return { status: await ended, errors, lines, silent }
}

/** The same in this process, with the counters of the file. */
async function replayHere(path: string, windowSeconds: WindowSeconds) {
  const assigner = singleEniAssigner(captureIdentity, { useDirectionHint: false })
  const records: TextRecord[] = []
  const writer = new RecordTextWriter(assigner.enis, (bytes) => {
    records.push(...parseLines(Buffer.from(bytes).toString()))
  })
  const summary = await replayCaptures(
    [await openByteSource(path)],
    assigner,
    windowSeconds,
    (batch) => {
      if (batch.status[0] === 0) writer.write(batch) // a batch is of one window and one status
    },
  )
  writer.flush()
  return { file: summary.files[0]!, records }
}

for (const windowSeconds of windowLengths)
  suite(`the project's own captures, windows of ${windowSeconds} s`, () => {
    for (const name of captureNames(ownCaptures))
      test(name, async () => {
        const table = tableOf(ownCaptures, name)
        const { file, records } = await replayHere(join(ownCaptures, name), windowSeconds)
        assert.deepEqual(differencesOf(table, records, windowSeconds), [])
        const { frames, nonIp, truncatedIp, malformedIp, damage } = file
        assert.deepEqual(
          { frames, nonIp, truncatedIp, malformedIp, complete: damage === undefined },
          { frames: table.frames, ...table.skipped, complete: table.complete },
        )
      })
  })

test('own captures through the command: records, exit status and the place of the damage', async () => {
  const damageAt: Record<string, RegExp> = {
    'cut-data.pcap': /^weir replay: .*cut-data\.pcap is damaged at byte 387: .*\n$/,
    'cut-header.pcap': /^weir replay: .*cut-header\.pcap is damaged at byte 387: .*\n$/,
    'cut.pcapng': /^weir replay: .*cut\.pcapng is damaged at byte 500: .*\n$/,
  }
  for (const name of ['pcap-ns-be.pcap', 'compressed.pcap.zst', ...Object.keys(damageAt)]) {
    const { status, errors, lines } = await runReplay(join(ownCaptures, name), 60)
    const records = lines.map((line) => JSON.parse(line) as TextRecord)
    assert.deepEqual(differencesOf(tableOf(ownCaptures, name), records, 60), [], name)
    assert.equal(status, name in damageAt ? 3 : 0, name)
    assert.match(errors, damageAt[name] ?? /^$/, name)
  }
})

/** What stands on standard error for a capture of ../shared; nothing for the others. */
const said: Readonly<Record<string, RegExp>> = {
  'suricata-tls_DER-incomplete-header.pcap':
    /^weir replay: .* is damaged at byte 5035: a record claims 4325376 captured bytes\. The 6 frames before it are in the records\.\nweir replay: 1 packets came more than 60 s after their window's end; they are in further records of their window\n$/,
  'pcapng-advanced-test102.pcapng':
    /^weir replay: .* says that 11 frames were dropped when it was captured\n$/,
}

suite(
  'captures of ../shared',
  { concurrency: 3, skip: existsSync(sharedCaptures) ? false : '../shared is not there' },
  () => {
    const names = existsSync(sharedCaptures) ? captureNames(sharedCaptures) : []
    const python = spawnSync('python3', ['--version']).status === 0
    for (const name of names)
      for (const windowSeconds of windowLengths) {
        const table = tableOf(sharedCaptures, name)
        const windows = windowsIn(table, windowSeconds)
        // At 60 s years of silence would be millions of lines, and nothing else that is new.
        if (windows > windowsMax && windowSeconds === 60) continue
        test(`${name}, windows of ${windowSeconds} s`, async (context) => {
          const path = join(sharedCaptures, name)
          const { status, errors, lines, silent } = await runReplay(path, windowSeconds)
          assert.equal(status, table.complete ? 0 : 3, errors)
          assert.match(errors, said[name] ?? /^$/)
          assert.ok(silent >= Math.floor(windows) + 1 - lines.length, `${silent} silent windows`)
          const records = lines.map((line) => JSON.parse(line) as TextRecord)
          assert.deepEqual(differencesOf(table, records, windowSeconds), [])

          const { file, records: here } = await replayHere(path, windowSeconds)
          assert.deepEqual(here, records)
          const skipped = file.nonIp + file.truncatedIp + file.malformedIp
          assert.equal(file.frames, table.frames)
          assert.equal(skipped, table.frames - table.counted)

          if (!python) return context.diagnostic('compare-flows was not run: there is no python3')
          const recordFile = join(scratch, `${name}.${windowSeconds}.ndjson`)
          writeFileSync(recordFile, lines.join('\n'))
          const options = ['--no-multicast', '--window', `${windowSeconds}`]
          const wanted = join(sharedCaptures, `${name}.flows.json`)
          const child = spawn(compareFlows, [...options, wanted, recordFile])
          const [stdout, stderr, [code]] = await Promise.all([
            text(child.stdout),
            text(child.stderr),
            once(child, 'close'),
          ])
          assert.equal(code, 0, stdout + stderr)
        })
      }
  },
)
