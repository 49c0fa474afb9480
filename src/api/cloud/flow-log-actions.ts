/** Flow logs as the VPC API manages them (2016-04-28, alibaba-api.md 1.2 to 1.6). */
import {
  checkDescription,
  checkName,
  checkResourceGroup,
  checkScope,
  type FlowLogResource,
  ipVersions,
  resourceTypes,
  scopes,
  trafficTypes,
} from '../../flow-log/flow-log.ts'
import { rightsToDeliver } from '../owner.ts'
import { actionOf, type CloudAction } from './action.ts'
import type { Fields } from './answer.ts'
import { flowLogIn } from './flow-log-in.ts'
import { networkOf } from './network.ts'
import { pageOf, paging } from './paging.ts'
import {
  checked,
  clearable,
  invalid,
  known,
  oneOf,
  orElse,
  type Parameter,
  refused,
  required,
  text,
  texts,
} from './parameters.ts'
import { knownRegion } from './regions.ts'
import { hasTags, tagFields, tagFilter, tagList } from './tags.ts'
import type { CloudThings } from './things.ts'

const version = '2016-04-28'
const windowSecondsOf = { '1': 60, '5': 300, '10': 600 } as const
/** Minutes. */
const interval = oneOf(['1', '5', '10'])
const statuses = [
  'Active',
  'Activating',
  'Inactive',
  'Deactivating',
  'Modifying',
  'Deleting',
] as const
const scopesMax = 20
/** Its values are written nowhere (alibaba-api.md 1.2); what is not done is not taken either. */
const logFormat = refused('records have one form')
/** In the order that they were given in: Terraform makes another flow log when it changes. */
const scopeList: Parameter<readonly (typeof scopes)[number][]> = {
  read: (given, name) =>
    texts(scopesMax)
      .read(given, name)
      .map((value) => {
        const found = scopes.find((scope) => scope === value)
        if (found !== undefined) return found
        throw invalid(name, `it is one of ${scopes.join(', ')}`)
      }),
}
const scopeOrNone = checked(scopeList, (scope) => {
  if (scope.length > 0) checkScope(scope)
})

const done: Fields = { Success: 'true' }
const ofAll = (): readonly string[] => ['flowlog/*']
const ofOne = ({ FlowLogId }: { readonly FlowLogId: string }): readonly string[] => [
  `flowlog/${FlowLogId}`,
]

export const flowLogActions = (things: CloudThings): readonly CloudAction[] => [
  createFlowLog(things),
  describeFlowLogs(things),
  modifyFlowLog(things),
  ...switches(things),
  ...service(things),
]

function createFlowLog(things: CloudThings): CloudAction {
  return actionOf(version, 'CreateFlowLog', {
    parameters: {
      RegionId: knownRegion(things),
      ResourceType: required(oneOf(resourceTypes)),
      ResourceId: required(text()),
      TrafficType: required(oneOf(trafficTypes)),
      ProjectName: required(text()),
      LogStoreName: required(text()),
      FlowLogName: checked(text(), checkName),
      Description: checked(text(), checkDescription),
      AggregationInterval: orElse(interval, '10'),
      TrafficPath: scopeOrNone,
      IpVersion: oneOf(ipVersions),
      LogFormat: logFormat,
      ResourceGroupId: checked(text(), checkResourceGroup),
      Tag: tagList,
    },
    resources: ofAll,
    also: ({ ProjectName: project, LogStoreName: logstore }) =>
      rightsToDeliver({ project, logstore }),
    changes: true,
    run(wanted, { keyId }) {
      const { ResourceGroupId, FlowLogName, Description, IpVersion, TrafficPath } = wanted
      const { id, resourceGroup } = things.flowLogs.create(
        {
          region: wanted.RegionId,
          resourceType: wanted.ResourceType,
          resourceId: wanted.ResourceId,
          trafficType: wanted.TrafficType,
          project: wanted.ProjectName,
          logstore: wanted.LogStoreName,
          windowSeconds: windowSecondsOf[wanted.AggregationInterval],
          tags: wanted.Tag,
          ...(TrafficPath.length === 0 ? {} : { scope: TrafficPath }),
          ...known({
            name: FlowLogName,
            description: Description,
            ipVersion: IpVersion,
            resourceGroup: ResourceGroupId,
          }),
        },
        keyId,
      )
      return { ...done, FlowLogId: id, ResourceGroupId: resourceGroup }
    },
  })
}

