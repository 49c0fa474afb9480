/** The look-up of ENIs (ECS API 2014-05-26) in the network that the topology tells of. */
import { actionOf, type CloudAction } from './action.ts'
import type { Fields } from './answer.ts'
import { networkOf, type NetworkEni, ownerNumber } from './network.ts'
import { pageAfter, pageOf, paging, token } from './paging.ts'
import { flag, oneOf, structures, text, texts, whole } from './parameters.ts'
import { knownRegion } from './regions.ts'
import type { CloudThings } from './things.ts'

const idsMax = 100
/** A topology does not tell which ENI an instance was made with, and that of a host may come and go. */
const eniType = 'Secondary'
const pageSizeMax = 500

export const eniActions = (things: CloudThings): readonly CloudAction[] => [
  actionOf('2014-05-26', 'DescribeNetworkInterfaces', {
    parameters: {
      ...paging(10, pageSizeMax),
      RegionId: knownRegion(things),
      NetworkInterfaceId: texts(idsMax),
      VpcId: text(),
      VSwitchId: text(),
      InstanceId: text(),
      PrimaryIpAddress: text(),
      PrivateIpAddress: texts(idsMax),
      Ipv6Address: texts(idsMax),
      SecurityGroupId: text(),
      NetworkInterfaceName: text(),
      ResourceGroupId: text(),
      ServiceManaged: flag,
      Status: oneOf(['Available', 'InUse']),
      Type: oneOf(['Primary', eniType]),
      Tag: structures({ Key: text(), Value: text() }, 20),
      NextToken: token,
      MaxResults: whole(1, pageSizeMax),
    },
    resources: ({ NetworkInterfaceId: ids }) =>
      ids.length === 0 ? ['eni/*'] : ids.map((id) => `eni/${id}`),
    run(wanted) {
      const found = networkOf(things).enis.filter(
        (eni) => eni.vpc.region === wanted.RegionId && fits(eni, wanted),
      )
      const isTokened = wanted.MaxResults !== undefined || wanted.NextToken !== undefined
      const { page, NextToken } = isTokened
        ? pageAfter(found, wanted.NextToken ?? 0, wanted.MaxResults ?? wanted.PageSize)
        : { page: pageOf(found, wanted), NextToken: '' }
      return {
        TotalCount: found.length,
        PageNumber: wanted.PageNumber,
        PageSize: wanted.PageSize,
        NextToken,
        NetworkInterfaceSets: { NetworkInterfaceSet: page.map(eniFields) },
      }
    },
  }),
]

interface Wanted {
  readonly NetworkInterfaceId: readonly string[]
  readonly VpcId: string | undefined
  readonly VSwitchId: string | undefined
  readonly InstanceId: string | undefined
  readonly PrimaryIpAddress: string | undefined
  readonly PrivateIpAddress: readonly string[]
  readonly Ipv6Address: readonly string[]
  readonly SecurityGroupId: string | undefined
  readonly NetworkInterfaceName: string | undefined
  readonly ResourceGroupId: string | undefined
  readonly ServiceManaged: boolean | undefined
  readonly Status: string | undefined
  readonly Type: string | undefined
  readonly Tag: readonly unknown[]
}

/** No ENI of a topology has a name, a tag or a resource group, or is a cloud service's. */
function fits(eni: NetworkEni, wanted: Wanted): boolean {
  const addresses = addressesOf(eni)
  const isOneOf = (asked: readonly string[], values: readonly string[]): boolean =>
    asked.length === 0 || values.some((each) => asked.includes(each))
  const is = (asked: string | undefined, ...values: readonly (string | undefined)[]): boolean =>
    asked === undefined || values.includes(asked)
  return (
    isOneOf(wanted.NetworkInterfaceId, [eni.id]) &&
    is(wanted.VpcId, eni.vpc.id) &&
    is(wanted.VSwitchId, eni.vSwitch) &&
    is(wanted.InstanceId, eni.instance) &&
    is(wanted.PrimaryIpAddress, addresses.ipv4[0]) &&
    isOneOf(wanted.PrivateIpAddress, addresses.ipv4) &&
    isOneOf(wanted.Ipv6Address, addresses.ipv6) &&
    is(wanted.SecurityGroupId, ...eni.securityGroups) &&
    is(wanted.Status, statusOf(eni)) &&
    is(wanted.Type, eniType) &&
    wanted.ServiceManaged !== true &&
    wanted.NetworkInterfaceName === undefined &&
    wanted.ResourceGroupId === undefined &&
    wanted.Tag.length === 0
  )
}

const statusOf = ({ instance }: NetworkEni): string =>
  instance === undefined ? 'Available' : 'InUse'

function addressesOf({ privateIps }: NetworkEni) {
  const ofFamily = (wanted: 4 | 6): string[] =>
    privateIps.filter(({ family }) => family === wanted).map(({ text: each }) => each)
  return { ipv4: ofFamily(4), ipv6: ofFamily(6) }
}

function eniFields(eni: NetworkEni): Fields {
  const { ipv4, ipv6 } = addressesOf(eni)
  const publicAddress = eni.publicIp === undefined ? {} : { PublicIpAddress: eni.publicIp }
  return {
    NetworkInterfaceId: eni.id,
    NetworkInterfaceName: '',
    Description: '',
    Status: statusOf(eni),
    Type: eniType,
    VpcId: eni.vpc.id,
    VSwitchId: eni.vSwitch,
    InstanceId: eni.instance ?? '',
    PrivateIpAddress: ipv4[0] ?? '',
    PrivateIpSets: {
      PrivateIpSet: ipv4.map((each, i) => ({
        PrivateIpAddress: each,
        Primary: i === 0,
        ...(i === 0 ? { AssociatedPublicIp: publicAddress } : {}),
      })),
    },
    Ipv6Sets: { Ipv6Set: ipv6.map((each) => ({ Ipv6Address: each })) },
    AssociatedPublicIp: publicAddress,
    SecurityGroupIds: { SecurityGroupId: eni.securityGroups },
    Tags: { Tag: [] },
    ResourceGroupId: '',
    ...(ownerNumber(eni.vpc.account) === undefined ? {} : { OwnerId: eni.vpc.account }),
  }
}
