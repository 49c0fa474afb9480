import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PacketBatch, rowWords, word } from '../packet/packet.ts'
import { captureIdentity, singleEniAssigner } from '../vpc/vpc.ts'
import { CaptureWindows, type WindowConfig, type WindowEnd } from './window.ts'

const live: WindowConfig = { windowSeconds: 60, lateSeconds: 2, flowsMax: 1000, totals: true }

/** UDP packets of 100 bytes, at these seconds, of flows by port. */
function packets(...rows: readonly (readonly [second: number, port: number])[]): PacketBatch {
  const batch = new PacketBatch()
  for (const [second, port] of rows) {
    const at = batch.rows++ * rowWords
    batch.words[at + word.source] = 0x0a000001
    batch.words[at + word.destination] = 0x0a000002
    batch.words[at + word.ports] = (1000 << 16) | port
    batch.words[at + word.about] = 17
    batch.words[at + word.bytes] = 100
    batch.words[at + word.second] = second
    batch.words[at + word.packets] = 1
  }
  return batch
}

function collecting(config: WindowConfig) {
  const records: string[] = []
  const ends: WindowEnd[] = []
  const windows = new CaptureWindows(
    config,
    singleEniAssigner(captureIdentity, { useDirectionHint: false }),
    (batch, { start, seconds }) => {
      for (let row = 0; row < batch.rows; row++)
        records.push(
          `${start}+${seconds} ${batch.action[row] === 2 ? 'REJECT ' : ''}${batch.packets[row]} ` +
            `${batch.start[row]}-${batch.end[row]}`,
        )
    },
    (end) => ends.push(end),
  )
  return { windows, records, ends }
}

test('windows of another length begin at a bound of both; no packet is lost or counted twice', () => {
  const { windows, records } = collecting(live)
  windows.add(packets([1150, 1], [1199, 1]))
  windows.changeLength([
    { from: Number.NEGATIVE_INFINITY, seconds: 60 },
    { from: 1200, seconds: 300 },
    { from: 1800, seconds: 60 },
  ])
  for (let second = 1200; second < 1920; second += 20) windows.add(packets([second, 1]))
  windows.closeAll()
  assert.deepEqual(records, [
    '1140+60 2 1150-1200',
    '1200+300 15 1200-1500',
    '1500+300 15 1500-1800',
    '1800+60 3 1800-1860',
    '1860+60 3 1860-1920',
  ])
})

test('a length that begins inside a window is a bug', () => {
  const { windows } = collecting(live)
  assert.throws(
    () =>
      windows.changeLength([
        { from: 0, seconds: 60 },
        { from: 1260, seconds: 300 },
      ]),
    /windows of 300 s cannot begin at 1260/,
  )
})

test('a window tells what it took in, what found no room included; open ones tell it too', () => {
  const { windows, ends } = collecting({ ...live, flowsMax: 2 })
  windows.add(packets([1000, 1], [1001, 2], [1002, 3], [1003, 1], [1021, 1]))
  assert.deepEqual(windows.openTotals(), { frames: 5, packets: 5, bytes: 500, since: 960 })
  windows.closeUntil(1022)
  assert.deepEqual(ends, [
    {
      start: 960,
      seconds: 60,
      totals: { frames: 4, packets: 4, bytes: 400 },
      refusedFrames: 1,
      refusedPackets: 1,
    },
  ])
  assert.deepEqual(windows.openTotals(), { frames: 1, packets: 1, bytes: 100, since: 1020 })
  assert.equal(windows.takeRefused(), 1)
  assert.equal(windows.takeRefused(), 0)
})

test('what a firewall reports is REJECT and no frame of the tap', () => {
  const { windows, records, ends } = collecting(live)
  windows.addRejected(packets([1000, 1]))
  windows.closeAll()
  assert.deepEqual(records, ['960+60 REJECT 1 1000-1020'])
  assert.deepEqual(ends[0]!.totals, { frames: 0, packets: 0, bytes: 0 })
})
