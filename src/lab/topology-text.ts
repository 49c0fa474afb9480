/** The lab as a topology file: what Weir is told about the networks that `build-plan.ts` builds. */
import {
  addressesOf,
  hangzhou,
  type Machine,
  machines,
  natGateway,
  nflogGroupOf,
  routes,
  vpcs,
} from './network.ts'
import { securityGroups } from './security-groups.ts'

/** Next hops are gateways here: by routing table, the namespace that a route leads to and what it is. */
const gatewayOf: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'vtb-web': { internet: 'ipv6gw-web' },
  'vtb-1': { 'vpc-2': 'pcc-1', [natGateway.machine]: natGateway.id },
  'vtb-2': { 'vpc-1': 'pcc-1' },
  'vtb-app': { tr: 'tr-1' },
}

/** @param full the name of a namespace with its prefix */
export function topologyText(full: (namespace: string) => string): string {
  return `# Written by \`weir lab up\`: the networks of the lab. Every ENI is captured inside its instance.
account: "1210123456789012"
region: ${hangzhou}

vpcs:
${lines(vpcs.map(({ id, cidrs, region, routeTable }) => ({ id, cidrs, region, routeTable })))}

vSwitches:
${lines(
  vpcs.flatMap(({ id: vpc, vSwitches }) =>
    vSwitches.map(({ id, ipv4, ipv6 }) => ({ id, vpc, cidrs: [`${ipv4}.0/24`, `${ipv6}/64`] })),
  ),
)}

instances:
${lines(machines.flatMap(({ name, instance }) => (instance ? [{ id: `i-${name}`, name }] : [])))}

enis:
${machines.map((machine) => eniText(machine, full)).join('\n')}

securityGroups:
${Object.entries(securityGroups)
  .map(([id, rules]) => `  - id: ${id}\n    rules:\n${lines(rules, '      ')}`)
  .join('\n')}

routeTables:
${routeTables()}

gateways:
  - { id: ipv6gw-web, type: ipv6Gateway, vpc: vpc-lab-web }
  - { id: ${natGateway.id}, type: natGateway, vpc: vpc-lab-1, eni: eni-${natGateway.machine}, publicIps: [${natGateway.publicIp}] }
  - { id: pcc-1, type: vpcPeering }
  # Towards the site: the transit router, then the virtual border router, which VPCs do not route to themselves.
  - { id: tr-1, type: transitRouter }
  - { id: vbr-1, type: vbr }
`
}

function eniText(machine: Machine, full: (namespace: string) => string): string {
  const { name, vSwitch, instance, group, publicIp, verdicts } = machine
  const { ipv4, ipv6 } = addressesOf(machine)
  const netns = full(name)
  const nflog =
    verdicts === 'nflog' ? `, nflog: { group: ${nflogGroupOf(machine)}, netns: ${netns} }` : ''
  return [
    `  - id: eni-${name}`,
    `    vSwitch: ${vSwitch}`,
    ...(instance ? [`    instance: i-${name}`] : []),
    `    privateIps: [${ipv4}, "${ipv6}"]`,
    ...(publicIp === undefined ? [] : [`    publicIp: ${publicIp}`]),
    ...(group === undefined ? [] : [`    securityGroups: [${group}]`]),
    `    tap: { interface: eth0, netns: ${netns}${nflog} }`,
  ].join('\n')
}

/**
 * Web servers reach the internet over IPv4 by their public address, without a route. What comes from the NAT
 * gateway's own vSwitch is routed by the cloud itself.
 */
function routeTables(): string {
  const tables = [...new Set(vpcs.map(({ routeTable }) => routeTable))]
  return tables
    .map((table) => {
      const vpc = vpcs.find(({ routeTable }) => routeTable === table)!
      const entries = routes[vpc.namespace]!.flatMap(({ to, via }) => {
        const nextHop = gatewayOf[table]?.[via]
        const byPublicIp = nextHop === 'ipv6gw-web' && !to.includes(':')
        return nextHop === undefined || byPublicIp ? [] : [{ destination: to, nextHop }]
      })
      return `  - id: ${table}\n    entries:\n${lines(entries, '      ')}`
    })
    .join('\n')
}

type Value = string | number | readonly string[] | undefined

/** Entries in flow style, one a line; what is undefined is left out. */
const lines = (entries: readonly object[], indent = '  '): string =>
  entries.map((each) => `${indent}- ${flow(Object.entries(each))}`).join('\n')

const flow = (pairs: readonly (readonly [string, Value])[]): string =>
  `{ ${pairs
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}: ${scalars(value)}`)
    .join(', ')} }`

const scalars = (value: Value): string =>
  Array.isArray(value) ? `[${value.map(quoted).join(', ')}]` : quoted(String(value))

const quoted = (text: string): string => (text.includes(':') ? JSON.stringify(text) : text)
