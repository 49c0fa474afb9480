/** "Spool full: new windows are refused and become SKIPDATA; closed ones are never deleted." */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openSpool } from '../src/delivery/delivery.ts'
import { difference } from '../src/ledger/ledger.ts'
import { temporaryFolder } from './logstore-rows.ts'
import { flowLogOf, ScriptedCapture, ScriptedInterface } from './scripted-tap.ts'
import { recorded } from './spool-parcels.ts'

test('while the server is away a spool fills up; when it is back nothing that was closed is lost', async (t) => {
  const { log } = recorded()
  const spool = await openSpool(temporaryFolder(t), { bytesMax: 150_000 }, { log })
  const begin = 1_700_000_160 // the start of a window
  const at = new ScriptedInterface()
  const capture = new ScriptedCapture({ at, now: begin, flowLogs: [flowLogOf('all')], spool })
  const flows = 40 // new ones each second: 2 400 records a window
  const minutes = 12
  let sent = 0
  const run = async (from: number, to: number): Promise<void> => {
    for (let now = from; now < to; now++) {
      capture.tick(now)
      await capture.put()
      for (let i = 0; i < flows; i++, sent++) at.pass(now, 1, { port: 1 + (sent % 60_000) })
    }
  }
  await run(begin, begin + minutes * 60)
  const { refused } = spool.stats()
  assert.ok(refused > 2, `${refused} windows were refused`)

  const deliver = async (): Promise<void> => {
    for (let taken = await spool.take(10); taken.length > 0; taken = await spool.take(10))
      for (const each of taken) {
        capture.add(each.parcel)
        spool.done(each)
      }
  }
  await deliver()
  const kept = capture.recordsOf('all').length
  assert.ok(kept >= 2 * 60 * flows, 'some windows fit')
  await run(begin + minutes * 60, begin + (minutes + 1) * 60)
  await deliver() // there is room now for what was refused and is told again
  await run(begin + (minutes + 1) * 60, begin + (minutes + 2) * 60 + 3)
  const note = capture.stop(begin + (minutes + 2) * 60 + 3)
  await capture.put()
  await deliver()
  const { ledger } = capture.capture.note()
  await spool.close()

  const lines = capture.recordsOf('all')
  const stored = lines.filter((line) => line.includes(' OK ')).length
  const lost = ledger.lost.spoolFull!.frames
  assert.equal(difference(ledger), 0)
  assert.equal(ledger.interface.frames, sent)
  assert.deepEqual([ledger.records.packets, stored + lost], [stored, sent])
  assert.deepEqual(Object.keys(ledger.lost), ['spoolFull'])
  const said = lines.filter((line) => line.endsWith(' SKIPDATA')).map((line) => line.split('+')[0])
  const missed = note.losses.map(({ reason, from, frames }) => [reason, from, frames])
  assert.equal(missed.length, lost / (60 * flows))
  assert.deepEqual(
    missed,
    said.map((start) => ['spoolFull', Number(start), 60 * flows]),
  )
})
