/**
 * Look-ups of VPCs and vSwitches (VPC API 2016-04-28) in the network that the topology tells of. Nothing in it has a name,
 * a tag, a zone or a resource group, or is a region's default: who asks for one that has finds none.
 */
import { WeirError } from '../../base/errors.ts'
import { actionOf, type CloudAction } from './action.ts'
import type { Fields } from './answer.ts'
import {
  cidrText,
  networkOf,
  type NetworkVpc,
  type NetworkVSwitch,
  ownerNumber,
} from './network.ts'
import { pageOf, paging } from './paging.ts'
import { flag, invalid, type Parameter, structures, text } from './parameters.ts'
import { knownRegion } from './regions.ts'
import type { CloudThings } from './things.ts'

const idsMax = 20
/** "You can specify up to 20 VPC IDs. Separate multiple VPC IDs with commas (,)." */
const ids: Parameter<readonly string[]> = {
  read(given, name) {
    const found = (text().read(given, name) ?? '').split(',').filter((id) => id !== '')
    if (found.length > idsMax) throw invalid(name, `there are at most ${idsMax} of them`)
    return found
  },
}

const common = {
  ...paging(10, 50),
  DryRun: flag,
  EnableIpv6: flag,
  IsDefault: flag,
  ResourceGroupId: text(),
  Tag: structures({ Key: text(), Value: text() }, 20),
  VpcId: ids,
} as const

export const networkActions = (things: CloudThings): readonly CloudAction[] => [
  actionOf('2016-04-28', 'DescribeVpcs', {
    parameters: {
      ...common,
      RegionId: knownRegion(things),
      VpcName: text(),
      VpcOwnerId: text(),
      DhcpOptionsSetId: text(),
    },
    resources: ({ VpcId }) => (VpcId.length === 0 ? ['vpc/*'] : VpcId.map((id) => `vpc/${id}`)),
    run(wanted) {
      endDryRun(wanted)
      const isLabelled = wanted.VpcName !== undefined || wanted.DhcpOptionsSetId !== undefined
      const found = networkOf(things).vpcs.filter(
        ({ id, region, account, cidrs }) =>
          region === wanted.RegionId &&
          isAmong(wanted.VpcId, id) &&
          isOrNotAsked(wanted.VpcOwnerId, account) &&
          isOrNotAsked(wanted.EnableIpv6, hasIpv6(cidrs)) &&
          !isLabelled &&
          isPlain(wanted),
      )
      return { ...counted(found, wanted), Vpcs: { Vpc: pageOf(found, wanted).map(vpcFields) } }
    },
  }),
  actionOf('2016-04-28', 'DescribeVSwitches', {
    parameters: {
      ...common,
      RegionId: text(),
      VSwitchId: ids,
      VSwitchName: text(),
      VSwitchOwnerId: text(),
      RouteTableId: text(),
      ZoneId: text(),
    },
    resources: ({ VSwitchId }) =>
      VSwitchId.length === 0 ? ['vswitch/*'] : VSwitchId.map((id) => `vswitch/${id}`),
    run(wanted) {
      endDryRun(wanted)
      const isLabelled = wanted.VSwitchName !== undefined || wanted.ZoneId !== undefined
      const found = networkOf(things).vSwitches.filter(
        ({ id, vpc, cidrs, routeTable }) =>
          isOrNotAsked(wanted.RegionId, vpc.region) &&
          isAmong(wanted.VpcId, vpc.id) &&
          isAmong(wanted.VSwitchId, id) &&
          isOrNotAsked(wanted.VSwitchOwnerId, vpc.account) &&
          isOrNotAsked(wanted.RouteTableId, routeTable?.id) &&
          isOrNotAsked(wanted.EnableIpv6, hasIpv6(cidrs)) &&
          !isLabelled &&
          isPlain(wanted),
      )
      const VSwitch = pageOf(found, wanted).map(vSwitchFields)
      return { ...counted(found, wanted), VSwitches: { VSwitch } }
    },
  }),
]

/** "If the request passes the dry run, the `DryRunOperation` error code is returned." */
function endDryRun({ DryRun }: { readonly DryRun: boolean | undefined }): void {
  if (DryRun === true)
    throw new WeirError(
      'DryRunOperation',
      'Request validation has been passed with DryRun flag set.',
    )
}

const isPlain = ({
  IsDefault,
  ResourceGroupId,
  Tag,
}: {
  readonly IsDefault: boolean | undefined
  readonly ResourceGroupId: string | undefined
  readonly Tag: readonly unknown[]
}): boolean => IsDefault !== true && ResourceGroupId === undefined && Tag.length === 0

const isAmong = (wanted: readonly string[], id: string): boolean =>
  wanted.length === 0 || wanted.includes(id)

const isOrNotAsked = <T>(wanted: T | undefined, value: T): boolean =>
  wanted === undefined || wanted === value

const hasIpv6 = (cidrs: NetworkVpc['cidrs']): boolean => cidrs.some(({ family }) => family === 6)

const counted = (
  found: readonly unknown[],
  { PageNumber, PageSize }: { readonly PageNumber: number; readonly PageSize: number },
): Fields => ({ TotalCount: found.length, PageNumber, PageSize })

const cidrsOf = (cidrs: NetworkVpc['cidrs'], family: 4 | 6): string[] =>
  cidrs.filter((each) => each.family === family).map(cidrText)

function vpcFields({ id, region, account, cidrs, ...has }: NetworkVpc): Fields {
  const [CidrBlock = '', ...secondary] = cidrsOf(cidrs, 4)
  const ipv6 = cidrsOf(cidrs, 6)
  return {
    VpcId: id,
    VpcName: '',
    Description: '',
    Status: 'Available',
    RegionId: region,
    CidrBlock,
    Ipv6CidrBlock: ipv6[0] ?? '',
    Ipv6CidrBlocks: {
      Ipv6CidrBlock: ipv6.map((each) => ({ Ipv6CidrBlock: each, Ipv6Isp: 'BGP' })),
    },
    EnabledIpv6: ipv6.length > 0,
    SecondaryCidrBlocks: { SecondaryCidrBlock: secondary },
    UserCidrs: { UserCidr: [] },
    VSwitchIds: { VSwitchId: has.vSwitches },
    RouterTableIds: { RouterTableIds: has.routeTables },
    NatGatewayIds: { NatGatewayIds: has.natGateways },
    Tags: { Tag: [] },
    IsDefault: false,
    ResourceGroupId: '',
    OwnerId: ownerNumber(account),
  }
}

function vSwitchFields({ id, vpc, cidrs, networkAcl, routeTable }: NetworkVSwitch): Fields {
  const [CidrBlock = ''] = cidrsOf(cidrs, 4)
  const [Ipv6CidrBlock = ''] = cidrsOf(cidrs, 6)
  return {
    VSwitchId: id,
    VSwitchName: '',
    Description: '',
    Status: 'Available',
    VpcId: vpc.id,
    CidrBlock,
    Ipv6CidrBlock,
    EnabledIpv6: Ipv6CidrBlock !== '',
    NetworkAclId: networkAcl ?? '',
    ...(routeTable === undefined
      ? {}
      : {
          RouteTable: {
            RouteTableId: routeTable.id,
            RouteTableType: routeTable.own ? 'Custom' : 'System',
          },
        }),
    Tags: { Tag: [] },
    IsDefault: false,
    ResourceGroupId: '',
    OwnerId: ownerNumber(vpc.account),
  }
}
