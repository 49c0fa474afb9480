import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { WeirError } from '../base/errors.ts'
import { attachmentsOf, FlowLogs, FlowLogService, type FlowLogServiceThings } from './flow-log.ts'

const quotaName = 'vpc_quota_flowlog_inst_nums_per_user'
const wanted = {
  resourceType: 'VPC',
  resourceId: 'vpc-1',
  project: 'weir',
  logstore: 'flow-log',
} as const

/** A service whose capture takes orders when the test says so. */
function open(more: Partial<FlowLogServiceThings> = {}, database = new DatabaseSync(':memory:')) {
  const waiting: (() => void)[] = []
  const flowLogs = new FlowLogs(database)
  const service = new FlowLogService(flowLogs, {
    checkTarget: () => {},
    placeOf: ({ resourceId }) => ({
      region: resourceId === 'vpc-south' ? 'cn-guangzhou' : 'cn-hangzhou',
      account: '1',
    }),
    checkDestination: () => {},
    checkAnalyzer: () => {},
    checkPaid: () => {},
    deliveryProblem: () => undefined,
    taken: () => new Promise((resolve) => waiting.push(resolve)),
    prerequisitesDone: true,
    ...more,
  })
  service.resume()
  const take = async (id = ''): Promise<void> => {
    for (const resolve of waiting.splice(0)) resolve()
    await service.settled(id)
  }
  return { flowLogs, service, take, database }
}

const codeOf = (work: () => unknown): string | undefined => {
  try {
    work()
  } catch (error) {
    assert.ok(error instanceof WeirError, String(error))
    return error.code
  }
  return undefined
}

test('states: Activating, Active; Modifying; Deactivating, Inactive; Deleting, gone (1.8)', async () => {
  const { service, take, flowLogs } = open()
  const { id, status } = service.create(wanted, 'key1')
  assert.equal(status, 'Activating')
  assert.equal(flowLogs.get(id).status, 'Active', 'capture has its order at once')
  await take(id)
  assert.equal(service.get(id).status, 'Active')
  assert.equal(service.activate(id, 'key1').status, 'Active', 'nothing to do')
  assert.equal(service.modify(id, { windowSeconds: 60 }, 'key1').status, 'Modifying')
  await take(id)
  assert.equal(service.get(id).status, 'Active')
  assert.equal(service.deactivate(id, 'key1').status, 'Deactivating')
  assert.equal(flowLogs.get(id).status, 'Inactive')
  await take(id)
  assert.equal(service.get(id).status, 'Inactive')
  assert.equal(service.modify(id, { name: 'n' }, 'key1').status, 'Modifying')
  await take(id)
  assert.equal(service.get(id).status, 'Inactive')
  assert.equal(service.activate(id, 'key1').status, 'Activating')
  await take(id)
  service.delete(id, 'key2')
  assert.equal(service.get(id).status, 'Deleting')
  assert.equal(flowLogs.get(id).status, 'Inactive', 'capture is told to stop at once')
  await take(id)
  assert.deepEqual(service.list(), [])
  assert.deepEqual(
    flowLogs.history.of(id).map(({ version, by, did }) => [version, by, did]),
    [
      [1, 'key1', 'create'],
      [2, 'key1', 'modify'],
      [3, 'key1', 'stop'],
      [4, 'key1', 'modify'],
      [5, 'key1', 'start'],
      [6, 'key2', 'stop'],
      [7, 'key2', 'delete'],
    ],
  )
})

test('while one is under way every other is refused, and nothing of it is done', async () => {
  const { service, take, flowLogs } = open()
  const { id } = service.create(wanted, 'key1')
  const others = [
    () => service.modify(id, { name: 'other' }, 'key1'),
    () => service.activate(id, 'key1'),
    () => service.deactivate(id, 'key1'),
    () => service.delete(id, 'key1'),
    () => service.tag([id], [{ key: 'a', value: '' }], 'key1'),
    () => service.moveToResourceGroup(id, 'rg-2', 'key1'),
    () => service.disableDelivery(id, 'key1'),
  ]
  for (const other of others) assert.equal(codeOf(other), 'IncorrectStatus.flowlog')
  assert.equal(flowLogs.history.of(id).length, 1)
  await take(id)
  assert.equal(service.get(id).name, '')
})

