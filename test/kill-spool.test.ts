/**
 * kill -9 at random moments while a spool is written, journalled and emptied: "every window closed into the
 * spool arrives exactly once". What was acknowledged is there, whole, or was sent; a note is never of an
 * entry that is not there, and never older than one that was acknowledged.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { openSpool } from '../src/delivery/delivery.ts'
import { randomFrom } from './random-from.ts'
import { killedSpool, parcelOf, recorded, rowsOfEntry } from './spool-parcels.ts'

const kills = process.env['WEIR_LONG'] === '1' ? 200 : 4
const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
/** Rounds share a spool for a while, so that recovery meets what recovery left. */
const killsInOneSpool = 3

/** What children said, over all their lives in one spool. */
class Said {
  /** `RUN N` of acknowledged entries. */
  readonly put = new Set<string>()
  /** `RUN N FLOWLOG` of parcels that were sent at least once. */
  readonly sent = new Set<string>()
  /** By ENI, the last acknowledged note. */
  readonly notes = new Map<string, { run: string; number: number }>()

  line(run: string, text: string): void {
    const [what, ...rest] = text.split(' ')
    if (what === 'sent') this.sent.add(rest.join(' '))
    if (what === 'put') {
      const number = Number(rest[0])
      this.put.add(`${run} ${number}`)
      const eni = `eni-${number % 5}`
      const before = this.notes.get(eni)
      if (before?.run !== run || before.number < number) this.notes.set(eni, { run, number })
    }
    if (what === 'note') this.notes.set(rest[0]!, { run, number: Number(rest[1]) })
  }
}

/** @returns how many lines the child wrote before it was killed */
async function writeAndKill(dir: string, run: string, lines: number, said: Said): Promise<number> {
  const program = join(import.meta.dirname, 'kill-spool-child.ts')
  const child = spawn(process.execPath, [program, dir, run, String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))
  let count = 0
  for await (const line of createInterface({ input: child.stdout })) {
    said.line(run, line)
    if (count++ === lines) child.kill('SIGKILL')
  }
  assert.equal(await exited, 'SIGKILL', 'the child ran until it was killed')
  return count
}

/** Opens the spool, compares it with what was said, and leaves it as it is. */
async function check(dir: string, said: Said): Promise<number> {
  const { log, lines } = recorded()
  const spool = await openSpool(dir, killedSpool, { log })
  const waiting = new Set<string>()
  for (const { eni, parcel } of await spool.take(1e9)) {
    const { run, number, flowLog } = parcel.id
    const name = `${run} ${number} ${flowLog}`
    assert.ok(!waiting.has(name), `${name} is there once`)
    waiting.add(name)
    assert.deepEqual(parcel, withOnlyUsed(parcelOf(number, rowsOfEntry(number), flowLog, run)))
    assert.equal(eni, `eni-${number % 5}`)
  }
  const there = (entry: string): boolean =>
    ['fl-1', 'fl-2'].every((flowLog) => {
      const name = `${entry} ${flowLog}`
      return waiting.has(name) || said.sent.has(name)
    })
  for (const entry of said.put) assert.ok(there(entry), `${entry} was acknowledged`)
  for (const name of waiting) assert.ok(there(name.replace(/ fl-\d$/, '')), `${name} is not alone`)
  const notes = spool.notes()
  for (const [eni, { run, number }] of said.notes) {
    const note = notes.get(eni) as { run: string; closed?: number; number?: number }
    const lives = [note.run, run].map((each) => Number(each.replace('run-', '')))
    assert.ok(lives[0]! >= lives[1]!, `the note of ${eni} is of ${note.run}, not of ${run}`)
    if (note.run === run) assert.ok((note.closed ?? note.number)! >= number, `the note of ${eni}`)
    if (note.closed !== undefined) assert.ok(there(`${note.run} ${note.closed}`), `entry of ${eni}`)
  }
  assert.deepEqual([lines, spool.stats().damages], [[], 0])
  await spool.close()
  return waiting.size
}

/** Of a dictionary, only what occurs travels. */
function withOnlyUsed(parcel: ReturnType<typeof parcelOf>): ReturnType<typeof parcelOf> {
  if (parcel.batch.rows > 0) return parcel
  const columns = new Map(parcel.batch.columns)
  columns.set('text', { kind: 'text', dictionary: [], codes: new Uint32Array() })
  return { ...parcel, batch: { rows: 0, columns } }
}

test(`${kills} kills lose nothing that was put, and leave nothing in part`, async (context) => {
  context.diagnostic(`WEIR_SEED=${seed}`)
  const random = randomFrom(seed)
  const met = { lines: 0, puts: 0, sent: 0, waiting: 0 }
  let dir = ''
  let said = new Said()
  for (let kill = 0; kill < kills; kill++) {
    if (kill % killsInOneSpool === 0) {
      if (dir !== '') rmSync(dir, { recursive: true })
      dir = mkdtempSync(join(tmpdir(), 'weir-kill-spool-'))
      said = new Said()
    }
    met.lines += await writeAndKill(dir, `run-${kill}`, random(3000), said)
    met.waiting += await check(dir, said)
    met.puts += said.put.size
    met.sent += said.sent.size
  }
  rmSync(dir, { recursive: true })
  context.diagnostic(JSON.stringify(met))
})
