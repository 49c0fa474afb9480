/** Flow logs as the VPC API manages them (2016-04-28, alibaba-api.md 1.2 to 1.6). */
import { actionOf, type CloudAction } from './action.ts'
import type { Fields } from './answer.ts'
import { networkOf } from './network.ts'
import { pageOf, paging } from './paging.ts'
import { clearable, oneOf, orElse, required, text, texts } from './parameters.ts'
import { knownRegion } from './regions.ts'
import type { CloudFlowLog } from './flow-log-control.ts'
import type { CloudThings } from './things.ts'

const version = '2016-04-28'
const resourceTypes = ['NetworkInterface', 'VSwitch', 'VPC'] as const
const trafficTypes = ['All', 'Allow', 'Drop'] as const
const ipVersions = ['IPv4', 'DualStack'] as const
const windowSecondsOf = { '1': 60, '5': 300, '10': 600 } as const
/** Minutes. */
const interval = oneOf(['1', '5', '10'])
const pathsMax = 20

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
      FlowLogName: text(),
      Description: text(),
      AggregationInterval: orElse(interval, '10'),
      TrafficPath: texts(pathsMax),
      IpVersion: oneOf(ipVersions),
    },
    resources: ofAll,
    changes: true,
    async run(wanted) {
      const { id } = await things.flowLogs.create({
        region: wanted.RegionId,
        resourceType: wanted.ResourceType,
        resourceId: wanted.ResourceId,
        trafficType: wanted.TrafficType,
        windowSeconds: windowSecondsOf[wanted.AggregationInterval],
        scope: wanted.TrafficPath,
        project: wanted.ProjectName,
        logstore: wanted.LogStoreName,
        name: wanted.FlowLogName,
        description: wanted.Description,
        ipVersion: wanted.IpVersion,
      })
      return { ...done, FlowLogId: id }
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
      Status: oneOf(['Active', 'Activating', 'Inactive']),
      VpcId: text(),
    },
    resources: ({ FlowLogId }) => (FlowLogId === undefined ? ofAll() : ofOne({ FlowLogId })),
    run(wanted) {
      const asked: readonly (readonly [string | undefined, keyof CloudFlowLog])[] = [
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
      ]
      const found = things.flowLogs
        .list()
        .filter(
          (each) =>
            asked.every(([value, key]) => value === undefined || each[key] === value) &&
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
  { resourceType, resourceId }: CloudFlowLog,
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
      FlowLogName: clearable(),
      Description: clearable(),
      AggregationInterval: interval,
      IpVersion: oneOf(ipVersions),
    },
    resources: ofOne,
    changes: true,
    run(wanted) {
      const { AggregationInterval: minutes } = wanted
      const change = {
        name: wanted.FlowLogName,
        description: wanted.Description,
        windowSeconds: minutes === undefined ? undefined : windowSecondsOf[minutes],
        ipVersion: wanted.IpVersion,
      }
      things.flowLogs.modify(wanted.RegionId, wanted.FlowLogId, change)
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
      run({ RegionId, FlowLogId }) {
        things.flowLogs[method](RegionId, FlowLogId)
        return done
      },
    }),
  )

function flowLogFields(flowLog: CloudFlowLog): Fields {
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
    Status: flowLog.status,
    CreationTime: new Date(flowLog.createdAt * 1000).toISOString().replace('.000', ''),
    AggregationInterval: flowLog.windowSeconds / 60,
    IpVersion: flowLog.ipVersion,
    TrafficPath: { TrafficPathList: flowLog.scope },
  }
}
