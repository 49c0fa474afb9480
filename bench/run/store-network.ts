/** The network whose flow log records `npm run bench store` stores: 200 ENIs in 3 VPCs, and who they talk to. */
import type { FlowRecordField } from '../../src/record/fields.ts'

const eniCount = 200
export const vpcCount = 3
/** The first ENIs of VPC 0, whose traffic with the Internet goes through `natGateway`. */
export const privateEnis = 60
export const natGateway = 60
const vSwitchCount = 8
const onPremises = 500
const peersV4 = 50_000
const peersV6 = 4000

const id = (prefix: string, n: number): string =>
  `${prefix}-bp1${((n + 7) * 2_654_435_761_987).toString(36).padStart(17, 'a').slice(-17)}`

/** Addresses by number, in blocks: what a number stands for is what block it lies in. */
export const addresses: string[] = []

function block(count: number, text: (n: number) => string): { first: number; count: number } {
  const first = addresses.length
  for (let n = 0; n < count; n++) addresses.push(text(n))
  return { first, count }
}

/** VPC 0 has 110 ENIs, VPC 1 50 and VPC 2 40. */
export const vpcOf = (eni: number): number => (eni < 110 ? 0 : eni < 160 ? 1 : 2)
export const enisOf = [
  { first: 0, count: 110 },
  { first: 110, count: 50 },
  { first: 160, count: 40 },
] as const
const prefixes = ['10.0', '172.16', '10.1']
const vSwitchOf = (eni: number): number =>
  eni < privateEnis + 1 ? 0 : eni < 110 ? 1 + (eni % 3) : eni < 160 ? 4 + (eni % 2) : 6 + (eni % 2)

/** ENI n has address n, and over IPv6 `eniV6.first + n`. */
block(eniCount, (eni) => {
  const host = eni - enisOf[vpcOf(eni)]!.first
  return `${prefixes[vpcOf(eni)]}.${vSwitchOf(eni) % 4}.${host + 1}`
})
export const eniV6 = block(eniCount, (eni) => `fd00:10:${vpcOf(eni)}::${(eni + 1).toString(16)}`)
export const remoteSites = block(
  onPremises,
  (n) => `192.168.${n % 2 === 0 ? 10 : 20}.${(n >> 1) + 1}`,
)
export const publicV4 = block(peersV4, (n) => {
  const mixed = (n * 40_503 + 11) % 2 ** 24
  return n === 0
    ? '120.26.1.1'
    : `${[39, 47, 8, 101][n % 4]}.${mixed >> 16}.${(mixed >> 8) & 255}.${mixed & 255}`
})
export const publicV6 = block(
  peersV6,
  (n) => `2408:4005:${(n % 97).toString(16)}:${(n + 1).toString(16)}::1`,
)

/** The fields that are the same in all records of an ENI. */
export const eniTexts: ReadonlyMap<FlowRecordField, readonly string[]> = new Map([
  ['eni-id', Array.from({ length: eniCount }, (_, n) => id('eni', n))],
  ['vm-id', Array.from({ length: eniCount }, (_, n) => (n === natGateway ? '-' : id('i', n)))],
  [
    'vswitch-id',
    Array.from({ length: eniCount }, (_, n) => id('vsw', vSwitchOf(n) % vSwitchCount)),
  ],
  ['vpc-id', Array.from({ length: eniCount }, (_, n) => id('vpc', vpcOf(n)))],
])
export const account = '1210123456789012'
