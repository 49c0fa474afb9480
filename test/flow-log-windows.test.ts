/** From flow logs to the records each of them gets, through plan, schedule and windows, as packets come. */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { type UnixSeconds, unixSeconds } from '../src/base/time.ts'
import {
  activeIn,
  capturePlan,
  FlowLogs,
  keeps,
  keptRows,
  type NewFlowLog,
  type Schedule,
  windowSchedule,
} from '../src/flow-log/flow-log.ts'
import { chunkSource, openCapture, readCaptures } from '../src/packet/packet.ts'
import type { EniIdentity } from '../src/record/batch.ts'
import { singleEniAssigner } from '../src/vpc/vpc.ts'
import { CaptureWindows } from '../src/window/window.ts'
import { begin, captureOf } from './packet-lines.ts'

const eni: EniIdentity = {
  accountId: '-',
  eniId: 'eni-web1',
  vmId: '-',
  vSwitchId: 'vsw-web',
  vpcId: 'vpc-shop',
}
const ofEni = {
  resourceType: 'NetworkInterface',
  resourceId: 'eni-web1',
  project: 'p',
  logstore: 'l',
} as const satisfies NewFlowLog

/** A record that a flow log got: whose, its window and packets. Seconds count from `begin`. */
type Got = readonly [flowLog: string, start: number, end: number, packets: number]

/** One ENI under the flow logs of a store whose clock is the packets'. */
function capturing() {
  const clock = { now: begin }
  let made = 0
  const flowLogs = new FlowLogs(new DatabaseSync(':memory:'), {
    now: () => unixSeconds(clock.now),
    newId: () => `fl-${++made}`,
  })
  const assigner = singleEniAssigner(eni, { useDirectionHint: false })
  const rows = keptRows()
  const got: Got[] = []
  const windows = new CaptureWindows(
    { windowSeconds: 60, lateSeconds: 2, flowsMax: 1000 },
    assigner,
    (batch, { start, seconds }) => {
      for (const flowLog of flowLogs.lately(unixSeconds(0))) {
        if (!activeIn(flowLog, { start, seconds })) continue
        const count = keeps(flowLog, assigner.enis)(batch, rows)
        for (const row of rows.subarray(0, count))
          got.push([flowLog.id, start - begin, start + seconds - begin, batch.packets[row]!])
      }
    },
  )
  let schedule: Schedule | undefined
  const plan = (): void => {
    const [eniPlan] = capturePlan([eni], flowLogs.lately(unixSeconds(clock.now - 1200)))
    if (eniPlan === undefined) return
    schedule = windowSchedule(schedule, eniPlan.windowSeconds, clock.now as UnixSeconds)
    windows.changeLength(schedule)
  }
  flowLogs.onChange(plan)
  return {
    flowLogs,
    got,
    /** A packet every second of one TCP connection, until `second`, which is the next one's. */
    until: async (second: number): Promise<void> => {
      const from = clock.now - begin
      const lines = Array.from(
        { length: second - from },
        (_, i) => `${from + i}.5 10.0.0.1:4000 > 10.0.0.2:80 A`,
      )
      const capture = await openCapture(chunkSource('a.pcap', [captureOf(lines)]))
      await readCaptures([capture], {
        addInterface: () => {},
        add: (batch) => windows.add(batch),
      })
      clock.now = begin + second
    },
    end: () => windows.closeAll(),
  }
}

const of = (id: string, got: readonly Got[]): (readonly number[])[] =>
  got.filter(([flowLog]) => flowLog === id).map(([, ...rest]) => rest)

const packetsOf = (records: readonly (readonly number[])[]): number =>
  records.reduce((sum, record) => sum + record[2]!, 0)

test('"for a TCP session that maintains a persistent connection, a 1-minute window produces 60 log entries per hour, while a 10-minute window produces only 6"', async () => {
  for (const [windowSeconds, count] of [
    [60, 60],
    [300, 12],
    [600, 6],
  ] as const) {
    const { flowLogs, got, until, end } = capturing()
    flowLogs.create({ ...ofEni, windowSeconds })
    await until(3600)
    end()
    assert.deepEqual(
      got,
      Array.from({ length: count }, (_, i) => [
        'fl-1',
        i * windowSeconds,
        (i + 1) * windowSeconds,
        windowSeconds,
      ]),
    )
  }
})

test('"the shortest sampling interval among all instances" is the window of the records of each', async () => {
  const { flowLogs, got, until, end } = capturing()
  flowLogs.create({ ...ofEni, windowSeconds: 600 })
  flowLogs.create({ ...ofEni, windowSeconds: 60, resourceType: 'VPC', resourceId: 'vpc-shop' })
  flowLogs.create({ ...ofEni, windowSeconds: 60, resourceType: 'VPC', resourceId: 'vpc-other' })
  await until(3600)
  end()
  const each = [
    [0, 600, 600], // had begun when the second was made
    ...Array.from({ length: 50 }, (_, i) => [600 + i * 60, 660 + i * 60, 60]),
  ]
  assert.deepEqual(of('fl-1', got), each)
  assert.deepEqual(of('fl-2', got), each)
  assert.deepEqual(of('fl-3', got), [])
})

test('windows become longer and shorter while packets come: none is lost or counted twice', async () => {
  const { flowLogs, got, until, end } = capturing()
  const { id } = flowLogs.create({ ...ofEni, windowSeconds: 60 })
  await until(130)
  flowLogs.modify(id, { windowSeconds: 300 })
  await until(700)
  flowLogs.modify(id, { windowSeconds: 600 })
  flowLogs.modify(id, { windowSeconds: 60 })
  await until(1000)
  end()
  // `begin` is a bound of every length.
  assert.deepEqual(of(id, got), [
    [0, 60, 60],
    [60, 120, 60],
    [120, 180, 60],
    [180, 240, 60],
    [240, 300, 60],
    [300, 600, 300],
    [600, 900, 300],
    [900, 960, 60],
    [960, 1020, 40],
  ])
  assert.equal(packetsOf(of(id, got)), 1000)
})

test('a flow log has the records of every window that it was active in at any moment', async () => {
  const { flowLogs, got, until, end } = capturing()
  flowLogs.create({ ...ofEni, windowSeconds: 60 })
  const { id } = flowLogs.create({ ...ofEni, windowSeconds: 60 })
  await until(90)
  flowLogs.stop(id)
  await until(200)
  flowLogs.start(id)
  await until(239)
  flowLogs.stop(id)
  await until(241)
  flowLogs.start(id)
  await until(310)
  flowLogs.delete(id)
  await until(480)
  end()
  assert.deepEqual(of(id, got), [
    [0, 60, 60],
    [60, 120, 60],
    [180, 240, 60],
    [240, 300, 60],
    [300, 360, 60],
  ])
  assert.equal(packetsOf(of('fl-1', got)), 480)
})