test('what a crash left under way is finished at the next start', async () => {
  const { service, database } = open()
  const created = service.create(wanted, 'key1').id
  const { service: second, take } = open({}, database)
  assert.equal(second.get(created).status, 'Activating', 'still seen')
  await take(created)
  assert.equal(second.get(created).status, 'Active')
  second.delete(created, 'key1')
  const third = open({}, database)
  assert.equal(third.service.get(created).status, 'Deleting')
  await third.take(created)
  assert.deepEqual(third.service.list(), [])
  assert.equal(third.flowLogs.history.of(created).at(-1)?.by, 'key1', 'by who asked for it')
})

test('"The maximum number of flow log instances that a user can create": 10, and adjustable', async () => {
  const { service, take, flowLogs } = open()
  flowLogs.create(wanted) // Weir's own does not count
  const ids = Array.from({ length: 10 }, () => service.create(wanted, 'key1').id)
  assert.equal(
    codeOf(() => service.create(wanted, 'key1')),
    'QuotaExceeded.Flowlog',
  )
  assert.equal(flowLogs.list().length, 11)
  assert.deepEqual(service.quotas.list('1'), [
    { name: quotaName, account: '1', value: 10, used: 10 },
  ])
  const raised = service.quotas.set(quotaName, '1', 11, 'root')
  assert.deepEqual([raised.value, raised.used, raised.by], [11, 10, 'root'])
  assert.equal(typeof raised.at, 'number')
  service.create(wanted, 'key1')
  assert.equal(
    codeOf(() => service.create(wanted, 'key1')),
    'QuotaExceeded.Flowlog',
  )
  await take()
  service.delete(ids[0]!, 'key1')
  assert.equal(
    codeOf(() => service.create(wanted, 'key1')),
    'QuotaExceeded.Flowlog',
    'still there',
  )
  await take(ids[0])
  service.create(wanted, 'key1')
  for (const value of [-1, 1.5, 10_001])
    assert.equal(
      codeOf(() => service.quotas.set(quotaName, '1', value, 'x')),
      'ParameterInvalid',
    )
  assert.equal(
    codeOf(() => service.quotas.set('vpc_quota', '1', 1, 'x')),
    'NotFound',
  )
})

/** "To use the flow log feature for the first time, you must": what exactly, test/cloud-rules.test.ts quotes. */
test('the three prerequisites, each with an error of its own, in order', () => {
  const { service, database } = open({ prerequisitesDone: false })
  const { prerequisites } = service
  const create = () => service.create(wanted, 'key1')
  assert.equal(codeOf(create), 'OperationDenied.FlowLogServiceNotOpen')
  prerequisites.open('1', 'key1')
  assert.equal(
    codeOf(() => prerequisites.open('1', 'key1')),
    'OperationFailed.ExceedPurchaseLimit',
  )
  assert.equal(codeOf(create), 'OperationDenied.RoleNotAuthorized')
  prerequisites.fulfil('1', 'authorisation', 'key1')
  assert.equal(codeOf(create), 'OperationDenied.LogServiceNotOpen')
  prerequisites.fulfil('1', 'logService', 'key2')
  assert.equal(create().status, 'Activating')
  assert.equal(prerequisites.isDone('2', 'activation'), false, 'each account has its own')
  const again = open({ prerequisitesDone: false }, database).service.prerequisites
  assert.deepEqual(
    again.list('1').map(({ name, done, by }) => [name, done, by]),
    [
      ['activation', true, 'key1'],
      ['authorisation', true, 'key1'],
      ['logService', true, 'key2'],
    ],
  )
  const fresh = open().service.prerequisites
  assert.equal(
    codeOf(() => fresh.open('1', 'k')),
    'OperationFailed.ExceedPurchaseLimit',
  )
})

