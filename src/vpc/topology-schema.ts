/**
 * The shape of a topology file: which keys each entry has and how a single value is written (DESIGN.md,
 * "Topology file"; records.md 66). Every scalar arrives as text. What entries say of each other is checked
 * in `topology-references.ts` and `topology-addresses.ts`.
 */
import { z } from 'zod'
import { parseAddress, parseCidr, type Cidr } from './address.ts'
import { gatewayTypes } from './traffic-path.ts'

/** A text that `read` turns into a value; `what` says what was expected. */
const textAs = <T>(read: (text: string) => T | undefined, what: string) =>
  z.string().transform((text, context): T => {
    const value = read(text)
    if (value !== undefined) return value
    context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is not ${what}` })
    return z.NEVER
  })

const integerAs = (least: number, most: number, what: string) =>
  textAs((text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    return value >= least && value <= most ? value : undefined
  }, what)

const id = z.string().min(1, 'an id may not be empty')
const address = textAs(parseAddress, 'an IP address')
const cidr = textAs(parseCidr, 'an address range such as 10.0.0.0/16')
const addresses = z.array(address).min(1, 'at least one address is needed')
const cidrs = z.array(cidr).min(1, 'at least one address range is needed')

export const protocolNumbers = { tcp: 6, udp: 17, icmp: 1, icmpv6: 58, gre: 47 } as const
export const protocolNames = [...Object.keys(protocolNumbers), 'all']

/** The protocol number, -1 for all of them. */
const protocol = textAs((text) => {
  if (text === 'all') return -1
  const known = Object.entries(protocolNumbers).find(([name]) => name === text)
  if (known) return known[1]
  return /^\d{1,3}$/.test(text) && Number(text) <= 255 ? Number(text) : undefined
}, 'a protocol: tcp, udp, icmp, icmpv6, gre, all or a number from 0 to 255')

export interface PortRange {
  readonly from: number
  readonly to: number
}

/** "ports as from/to"; "-1/-1 or none is all ports". */
const ports = textAs((text): PortRange | undefined => {
  if (text === '-1/-1') return { from: 0, to: 65535 }
  const [, from, to] = /^(\d{1,5})\/(\d{1,5})$/.exec(text) ?? []
  if (from === undefined || to === undefined) return undefined
  const range = { from: Number(from), to: Number(to) }
  return range.from <= range.to && range.to <= 65535 ? range : undefined
}, 'a port range such as 80/80 (from/to, 0 to 65535, or -1/-1 for all)')

/** A group rule's peer: a range of addresses or a security group. */
export type RulePeer = { readonly cidr: Cidr } | { readonly group: string }

const groupOrCidr = z.string().transform((text): RulePeer => {
  const range = parseCidr(text)
  return range ? { cidr: range } : { group: text }
})

const policy = z.enum(['accept', 'drop'])

/** Where a firewall reports what it rejects: the NFLOG group, in the network namespace of its rules. */
const nflog = z.strictObject({
  group: integerAs(0, 0xffff, 'an NFLOG group from 0 to 65535'),
  /** The tap's unless told. */
  netns: id.optional(),
})

const tapForms = [
  ['interface', 'netns', 'side', 'agent', 'nflog'],
  ['exporter', 'ifIndex'],
  ['capture', 'interface', 'side'],
]

const tap = z
  .strictObject({
    interface: id.optional(),
    netns: id.optional(),
    side: z.enum(['host']).optional(),
    /** The name of the agent on whose host the interface is; the server's own host unless told. */
    agent: id.optional(),
    /** Rejected packets are those that the firewall reports; without it the topology's rules decide. */
    nflog: nflog.optional(),
    exporter: address.optional(),
    ifIndex: integerAs(0, 0xffff_ffff, 'an interface index').optional(),
    capture: id.optional(),
  })
  .superRefine((value, context) => {
    const given = Object.entries(value).flatMap(([key, each]) => (each === undefined ? [] : [key]))
    const fits = tapForms.some(
      (form) =>
        given.every((key) => form.includes(key)) &&
        given.includes(form[0]!) &&
        (form[0] !== 'exporter' || given.includes('ifIndex')),
    )
    if (fits) return
    context.addIssue({
      code: 'custom',
      message:
        'a tap is { interface, netns, side, agent, nflog }, { exporter, ifIndex } or { capture, interface, side }',
    })
  })

const priority = integerAs(1, 100, 'a priority from 1 to 100')

const aclEntry = z.strictObject({
  policy,
  protocol: protocol.default(-1),
  ports: ports.optional(),
  peer: cidr.transform((range) => ({ cidr: range })).optional(),
})

const gateway = z
  .strictObject({
    id,
    type: z.enum(gatewayTypes),
    vpc: id.optional(),
    eni: id.optional(),
    privateIps: addresses.optional(),
    publicIps: addresses.optional(),
    target: z.enum(['vpc', 'vbr', 'other']).optional(),
    sameRegion: textAs(
      (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
      'true or false',
    ).optional(),
  })
  .superRefine((value, context) => {
    const issue = (key: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [key], message })
    if (value.privateIps && value.vpc === undefined)
      issue('privateIps', 'privateIps live in a VPC: "vpc" is missing')
    if (value.type === 'cenBasic') return
    for (const key of ['target', 'sameRegion'] as const)
      if (value[key] !== undefined) issue(key, `"${key}" belongs to gateways of type cenBasic`)
  })

const routedService = z
  .strictObject({
    id,
    vpc: id.optional(),
    privateIps: addresses.optional(),
    cidrs: cidrs.optional(),
    /** A public-facing Classic Load Balancer: its traffic with the internet is not captured (uncaptured.ts). */
    type: z.enum(['publicClb']).optional(),
  })
  .superRefine((value, context) => {
    if (value.type !== undefined && value.vpc === undefined)
      context.addIssue({
        code: 'custom',
        path: ['type'],
        message: `a ${value.type} is a resource of a VPC: "vpc" is missing`,
      })
    const right =
      value.vpc === undefined ? value.cidrs && !value.privateIps : value.privateIps && !value.cidrs
    if (right) return
    context.addIssue({
      code: 'custom',
      message:
        'a service is { id, vpc, privateIps, type }, or { id, cidrs } for a range of the cloud',
    })
  })

/** The lists of a file and what an entry of each is. */
export const entrySchemas = {
  vpcs: z.strictObject({
    id,
    cidrs,
    account: id.optional(),
    region: id.optional(),
    routeTable: id.optional(),
  }),
  vSwitches: z.strictObject({
    id,
    vpc: id,
    cidrs,
    networkAcl: id.optional(),
    routeTable: id.optional(),
  }),
  instances: z.strictObject({ id, name: z.string().optional() }),
  enis: z.strictObject({
    id,
    vSwitch: id,
    instance: id.optional(),
    privateIps: addresses,
    publicIp: address.optional(),
    securityGroups: z.array(id).default([]),
    tap: tap.optional(),
  }),
  securityGroups: z.strictObject({
    id,
    innerAccess: policy.default('accept'),
    rules: z
      .array(
        z.strictObject({
          direction: z.enum(['ingress', 'egress']),
          policy,
          protocol: protocol.default(-1),
          ports: ports.optional(),
          peer: groupOrCidr.optional(),
          priority: priority.default(1),
        }),
      )
      .default([]),
  }),
  networkAcls: z.strictObject({
    id,
    ingress: z.array(aclEntry).default([]),
    egress: z.array(aclEntry).default([]),
  }),
  routeTables: z.strictObject({
    id,
    entries: z.array(z.strictObject({ destination: cidr, nextHop: id })).default([]),
  }),
  gateways: gateway,
  services: routedService,
} as const

export type ListName = keyof typeof entrySchemas
export const listNames = Object.keys(entrySchemas) as readonly ListName[]
export const topLevelKeys: readonly string[] = ['account', 'region', ...listNames]

export type Entry<Name extends ListName> = z.output<(typeof entrySchemas)[Name]>
