/**
 * From the networks to what builds them: per namespace, lines for `ip -batch`, `bridge -batch` and `nft -f`.
 *
 * Whom a frame is for is written down, not asked: neighbours are permanent, bridges neither learn nor flood, no
 * IPv6 address is probed and no router is looked for. So an ENI carries what instances send, and nothing else.
 */
import {
  addressesOf,
  beyond,
  links,
  type Machine,
  machines,
  namespaces,
  natGateway,
  type Route,
  routerHost,
  routes,
  type Vpc,
  vpcOf,
  vpcs,
  vSwitchOf,
} from './network.ts'
import { firewallOf } from './security-groups.ts'

/** Everything of one namespace, in the order in which the steps are to be done in all of them. */
export interface NamespacePlan {
  /** Files under /proc/sys/net and what to write there, before there is any link. */
  readonly settings: readonly (readonly [string, string])[]
  /** Makes the links, each with both ends. */
  readonly links: string[]
  /** For `bridge -batch`. */
  readonly forwarding: string[]
  readonly addresses: string[]
  readonly routes: string[]
  readonly firewall: string
}

/** By namespace without prefix. @param full the name of a namespace with its prefix */
export function planBuild(full: (namespace: string) => string): Map<string, NamespacePlan> {
  const plans = new Map<string, NamespacePlan>(
    namespaces.map((each) => [
      each,
      {
        settings: settingsOf(each),
        links: [],
        forwarding: [],
        addresses: ['link set lo up'],
        routes: [],
        firewall: `${quiet}${firewallIn(each)}`,
      },
    ]),
  )
  const plan = (namespace: string): NamespacePlan => plans.get(namespace)!
  for (const vpc of vpcs) planVSwitches(vpc, plan(vpc.namespace), full)
  for (const machine of machines) planMachine(machine, plan(machine.name))
  links.forEach((_, i) => planWire(i, plan, full))
  for (const [host, addresses] of Object.entries(beyond))
    for (const each of addresses) plan(host).addresses.push(`addr add ${asHost(each)} dev lo`)
  for (const [from, all] of Object.entries(routes)) planRoutes(from, all, plan(from))
  return plans
}

const asHost = (address: string): string =>
  address.includes(':') ? `${address}/128 nodad` : `${address}/32`

/** Locally administered, and readable in a packet dump: a kind and a number. */
const macOf = (kind: number, number: number): string =>
  `02:1a:b0:00:${kind.toString(16).padStart(2, '0')}:${number.toString(16).padStart(2, '0')}`
const machineMac = (machine: Machine): string => macOf(1, machines.indexOf(machine) + 1)
const routerMac = (vpc: Vpc, vSwitch: number): string => macOf(2, vpcs.indexOf(vpc) * 8 + vSwitch)
const wireMac = (link: number, end: number): string => macOf(3, link * 2 + end)

function settingsOf(namespace: string): [string, string][] {
  const isRouter =
    namespace in routes && namespace !== 'internet' && namespace !== 'site'
      ? true
      : namespace === natGateway.machine
  const settings: [string, string][] = isRouter
    ? [
        ['ipv4/ip_forward', '1'],
        ['ipv6/conf/all/forwarding', '1'],
      ]
    : []
  // Frames within a vSwitch pass no firewall but those of the instances.
  if (vpcs.some((vpc) => vpc.namespace === namespace))
    for (const each of ['iptables', 'ip6tables', 'arptables'])
      settings.push([`bridge/bridge-nf-call-${each}`, '0'])
  for (const scope of ['all', 'default'])
    settings.push(
      [`ipv4/conf/${scope}/send_redirects`, '0'],
      [`ipv4/conf/${scope}/rp_filter`, '0'],
      [`ipv6/conf/${scope}/accept_ra`, '0'],
      [`ipv6/conf/${scope}/router_solicitations`, '0'],
      [`ipv6/conf/${scope}/dad_transmits`, '0'],
      [`ipv6/conf/${scope}/addr_gen_mode`, '1'],
    )
  return settings
}

const portOf = (machine: Machine): string => `p-${machine.name}`

function planVSwitches(vpc: Vpc, plan: NamespacePlan, full: (name: string) => string): void {
  vpc.vSwitches.forEach(({ id, bridge, ipv4, ipv6 }, i) => {
    const bridgeOptions = 'type bridge stp_state 0 mcast_snooping 0'
    plan.links.push(`link add ${bridge} address ${routerMac(vpc, i)} ${bridgeOptions}`)
    plan.addresses.push(
      `addr add ${ipv4}.${routerHost.ipv4}/24 dev ${bridge}`,
      `addr add ${ipv6}${routerHost.ipv6}/64 dev ${bridge} nodad`,
      `link set ${bridge} up`,
    )
    for (const machine of machines.filter(({ vSwitch }) => vSwitch === id)) {
      const [port, mac] = [portOf(machine), machineMac(machine)]
      plan.links.push(
        `link add ${port} type veth peer name eth0 address ${mac} netns ${full(machine.name)}`,
        `link set ${port} master ${bridge} up`,
        `link set ${port} type bridge_slave flood off learning off`,
      )
      plan.forwarding.push(`fdb add ${mac} dev ${port} master static`)
      plan.addresses.push(...neighbours(machine, mac, bridge))
    }
  })
}

const neighbours = (machine: Machine, mac: string, device: string): string[] =>
  Object.values(addressesOf(machine)).map((address) => neighbour(address, mac, device))

const neighbour = (address: string, mac: string, device: string): string =>
  `neigh replace ${address} lladdr ${mac} dev ${device} nud permanent`