test('a region without IPv6 takes no DualStack; a target of another region is not there', async () => {
  const { service, take } = open()
  const south = { ...wanted, resourceId: 'vpc-south' }
  assert.equal(
    codeOf(() => service.create({ ...south, ipVersion: 'DualStack' }, 'k')),
    'OperationUnsupported.action',
  )
  assert.equal(
    codeOf(() => service.create({ ...south, region: 'cn-hangzhou' }, 'k')),
    'ResourceNotExist',
  )
  const { id, region } = service.create({ ...south, region: 'cn-guangzhou' }, 'k')
  assert.equal(region, 'cn-guangzhou')
  await take(id)
  assert.equal(
    codeOf(() => service.modify(id, { ipVersion: 'DualStack' }, 'k')),
    'OperationUnsupported.action',
  )
})

test('defaults of a resource; a group can be changed', async () => {
  const { service, take } = open()
  const made = service.create(wanted, 'k')
  const { resourceGroup, tags, businessStatus, delivers, deliverStatus, deliverError } = made
  assert.deepEqual(
    { resourceGroup, tags, businessStatus, delivers, deliverStatus, deliverError },
    {
      resourceGroup: 'rg-default',
      tags: [],
      businessStatus: 'Normal',
      delivers: true,
      deliverStatus: 'SUCCESS',
      deliverError: '',
    },
  )
  await take(made.id)
  assert.equal(service.moveToResourceGroup(made.id, 'rg-acfm2', 'k').resourceGroup, 'rg-acfm2')
  for (const id of ['', 'acfm', 'rg-', 'rg-a_b'])
    assert.equal(
      codeOf(() => service.moveToResourceGroup(made.id, id, 'k')),
      'ParameterInvalid',
    )
})

test('"This option cannot be re-enabled after it is disabled"', async () => {
  const { service, take } = open()
  const { id } = service.create(wanted, 'k')
  await take(id)
  assert.equal(service.disableDelivery(id, 'k').status, 'Deactivating')
  await take(id)
  const { status, delivers } = service.get(id)
  assert.deepEqual([status, delivers], ['Inactive', false])
  assert.equal(
    codeOf(() => service.activate(id, 'k')),
    'OperationUnsupported.action',
  )
})

test('an account that owes too much can look, and that is all', async () => {
  let owes = false
  const { service, take } = open({
    checkPaid: () => {
      if (owes) throw new WeirError('FlowLogSuspended', 'the bills are not paid')
    },
  })
  const { id } = service.create(wanted, 'k')
  await take(id)
  owes = true
  assert.equal(service.get(id).businessStatus, 'FinancialLocked')
  assert.equal(
    codeOf(() => service.create(wanted, 'k')),
    'FlowLogSuspended',
  )
  assert.equal(
    codeOf(() => service.deactivate(id, 'k')),
    'FlowLogSuspended',
  )
  assert.equal(
    codeOf(() => service.tag([id], [], 'k')),
    'FlowLogSuspended',
  )
  owes = false
  assert.equal(service.get(id).businessStatus, 'Normal')
})

test('an analyzer is asked whether its interval takes the window, now and when the window changes', async () => {
  const { service, take } = open({
    checkAnalyzer(_, windowSeconds) {
      if (windowSeconds > 60) throw new WeirError('ParameterInvalid', 'the interval is shorter')
    },
  })
  const withOne = { ...wanted, analyzer: 'nta-1' }
  assert.equal(
    codeOf(() => service.create(withOne, 'k')),
    'ParameterInvalid',
  )
  const { id, analyzer } = service.create({ ...withOne, windowSeconds: 60 }, 'k')
  assert.equal(analyzer, 'nta-1')
  await take(id)
  assert.equal(
    codeOf(() => service.modify(id, { windowSeconds: 300 }, 'k')),
    'ParameterInvalid',
  )
  assert.equal(service.attachAnalyzer(id, undefined, 'k').analyzer, undefined)
  service.modify(id, { windowSeconds: 300 }, 'k')
  await take(id)
  assert.equal(
    codeOf(() => service.attachAnalyzer(id, 'nta-1', 'k')),
    'ParameterInvalid',
  )
})

