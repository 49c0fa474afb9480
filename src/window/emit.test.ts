import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unixSeconds } from '../base/time.ts'
import { LessRejected, OpenFlows } from '../flow/flow.ts'
import { protocol, rowWords, word } from '../packet/packet.ts'
import { action, direction, logStatus } from '../record/batch.ts'
import { ObservationBatch, ownerOf } from '../vpc/vpc.ts'
import { RecordEmitter } from './emit.ts'

test('an accepted flow of which all was rejected makes no record, and its ENI is not silent', () => {
  const flows = new OpenFlows()
  const table = flows.open(0)
  const words = new Int32Array(rowWords)
  const observed = new ObservationBatch()
  const add = (eni: number, port: number, act: number, packets: number): void => {
    words.set([0x0a000001, 0, 0, 0, 0x0a000002], word.source)
    words[word.ports] = (40_000 << 16) | port
    words[word.about] = protocol.udp
    words[word.packets] = packets
    words[word.bytes] = packets * 60
    words[word.second] = 1_700_000_041
    observed.rows = 1
    observed.owner[0] = ownerOf(eni, direction.in, act)
    table.add(words, observed, 0, 1)
  }
  add(0, 22, action.accept, 3)
  add(0, 22, action.reject, 3)
  add(1, 80, action.accept, 5)
  add(1, 80, action.reject, 2)
  new LessRejected(() => true).settle(table, false)

  const lines: string[] = []
  const emitter = new RecordEmitter(flows, (batch) => {
    for (let row = 0; row < batch.rows; row++)
      lines.push(
        batch.status[row] === logStatus.ok
          ? `${batch.eni[row]} ${batch.action[row]} ${batch.packets[row]} ${batch.bytes[row]}`
          : `${batch.eni[row]} status ${batch.status[row]}`,
      )
  })
  const window = { start: unixSeconds(1_700_000_040), seconds: 60 } as const
  emitter.emitFlows(table, window)
  emitter.emitStatus([0, 1, 2], window, () => false)
  assert.deepEqual(lines, [
    `0 ${action.reject} 3 180`,
    `1 ${action.accept} 3 180`,
    `1 ${action.reject} 2 120`,
    `2 status ${logStatus.noData}`,
  ])
})