function planMachine(machine: Machine, plan: NamespacePlan): void {
  const vpc = vpcOf(machine)
  const vSwitch = vSwitchOf(machine)
  const { ipv4, ipv6 } = addressesOf(machine)
  const mac = routerMac(vpc, vpc.vSwitches.indexOf(vSwitch))
  const routers = [
    `${vSwitch.ipv4}.${routerHost.ipv4}`,
    `${vSwitch.ipv6}${routerHost.ipv6}`,
  ] as const
  plan.addresses.push(
    `addr add ${ipv4}/24 dev eth0`,
    `addr add ${ipv6}/64 dev eth0 nodad`,
    'link set eth0 up',
    ...routers.map((router) => neighbour(router, mac, 'eth0')),
    ...machines
      .filter((other) => other !== machine && other.vSwitch === machine.vSwitch)
      .flatMap((other) => neighbours(other, machineMac(other), 'eth0')),
  )
  plan.routes.push(...routers.map((router) => `route add default via ${router} dev eth0`))
}

/** The ends of wire `link`: 0 or 1. */
const wireAddresses = (link: number, end: number): readonly [string, string] => [
  `169.254.${link + 1}.${end + 1}`,
  `fd77:0:0:${link + 1}::${end + 1}`,
]

const wireDevice = (other: string): string => `to-${other}`

function planWire(
  link: number,
  plan: (namespace: string) => NamespacePlan,
  full: (name: string) => string,
): void {
  const ends = links[link]!
  const [near, far] = ends
  plan(near).links.push(
    `link add ${wireDevice(far)} address ${wireMac(link, 0)} type veth ` +
      `peer name ${wireDevice(near)} address ${wireMac(link, 1)} netns ${full(far)}`,
  )
  ends.forEach((namespace, end) => {
    const device = wireDevice(ends[1 - end]!)
    const [ipv4, ipv6] = wireAddresses(link, end)
    plan(namespace).addresses.push(
      `addr add ${ipv4}/30 dev ${device}`,
      `addr add ${ipv6}/64 dev ${device} nodad`,
      `link set ${device} up`,
      ...wireAddresses(link, 1 - end).map((each) =>
        neighbour(each, wireMac(link, 1 - end), device),
      ),
    )
  })
}

/** Routing tables of their own for what comes from a certain bridge, after the main table. */
const firstTable = 101
const firstPriority = 40_000

function planRoutes(from: string, all: readonly Route[], plan: NamespacePlan): void {
  const bridges = [...new Set(all.map((each) => each.from).filter((each) => each !== undefined))]
  bridges.forEach((bridge, i) =>
    plan.routes.push(
      `rule add iif ${bridge} lookup ${firstTable + i} priority ${firstPriority + i}`,
    ),
  )
  for (const route of all) {
    const table =
      route.from === undefined ? '' : ` table ${firstTable + bridges.indexOf(route.from)}`
    plan.routes.push(`route add ${route.to} ${nextHop(from, route)}${table}`)
  }
}

function nextHop(from: string, { to, via }: Route): string {
  const machine = machines.find(({ name }) => name === via)
  const family = to.includes(':') ? 'ipv6' : 'ipv4'
  if (machine !== undefined)
    return `via ${addressesOf(machine)[family]} dev ${vSwitchOf(machine).bridge}`
  const link = links.findIndex((ends) => ends.includes(from) && ends.includes(via))
  const far = wireAddresses(link, links[link]!.indexOf(via))
  return `via ${far[family === 'ipv4' ? 0 : 1]} dev ${wireDevice(via)}`
}

/** No namespace tells the others which multicast groups it listens to: nobody in the lab asks. */
const quiet = `table ip6 quiet {
chain out {
type filter hook output priority raw;
icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } drop
}
}
`

/** Security groups in instances; address translation in the NAT gateway and at the edge of a VPC. */
function firewallIn(namespace: string): string {
  const machine = machines.find(({ name }) => name === namespace)
  if (machine !== undefined)
    return namespace === natGateway.machine ? sourceTranslation() : (firewallOf(machine) ?? '')
  const vpc = vpcs.find((each) => each.namespace === namespace)
  return vpc === undefined ? '' : publicAddresses(vpc)
}

/** "Access the internet using SNAT on an Internet NAT Gateway." */
function sourceTranslation(): string {
  const gateway = machines.find(({ name }) => name === natGateway.machine)!
  const [own] = vpcOf(gateway).cidrs
  return nat([
    'chain post {',
    'type nat hook postrouting priority srcnat;',
    `ip saddr ${own} ip daddr != ${own} snat to ${addressesOf(gateway).ipv4}`,
    '}',
  ])
}

/** Public addresses of instances and of the NAT gateway are translated one to one at the VPC's edge. */
function publicAddresses(vpc: Vpc): string {
  const owners = machines
    .filter((each) => vpcOf(each) === vpc)
    .flatMap((each) => {
      const publicIp = each.name === natGateway.machine ? natGateway.publicIp : each.publicIp
      return publicIp === undefined ? [] : [{ publicIp, own: addressesOf(each).ipv4 }]
    })
  if (owners.length === 0) return ''
  const device = wireDevice('internet')
  return nat([
    'chain pre {',
    'type nat hook prerouting priority dstnat;',
    ...owners.map(({ publicIp, own }) => `iifname "${device}" ip daddr ${publicIp} dnat to ${own}`),
    '}',
    'chain post {',
    'type nat hook postrouting priority srcnat;',
    ...owners.map(({ publicIp, own }) => `oifname "${device}" ip saddr ${own} snat to ${publicIp}`),
    '}',
  ])
}

const nat = (lines: readonly string[]): string => ['table ip nat {', ...lines, '}', ''].join('\n')
