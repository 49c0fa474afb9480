/** Each parameter that the SDK can send is read by its action: taken, or refused with a reason. */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import * as models from '@alicloud/vpc20160428'
import { keys } from '../../../test/api-server.ts'
import { Nonces, verifyCloud } from '../../access/access.ts'
import { FlowLogs, FlowLogService } from '../../flow-log/flow-log.ts'
import type { CloudAction } from './action.ts'
import { eniActions } from './eni-actions.ts'
import { flowLogActions } from './flow-log-actions.ts'
import { networkActions } from './network-actions.ts'
import { regionActions } from './regions.ts'
import { tagActions } from './tag-actions.ts'
import type { CloudThings } from './things.ts'

const nonces = new Nonces(new DatabaseSync(':memory:'))
const things: CloudThings = {
  gate: {
    verifyCloud: (request) => verifyCloud(request, keys, nonces, Date.now()),
    take: () => {},
    begin: () => () => {},
  },
  region: 'cn-hangzhou',
  account: '12',
  regions: () => [{ id: 'cn-hangzhou', name: 'China (Hangzhou)' }],
  topology: () => undefined,
  sample: undefined,
  interfaces: () => [],
  flowLogs: new FlowLogService(new FlowLogs(new DatabaseSync(':memory:')), {
    checkTarget: () => {},
    placeOf: () => ({ region: 'cn-hangzhou', account: '12' }),
    checkDestination: () => {},
    checkAnalyzer: () => {},
    checkPaid: () => {},
    deliveryProblem: () => undefined,
    taken: () => Promise.resolve(),
    prerequisitesDone: true,
  }),
}

const actions: readonly CloudAction[] = [
  ...regionActions(things),
  ...networkActions(things),
  ...eniActions(things),
  ...flowLogActions(things),
  ...tagActions(things),
]

/** With the names that were asked for. */
class Asked extends Map<string, string> {
  readonly names = new Set<string>()

  override get(name: string): string | undefined {
    this.names.add(name.split('.', 1)[0]!)
    return super.get(name)
  }
}

const actionNamed = (name: string): CloudAction => actions.find((each) => each.name === name)!

const values = [
  ['RegionId', 'cn-hangzhou'],
  ['ResourceId', 'vpc-1'],
  ['TrafficType', 'All'],
  ['ProjectName', 'p'],
  ['LogStoreName', 'l'],
  ['FlowLogId', 'fl-1'],
  ['NewResourceGroupId', 'rg-1'],
  ['Tag.1.Key', 'k'],
  ['Tags.1.Key', 'k'],
] as const

/** "Every action also accepts the legacy ignored parameters" (alibaba-api.md 1). */
const legacy = ['OwnerAccount', 'OwnerId', 'ResourceOwnerAccount', 'ResourceOwnerId']

const requests = {
  CreateFlowLog: models.CreateFlowLogRequest,
  DescribeFlowLogs: models.DescribeFlowLogsRequest,
  ModifyFlowLogAttribute: models.ModifyFlowLogAttributeRequest,
  ActiveFlowLog: models.ActiveFlowLogRequest,
  DeactiveFlowLog: models.DeactiveFlowLogRequest,
  DeleteFlowLog: models.DeleteFlowLogRequest,
  OpenFlowLogService: models.OpenFlowLogServiceRequest,
  GetFlowLogServiceStatus: models.GetFlowLogServiceStatusRequest,
  TagResources: models.TagResourcesRequest,
  UnTagResources: models.UnTagResourcesRequest,
  ListTagResources: models.ListTagResourcesRequest,
  MoveResourceGroup: models.MoveResourceGroupRequest,
  DescribeRegions: models.DescribeRegionsRequest,
  DescribeVpcs: models.DescribeVpcsRequest,
  DescribeVSwitches: models.DescribeVSwitchesRequest,
} as const

for (const [name, request] of Object.entries(requests))
  test(`${name} reads every parameter that the SDK has for it`, () => {
    const isOfTags = /Resource/.test(name)
    const given = new Asked([...values, ['ResourceType', isOfTags ? 'FLOWLOG' : 'VPC']])
    actionNamed(name).prepare(given)
    const unread = Object.values(request.names()).filter(
      (each) => !given.names.has(each) && !legacy.includes(each),
    )
    assert.deepEqual(unread, [])
  })

const refusedFor = (name: string, parameter: string, value: string): void =>
  assert.throws(
    () =>
      actionNamed(name).prepare(new Map([...values, ['ResourceType', 'VPC'], [parameter, value]])),
    { code: 'ParameterInvalid', place: parameter },
  )

test('what Weir does not do is refused, not ignored', () => {
  refusedFor('CreateFlowLog', 'LogFormat', 'x')
  refusedFor('ModifyFlowLogAttribute', 'LogFormat', 'x')
})

test('"If the request passes the dry run, the `DryRunOperation` error code is returned."', async () => {
  const asked = { requestId: 'r', keyId: 'k', signal: new AbortController().signal }
  for (const name of ['DescribeVpcs', 'DescribeVSwitches']) {
    const order = (DryRun: string) =>
      actionNamed(name).prepare(
        new Map([
          ['RegionId', 'cn-hangzhou'],
          ['DryRun', DryRun],
        ]),
      )
    const isDry = { code: 'DryRunOperation' }
    await assert.rejects(async () => order('true').run(asked), isDry, name)
    assert.equal((await order('false').run(asked))['TotalCount'], 0)
  }
})

test("ServiceManaged: no ENI of a topology is a cloud service's", async () => {
  const asked = { requestId: 'r', keyId: 'k', signal: new AbortController().signal }
  const found = (ServiceManaged: string) =>
    actionNamed('DescribeNetworkInterfaces')
      .prepare(
        new Map([
          ['RegionId', 'cn-hangzhou'],
          ['ServiceManaged', ServiceManaged],
        ]),
      )
      .run(asked)
  assert.equal((await found('true'))['TotalCount'], 0)
})
