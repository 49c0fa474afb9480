/**
 * The traffic path: "The traffic path, indicated by a scenario code". The table of codes, and which next
 * hop leads to which (records.md 40). How the code of an ENI and a peer is found is in `path-finder.ts`.
 */
export const trafficPaths = [
  { code: 0, name: 'other', says: 'Traffic captured in scenarios other than those listed below' },
  { code: 1, name: 'vpcResource', says: 'other resources in the same VPC' },
  { code: 2, name: 'instance', says: 'ECS instances in the same VPC' },
  { code: 3, name: 'eni', says: 'an elastic network interface' },
  { code: 4, name: 'haVip', says: 'a high-availability virtual IP address' },
  { code: 5, name: 'cloudService', says: 'Alibaba Cloud services in the same region' },
  { code: 6, name: 'gatewayEndpoint', says: 'cloud services through a gateway endpoint' },
  { code: 7, name: 'natGateway', says: 'a NAT gateway' },
  { code: 8, name: 'transitRouter', says: 'a Transit Router' },
  { code: 9, name: 'vpnGateway', says: 'a VPN gateway' },
  { code: 10, name: 'vbr', says: 'an Express Connect circuit through a Virtual Border Router' },
  { code: 11, name: 'cenVpc', says: 'a VPC in the same region through CEN Basic Edition' },
  { code: 12, name: 'cenOther', says: 'CEN Basic Edition in other scenarios' },
  { code: 13, name: 'ipv4Gateway', says: 'the internet through an IPv4 gateway' },
  { code: 14, name: 'ipv6Gateway', says: 'the internet through an IPv6 gateway' },
  { code: 15, name: 'publicIp', says: 'the internet through a public IP address' },
  { code: 17, name: 'vpcPeering', says: 'a VPC peering connection' },
  { code: 18, name: 'cenRemoteVpc', says: 'a cross-region VPC through CEN Basic Edition' },
  { code: 19, name: 'cenVbr', says: 'a Virtual Border Router of the region through CEN Basic' },
  {
    code: 20,
    name: 'cenRemoteVbr',
    says: 'a cross-region Virtual Border Router through CEN Basic',
  },
  { code: 21, name: 'ecr', says: 'an Express Connect Router' },
  { code: 22, name: 'gatewayLoadBalancerEndpoint', says: 'a Gateway Load Balancer endpoint' },
] as const

export type TrafficPathName = (typeof trafficPaths)[number]['name']

/** `path.natGateway` is 7. */
export const path = Object.fromEntries(trafficPaths.map(({ name, code }) => [name, code])) as {
  readonly [Name in TrafficPathName]: Extract<(typeof trafficPaths)[number], { name: Name }>['code']
}

/** The types of a gateway in a topology; all but `cenBasic` are also the name of their path. */
export const gatewayTypes = [
  'natGateway',
  'ipv4Gateway',
  'ipv6Gateway',
  'vpnGateway',
  'transitRouter',
  'vbr',
  'ecr',
  'vpcPeering',
  'gatewayEndpoint',
  'gatewayLoadBalancerEndpoint',
  'haVip',
  'cenBasic',
] as const
export type GatewayType = (typeof gatewayTypes)[number]
export type CenTarget = 'vpc' | 'vbr' | 'other'

/** The code of traffic whose next hop is this gateway (records.md 40). */
export function pathOfGateway(gateway: {
  readonly type: GatewayType
  readonly target: CenTarget
  readonly sameRegion: boolean
}): number {
  if (gateway.type !== 'cenBasic') return path[gateway.type]
  if (gateway.target === 'vpc') return gateway.sameRegion ? path.cenVpc : path.cenRemoteVpc
  if (gateway.target === 'vbr') return gateway.sameRegion ? path.cenVbr : path.cenRemoteVbr
  return path.cenOther
}