function describeFlowLogs(things: CloudThings): CloudAction {
  return actionOf(version, 'DescribeFlowLogs', {
    parameters: {
      ...paging(20, 50),
      RegionId: knownRegion(things),
      FlowLogId: text(),
      FlowLogName: text(),
      Description: text(),
      ProjectName: text(),
      LogStoreName: text(),
      ResourceType: oneOf(resourceTypes),
      ResourceId: text(),
      TrafficType: oneOf(trafficTypes),
      Status: oneOf(statuses),
      VpcId: text(),
      ResourceGroupId: text(),
      Tags: tagFilter,
    },
    resources: ({ FlowLogId }) => (FlowLogId === undefined ? ofAll() : ofOne({ FlowLogId })),
    run(wanted) {
      const asked: readonly (readonly [string | undefined, keyof FlowLogResource])[] = [
        [wanted.RegionId, 'region'],
        [wanted.FlowLogId, 'id'],
        [wanted.FlowLogName, 'name'],
        [wanted.Description, 'description'],
        [wanted.ProjectName, 'project'],
        [wanted.LogStoreName, 'logstore'],
        [wanted.ResourceType, 'resourceType'],
        [wanted.ResourceId, 'resourceId'],
        [wanted.TrafficType, 'trafficType'],
        [wanted.Status, 'status'],
        [wanted.ResourceGroupId, 'resourceGroup'],
      ]
      const found = things.flowLogs
        .list()
        .filter(
          (each) =>
            asked.every(([value, key]) => value === undefined || each[key] === value) &&
            hasTags(each, wanted.Tags) &&
            (wanted.VpcId === undefined || vpcOf(each, things) === wanted.VpcId),
        )
      return {
        ...done,
        TotalCount: String(found.length),
        PageNumber: String(wanted.PageNumber),
        PageSize: String(wanted.PageSize),
        FlowLogs: { FlowLog: pageOf(found, wanted).map(flowLogFields) },
      }
    },
  })
}

function vpcOf(
  { resourceType, resourceId }: FlowLogResource,
  things: CloudThings,
): string | undefined {
  if (resourceType === 'VPC') return resourceId
  const network = networkOf(things)
  const entries = resourceType === 'VSwitch' ? network.vSwitches : network.enis
  return entries.find(({ id }) => id === resourceId)?.vpc.id
}

function modifyFlowLog(things: CloudThings): CloudAction {
  return actionOf(version, 'ModifyFlowLogAttribute', {
    parameters: {
      RegionId: knownRegion(things),
      FlowLogId: required(text()),
      FlowLogName: checked(clearable(), checkName),
      Description: checked(clearable(), checkDescription),
      AggregationInterval: interval,
      IpVersion: oneOf(ipVersions),
      LogFormat: logFormat,
    },
    resources: ofOne,
    changes: true,
    run(wanted, { keyId }) {
      const { AggregationInterval: minutes, FlowLogName, Description, IpVersion } = wanted
      const windowSeconds = minutes === undefined ? undefined : windowSecondsOf[minutes]
      things.flowLogs.modify(
        flowLogIn(things, wanted.RegionId, wanted.FlowLogId),
        known({
          name: FlowLogName,
          description: Description,
          windowSeconds,
          ipVersion: IpVersion,
        }),
        keyId,
      )
      return done
    },
  })
}

const switches = (things: CloudThings): readonly CloudAction[] =>
  (
    [
      ['ActiveFlowLog', 'activate'],
      ['DeactiveFlowLog', 'deactivate'],
      ['DeleteFlowLog', 'delete'],
    ] as const
  ).map(([name, method]) =>
    actionOf(version, name, {
      parameters: { RegionId: knownRegion(things), FlowLogId: required(text()) },
      resources: ofOne,
      changes: true,
      run({ RegionId, FlowLogId }, { keyId }) {
        things.flowLogs[method](flowLogIn(things, RegionId, FlowLogId), keyId)
        return done
      },
    }),
  )

const notAscii = /[^\x20-\x7e]/
/** "ASCII" */
const clientToken: Parameter<string | undefined> = {
  read(given, name) {
    const value = text(64).read(given, name)
    if (value === undefined || !notAscii.test(value)) return value
    throw invalid(name, 'it holds what is no ASCII character')
  },
}

const service = (things: CloudThings): readonly CloudAction[] => {
  const parameters = { RegionId: knownRegion(things), ClientToken: clientToken } as const
  const { prerequisites } = things.flowLogs
  const account = () => things.flowLogs.ownAccount()
  return [
    actionOf(version, 'OpenFlowLogService', {
      parameters,
      resources: ofAll,
      changes: true,
      run({ ClientToken }, { keyId }) {
        prerequisites.open(account(), keyId, ClientToken)
        return { Code: '200', Message: 'successful' }
      },
    }),
    actionOf(version, 'GetFlowLogServiceStatus', {
      parameters,
      resources: ofAll,
      run: () => ({ Enabled: prerequisites.isDone(account(), 'activation') }),
    }),
  ]
}

function flowLogFields(flowLog: FlowLogResource): Fields {
  return {
    FlowLogId: flowLog.id,
    FlowLogName: flowLog.name,
    Description: flowLog.description,
    RegionId: flowLog.region,
    ResourceType: flowLog.resourceType,
    ResourceId: flowLog.resourceId,
    TrafficType: flowLog.trafficType,
    ProjectName: flowLog.project,
    LogStoreName: flowLog.logstore,
    ResourceGroupId: flowLog.resourceGroup,
    Status: flowLog.status,
    BusinessStatus: flowLog.businessStatus,
    CreationTime: new Date(flowLog.createdAt * 1000).toISOString().replace('.000', ''),
    AggregationInterval: flowLog.windowSeconds / 60,
    IpVersion: flowLog.ipVersion,
    ServiceType: flowLog.serviceType,
    FlowLogDeliverStatus: flowLog.deliverStatus,
    FlowLogDeliverErrorMessage: flowLog.deliverError,
    TrafficPath: { TrafficPathList: flowLog.scope },
    Tags: { Tag: tagFields(flowLog.tags) },
  }
}
