/** What there is to look up: the topology's VPCs, vSwitches and ENIs; without one, those that are captured. */
import type { EniIdentity } from '../../record/batch.ts'
import { hostVpcId, type Topology } from '../../vpc/vpc.ts'
import type { CloudThings } from './things.ts'

export interface NetworkVpc {
  readonly id: string
  readonly region: string
  /** `-` when nobody knows. */
  readonly account: string
  readonly cidrs: readonly Cidr[]
  readonly vSwitches: readonly string[]
  readonly routeTables: readonly string[]
  readonly natGateways: readonly string[]
}

export interface NetworkVSwitch {
  readonly id: string
  readonly vpc: NetworkVpc
  readonly cidrs: readonly Cidr[]
  readonly networkAcl: string | undefined
  /** Its own, or its VPC's. */
  readonly routeTable: { readonly id: string; readonly own: boolean } | undefined
}

export interface NetworkEni {
  readonly id: string
  readonly vpc: NetworkVpc
  readonly vSwitch: string
  readonly instance: string | undefined
  readonly privateIps: readonly Address[]
  readonly publicIp: string | undefined
  readonly securityGroups: readonly string[]
}

interface Address {
  readonly family: 4 | 6
  readonly text: string
}

interface Cidr extends Address {
  readonly length: number
}

export interface Network {
  readonly vpcs: readonly NetworkVpc[]
  readonly vSwitches: readonly NetworkVSwitch[]
  readonly enis: readonly NetworkEni[]
}

export type NetworkThings = Pick<
  CloudThings,
  'region' | 'account' | 'owner' | 'topology' | 'sample' | 'interfaces'
>

export function networkOf(things: NetworkThings): Network {
  const { vpcs, vSwitches, enis } = wholeNetwork(things)
  const { owner } = things
  if (owner === undefined) return { vpcs, vSwitches, enis }
  const isOwn = ({ vpc }: { readonly vpc: NetworkVpc }): boolean => vpc.account === owner
  return {
    vpcs: vpcs.filter(({ account }) => account === owner),
    vSwitches: vSwitches.filter(isOwn),
    enis: enis.filter(isOwn),
  }
}

function wholeNetwork(things: NetworkThings): Network {
  const topology = things.topology()
  if (topology !== undefined) return ofTopology(topology, things)
  const seen = ofInterfaces(things)
  if (things.sample === undefined) return seen
  const sample = ofTopology(things.sample, things)
  return {
    vpcs: [...seen.vpcs, ...sample.vpcs],
    vSwitches: sample.vSwitches,
    enis: [...seen.enis, ...sample.enis],
  }
}

function ofTopology(topology: Topology, { region, account }: NetworkThings): Network {
  const vSwitchesOf = Map.groupBy(topology.vSwitches, ({ vpc }) => vpc)
  const natGatewaysOf = Map.groupBy(
    topology.gateways.filter(({ type }) => type === 'natGateway'),
    ({ vpc }) => vpc,
  )
  const idsOf = (entries: readonly { readonly id: string }[] = []) => entries.map(({ id }) => id)
  const vpcs = new Map(
    topology.vpcs.map((vpc): [string, NetworkVpc] => {
      const vSwitches = vSwitchesOf.get(vpc.id) ?? []
      const routeTables = [vpc.routeTable, ...vSwitches.map(({ routeTable }) => routeTable)]
      return [
        vpc.id,
        {
          id: vpc.id,
          region: vpc.region ?? region,
          account: vpc.account ?? account,
          cidrs: vpc.cidrs,
          vSwitches: idsOf(vSwitches),
          routeTables: [...new Set(routeTables.filter((each) => each !== undefined))],
          natGateways: idsOf(natGatewaysOf.get(vpc.id)),
        },
      ]
    }),
  )
  const vSwitches = topology.vSwitches.map(({ id, vpc, cidrs, networkAcl, routeTable }) => {
    const its = vpcs.get(vpc)!
    const table = routeTable ?? topology.byId.vpcs.get(vpc)?.routeTable
    return {
      id,
      vpc: its,
      cidrs,
      networkAcl,
      routeTable: table === undefined ? undefined : { id: table, own: routeTable !== undefined },
    }
  })
  const enis = topology.enis.map((eni) => ({
    id: eni.id,
    vpc: vpcs.get(eni.vpc)!,
    vSwitch: eni.vSwitch,
    instance: eni.instance,
    privateIps: eni.privateIps,
    publicIp: eni.publicIp?.text,
    securityGroups: eni.securityGroups,
  }))
  return { vpcs: [...vpcs.values()], vSwitches, enis }
}

/** Nothing is known of them but their names. */
function ofInterfaces({ region, account, interfaces }: NetworkThings): Network {
  const seen = new Map(interfaces().map((each) => [each.eniId, each]))
  const vpcIdOf = ({ vpcId }: EniIdentity): string => (vpcId === '-' ? hostVpcId : vpcId)
  const vpcs = new Map<string, NetworkVpc>()
  for (const eni of seen.values())
    if (!vpcs.has(vpcIdOf(eni)))
      vpcs.set(vpcIdOf(eni), {
        id: vpcIdOf(eni),
        region,
        account: eni.accountId === '-' ? account : eni.accountId,
        cidrs: [],
        vSwitches: [],
        routeTables: [],
        natGateways: [],
      })
  const enis = [...seen.values()].map((eni) => ({
    id: eni.eniId,
    vpc: vpcs.get(vpcIdOf(eni))!,
    vSwitch: eni.vSwitchId === '-' ? '' : eni.vSwitchId,
    instance: eni.vmId === '-' ? undefined : eni.vmId,
    privateIps: [],
    publicIp: undefined,
    securityGroups: [],
  }))
  return { vpcs: [...vpcs.values()], vSwitches: [], enis }
}

/** The block as the cloud writes it: with its length. */
export const cidrText = ({ text, length }: Cidr): string =>
  text.includes('/') ? text : `${text}/${length}`

/** Undefined for one that nobody knows, or that is no number that JSON holds. */
export function ownerNumber(account: string): number | undefined {
  const number = /^\d{1,16}$/.test(account) ? Number(account) : Number.NaN
  return Number.isSafeInteger(number) ? number : undefined
}
