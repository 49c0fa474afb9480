import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkIpVersion, hasIpv6, type Region, regions } from './regions.ts'

/** Of the product page, "Supported regions". */
const page = [
  [
    'public',
    'Asia Pacific - China',
    'China (Hangzhou), China (Shanghai), China (Qingdao), China (Beijing), China (Zhangjiakou), China (Hohhot), China (Ulanqab), China (Shenzhen), China (Heyuan), China (Guangzhou), China (Chengdu), China (Hong Kong), and China (Fuzhou - Local Region, Closing Down)',
  ],
  [
    'public',
    'Asia Pacific - Others',
    'Japan (Tokyo), South Korea (Seoul), Singapore, Malaysia (Kuala Lumpur), Indonesia (Jakarta), Philippines (Manila), and Thailand (Bangkok)',
  ],
  [
    'public',
    'Europe & Americas',
    'Germany (Frankfurt), UK (London), US (Silicon Valley), and US (Virginia)',
  ],
  ['public', 'Middle East', 'UAE (Dubai), and SAU (Riyadh - Partner Region)'],
  [
    'finance',
    'Asia Pacific',
    'China North 2 Finance (Preview), China South 1 Finance, and China East 2 (Shanghai) Finance',
  ],
  ['government', 'Asia Pacific', 'China North 2 Ali Gov 1'],
] as const

const namesOf = (list: string): string[] => list.replace(/,? and /, ', ').split(/, (?![^(]*\))/)

/** As the page writes it: the remark joins what stands in parentheses, or stands in some of its own. */
function written({ name, remark }: Region): string {
  if (remark === undefined) return name
  return name.endsWith(')') ? name.replace(/\)$/, ` - ${remark})`) : `${name} (${remark})`
}

test('"Supported regions": every region of each row of the three tables, in order, with its remark', () => {
  for (const [cloud, area, list] of page)
    assert.deepEqual(
      regions.filter((region) => region.cloud === cloud && region.area === area).map(written),
      namesOf(list),
    )
  assert.equal(regions.length, page.flatMap(([, , list]) => namesOf(list)).length)
  assert.equal(new Set(regions.map(({ id }) => id)).size, regions.length)
})

test('"The following regions support IPv6": these and no other', () => {
  const sentence =
    'China (Hangzhou), China (Shanghai), China (Qingdao), China (Beijing), China (Hohhot), China (Shenzhen), Singapore, US (Silicon Valley), and US (Virginia)'
  const having = regions.filter(({ ipv6 }) => ipv6).map(({ name }) => name)
  assert.deepEqual(having, namesOf(sentence))
})

test('DualStack is refused where the page has no IPv6, and allowed in a region of ones own', () => {
  checkIpVersion('cn-guangzhou', 'IPv4')
  checkIpVersion('cn-hangzhou', 'DualStack')
  checkIpVersion('basement-1', 'DualStack')
  assert.equal(hasIpv6('basement-1'), true)
  for (const { id, ipv6 } of regions)
    if (!ipv6)
      assert.throws(() => checkIpVersion(id, 'DualStack'), { code: 'OperationUnsupported.action' })
})
