/** The regions that have flow logs, as the product page lists them under "Supported regions". */
import { WeirError } from '../base/errors.ts'
import type { FlowLog } from './instance.ts'

type Cloud = 'public' | 'finance' | 'government'

export interface Region {
  /** As APIs name it. The page has names only. */
  readonly id: string
  /** As the page names it, without its remark. */
  readonly name: string
  readonly cloud: Cloud
  /** The row of the page's table. */
  readonly area: string
  /** Such as `Preview`. */
  readonly remark?: string
  /** "The following regions support IPv6" */
  readonly ipv6: boolean
}

/** Id, name, and whether it has IPv6 or the page's remark. */
type Row = readonly [string, string, ('IPv6' | { readonly remark: string })?]

const china: readonly Row[] = [
  ['cn-hangzhou', 'China (Hangzhou)', 'IPv6'],
  ['cn-shanghai', 'China (Shanghai)', 'IPv6'],
  ['cn-qingdao', 'China (Qingdao)', 'IPv6'],
  ['cn-beijing', 'China (Beijing)', 'IPv6'],
  ['cn-zhangjiakou', 'China (Zhangjiakou)'],
  ['cn-huhehaote', 'China (Hohhot)', 'IPv6'],
  ['cn-wulanchabu', 'China (Ulanqab)'],
  ['cn-shenzhen', 'China (Shenzhen)', 'IPv6'],
  ['cn-heyuan', 'China (Heyuan)'],
  ['cn-guangzhou', 'China (Guangzhou)'],
  ['cn-chengdu', 'China (Chengdu)'],
  ['cn-hongkong', 'China (Hong Kong)'],
  ['cn-fuzhou', 'China (Fuzhou)', { remark: 'Local Region, Closing Down' }],
]

const otherAsia: readonly Row[] = [
  ['ap-northeast-1', 'Japan (Tokyo)'],
  ['ap-northeast-2', 'South Korea (Seoul)'],
  ['ap-southeast-1', 'Singapore', 'IPv6'],
  ['ap-southeast-3', 'Malaysia (Kuala Lumpur)'],
  ['ap-southeast-5', 'Indonesia (Jakarta)'],
  ['ap-southeast-6', 'Philippines (Manila)'],
  ['ap-southeast-7', 'Thailand (Bangkok)'],
]

const europeAndAmericas: readonly Row[] = [
  ['eu-central-1', 'Germany (Frankfurt)'],
  ['eu-west-1', 'UK (London)'],
  ['us-west-1', 'US (Silicon Valley)', 'IPv6'],
  ['us-east-1', 'US (Virginia)', 'IPv6'],
]

const middleEast: readonly Row[] = [
  ['me-east-1', 'UAE (Dubai)'],
  ['me-central-1', 'SAU (Riyadh)', { remark: 'Partner Region' }],
]

const finance: readonly Row[] = [
  ['cn-beijing-finance-1', 'China North 2 Finance', { remark: 'Preview' }],
  ['cn-shenzhen-finance-1', 'China South 1 Finance'],
  ['cn-shanghai-finance-1', 'China East 2 (Shanghai) Finance'],
]

const government: readonly Row[] = [['cn-north-2-gov-1', 'China North 2 Ali Gov 1']]

const listed = (cloud: Cloud, area: string, rows: readonly Row[]): Region[] =>
  rows.map(([id, name, has]) => ({
    id,
    name,
    cloud,
    area,
    ipv6: has === 'IPv6',
    ...(typeof has === 'object' ? has : {}),
  }))

export const regions: readonly Region[] = [
  ...listed('public', 'Asia Pacific - China', china),
  ...listed('public', 'Asia Pacific - Others', otherAsia),
  ...listed('public', 'Europe & Americas', europeAndAmericas),
  ...listed('public', 'Middle East', middleEast),
  ...listed('finance', 'Asia Pacific', finance),
  ...listed('government', 'Asia Pacific', government),
]

/** A region of one's own, which the page does not know, has what Weir has: both families. */
export const hasIpv6 = (id: string): boolean =>
  regions.find((region) => region.id === id)?.ipv6 ?? true

/** Throws OperationUnsupported.action. */
export function checkIpVersion(region: string, ipVersion: FlowLog['ipVersion']): void {
  if (ipVersion === 'IPv4' || hasIpv6(region)) return
  const having = regions.filter(({ ipv6 }) => ipv6).map(({ id }) => id)
  throw new WeirError(
    'OperationUnsupported.action',
    `This action is not support: ${region} has no IPv6, so no flow log of DualStack`,
    { hint: `Regions that have it: ${having.join(', ')}` },
  )
}
