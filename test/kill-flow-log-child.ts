/**
 * Changes flow logs without end, and says each answer: `DONE id state`. How many orders until it kills itself, and where
 * in an order, its arguments say: FILE ORDERS POINT.
 */
import { writeSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { FlowLogs, FlowLogService } from '../src/flow-log/flow-log.ts'

const [file = '', orders = '1', point = 'under way'] = process.argv.slice(2)
const database = new DatabaseSync(file)
database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
const flowLogs = new FlowLogs(database)
let left = Number(orders)

const dieAt = (here: string): void => {
  if (left <= 0 && point === here) process.kill(process.pid, 'SIGKILL')
}
const service = new FlowLogService(flowLogs, {
  checkTarget: () => {},
  placeOf: () => ({ region: 'cn-hangzhou', account: '1' }),
  checkDestination: () => {},
  checkAnalyzer: () => {},
  checkPaid: () => {},
  deliveryProblem: () => undefined,
  async taken() {
    left--
    await new Promise((resolve) => setImmediate(resolve))
    dieAt('under way')
  },
  prerequisitesDone: true,
})
flowLogs.onChange(() => dieAt('on disk'))
service.resume()

const said = (id: string, state: string): void => void writeSync(1, `DONE ${id} ${state}\n`)
const wanted = { resourceType: 'VPC', resourceId: 'vpc-1', project: 'p', logstore: 'l' } as const
for (;;) {
  const { id } = service.create(wanted, 'k')
  await service.settled(id)
  said(id, 'Active')
  service.modify(id, { windowSeconds: 60 }, 'k')
  await service.settled(id)
  said(id, 'Modified')
  service.deactivate(id, 'k')
  await service.settled(id)
  said(id, 'Inactive')
  service.activate(id, 'k')
  await service.settled(id)
  said(id, 'Active')
  service.delete(id, 'k')
  await service.settled(id)
  said(id, 'Deleted')
}
