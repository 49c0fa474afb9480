import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { FlowLogs, FlowLogService } from '../src/flow-log/flow-log.ts'
import { temporaryFolder } from './temporary-folder.ts'

const child = fileURLToPath(new URL('./kill-flow-log-child.ts', import.meta.url))

function open(file: string): { service: FlowLogService; flowLogs: FlowLogs; take: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  const flowLogs = new FlowLogs(new DatabaseSync(file))
  const service = new FlowLogService(flowLogs, {
    checkTarget: () => {},
    placeOf: () => ({ region: 'cn-hangzhou', account: '1' }),
    checkDestination: () => {},
    checkAnalyzer: () => {},
    checkPaid: () => {},
    deliveryProblem: () => undefined,
    taken: () => promise,
    prerequisitesDone: true,
  })
  service.resume()
  return { service, flowLogs, take: resolve }
}

/** What is under way when the n-th order is, and what it ends in. */
const orders = [
  { transient: 'Activating', end: 'Active' },
  { transient: 'Modifying', end: 'Active' },
  { transient: 'Deactivating', end: 'Inactive' },
  { transient: 'Activating', end: 'Active' },
  { transient: 'Deleting', end: undefined },
] as const

for (const point of ['under way', 'on disk'])
  test(`killed in each transition (${point}): it is still seen, and finished`, async (t) => {
    for (const [i, { transient, end }] of orders.entries()) {
      const file = join(temporaryFolder(t), 'state.sqlite')
      // An order counts when it is under way, and is on disk before that.
      const args = [child, file, String(point === 'on disk' ? i : i + 1), point]
      const { signal, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
      assert.equal(signal, 'SIGKILL', stderr)
      const lines = stdout.split('\n').filter((line) => line !== '')
      const { service, flowLogs, take } = open(file)
      const [flowLog] = service.list()
      assert.ok(flowLog !== undefined, `${transient}: it is there`)
      assert.equal(lines.length, i, 'every order before was answered')
      assert.equal(flowLog.status, transient)
      assert.equal(service.quotas.list('1')[0]?.used, 1)
      take()
      await service.settled(flowLog.id)
      const [after] = service.list()
      assert.deepEqual(
        [after?.status, after?.windowSeconds],
        end === undefined ? [undefined, undefined] : [end, i === 0 ? 600 : 60],
      )
      assert.deepEqual(flowLogs.list().length, end === undefined ? 0 : 1)
    }
  })
