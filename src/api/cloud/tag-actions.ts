/** Tags and resource groups of flow logs (VPC API 2016-04-28, alibaba-api.md 1.7). */
import { checkResourceGroup } from '../../flow-log/flow-log.ts'
import { actionOf, type CloudAction } from './action.ts'
import { flowLogIn } from './flow-log-in.ts'
import {
  checked,
  flag,
  known,
  missing,
  oneOf,
  orElse,
  required,
  text,
  texts,
  whole,
} from './parameters.ts'
import { knownRegion } from './regions.ts'
import { tagFilter, tagList } from './tags.ts'
import type { CloudThings } from './things.ts'

const version = '2016-04-28'
const idsMax = 50
const tagsMax = 20
const resultsMax = 50
/** "ResourceType (FLOWLOG, case-insensitive)" */
const flowLogType = required(oneOf(['FLOWLOG'], (value, each) => value.toUpperCase() === each))

const resources = ({ ResourceId }: { readonly ResourceId: readonly string[] }): string[] =>
  ResourceId.length === 0 ? ['flowlog/*'] : ResourceId.map((id) => `flowlog/${id}`)

function atLeastOne(name: string, values: readonly unknown[]): void {
  if (values.length === 0) throw missing(name)
}

const commonOf = (things: CloudThings) => ({
  RegionId: knownRegion(things),
  ResourceType: flowLogType,
  ResourceId: texts(idsMax),
})

export const tagActions = (things: CloudThings): readonly CloudAction[] => {
  const { flowLogs } = things
  const common = commonOf(things)
  return [
    actionOf(version, 'TagResources', {
      parameters: { ...common, Tag: tagList },
      resources,
      changes: true,
      run({ RegionId: region, ResourceId, Tag }, { keyId }) {
        atLeastOne('ResourceId.1', ResourceId)
        atLeastOne('Tag.1.Key', Tag)
        const ids = ResourceId.map((id) => flowLogIn(things, region, id))
        flowLogs.tag(ids, Tag, keyId)
        return {}
      },
    }),
    actionOf(version, 'UnTagResources', {
      parameters: { ...common, TagKey: texts(tagsMax), All: orElse(flag, false) },
      resources,
      changes: true,
      run({ RegionId: region, ResourceId, TagKey, All }, { keyId }) {
        atLeastOne('ResourceId.1', ResourceId)
        if (!All) atLeastOne('TagKey.1', TagKey)
        const ids = ResourceId.map((id) => flowLogIn(things, region, id))
        flowLogs.untag(ids, TagKey.length === 0 ? undefined : TagKey, keyId)
        return {}
      },
    }),
    listTagResources(things, common),
    actionOf(version, 'MoveResourceGroup', {
      parameters: {
        ...common,
        ResourceId: required(text()),
        NewResourceGroupId: required(checked(text(), checkResourceGroup)),
      },
      resources: ({ ResourceId }) => [`flowlog/${ResourceId}`],
      changes: true,
      run({ RegionId: region, ResourceId, NewResourceGroupId }, { keyId }) {
        const id = flowLogIn(things, region, ResourceId)
        flowLogs.moveToResourceGroup(id, NewResourceGroupId, keyId)
        return {}
      },
    }),
  ]
}

const listTagResources = (things: CloudThings, common: ReturnType<typeof commonOf>): CloudAction =>
  actionOf(version, 'ListTagResources', {
    parameters: {
      ...common,
      Tag: tagFilter,
      NextToken: text(),
      MaxResults: orElse(whole(1, resultsMax), resultsMax),
    },
    resources,
    run({ RegionId: region, ResourceId, Tag, NextToken, MaxResults }) {
      if (Tag.length === 0) atLeastOne('ResourceId.1', ResourceId)
      const here = things.flowLogs.list().filter((each) => each.region === region)
      const ids = here
        .map(({ id }) => id)
        .filter((id) => ResourceId.length === 0 || ResourceId.includes(id))
      const asked = { ids, tags: Tag, maxResults: MaxResults, ...known({ nextToken: NextToken }) }
      const { entries, nextToken } = things.flowLogs.tags(asked)
      const TagResource = entries.map(({ flowLog, key, value }) => ({
        ResourceId: flowLog,
        ResourceType: 'FLOWLOG',
        TagKey: key,
        TagValue: value,
      }))
      return { NextToken: nextToken, TagResources: { TagResource } }
    },
  })