test('with an analyzer a flow log goes on when delivery to its logstore is disabled', async () => {
  const { service, take, flowLogs, database } = open({
    deliveryProblem: (_, delivers) => (delivers ? 'there is no logstore' : undefined),
  })
  const { id, deliverStatus } = service.create({ ...wanted, analyzer: 'nta-1' }, 'k')
  await take(id)
  const { analyzerOf, isAlone, attached } = attachmentsOf(flowLogs)
  assert.deepEqual([analyzerOf(id), isAlone(id), deliverStatus], ['nta-1', false, 'FAILED'])
  assert.equal(service.disableDelivery(id, 'k').status, 'Modifying')
  await take(id)
  const { status, delivers, project, logstore, deliverStatus: later } = service.get(id)
  assert.deepEqual(
    [status, delivers, project, logstore, later],
    ['Active', false, 'weir', 'flow-log', 'SUCCESS'],
  )
  assert.equal(isAlone(id), true)
  assert.equal(
    codeOf(() => service.attachAnalyzer(id, undefined, 'k')),
    'OperationUnsupported.action',
    'its records would go nowhere',
  )
  assert.equal(service.attachAnalyzer(id, 'nta-2', 'k').analyzer, 'nta-2')
  service.deactivate(id, 'k')
  await take(id)
  service.activate(id, 'k')
  await take(id)
  assert.equal(service.get(id).status, 'Active')
  assert.deepEqual(
    service.history(id).map(({ did }) => did),
    ['create', 'attach', 'disable delivery', 'attach', 'stop', 'start'],
  )
  service.delete(id, 'k')
  await take(id)
  const again = open({}, database)
  const after = attachmentsOf(again.flowLogs)
  assert.deepEqual(
    [after.analyzerOf(id), after.isAlone(id), attached('nta-2')],
    ['nta-2', true, []],
    'where its last windows go is known after a restart',
  )
})

test('one that ended without an analyzer may go on for one, and for no logstore', async () => {
  const { service, take, flowLogs } = open()
  const { id } = service.create(wanted, 'k')
  await take(id)
  service.disableDelivery(id, 'k')
  await take(id)
  service.attachAnalyzer(id, 'nta-1', 'k')
  service.activate(id, 'k')
  await take(id)
  assert.deepEqual([service.get(id).status, attachmentsOf(flowLogs).isAlone(id)], ['Active', true])
})

/** "You can deliver logs to Simple Log Service (SLS) and NIS Traffic Analyzer." */
test('a flow log for an analyzer, without a logstore; one for nothing is refused', async () => {
  const { service, take, flowLogs } = open({
    checkDestination: () => assert.fail('there is none'),
  })
  const target = { resourceType: 'VPC', resourceId: 'vpc-1' } as const
  for (const place of [{}, { project: 'p', analyzer: 'nta-1' }, { logstore: 'l', analyzer: 'nta' }])
    assert.equal(
      codeOf(() => service.create({ ...target, ...place }, 'k')),
      'ParameterInvalid',
    )
  const { id, delivers, project, logstore } = service.create({ ...target, analyzer: 'nta-1' }, 'k')
  assert.deepEqual([delivers, project, logstore], [false, '', ''])
  await take(id)
  assert.equal(attachmentsOf(flowLogs).isAlone(id), true)
  assert.equal(service.disableDelivery(id, 'k').status, 'Active', 'it never was enabled')
  service.deactivate(id, 'k')
  await take(id)
  service.activate(id, 'k')
  await take(id)
  assert.equal(service.get(id).status, 'Active')
})
