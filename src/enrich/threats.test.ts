/** A feed of each format of reference enrichment.md ("Threat intelligence"), written here as its publisher writes it. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { type Enrichment, openEnrichment, type ThreatFile } from './enrich.ts'

type Told = Omit<ThreatFile, 'path'>

function feed(t: TestContext, text: string, told: Told = {}, name = 'list.txt'): Enrichment {
  const path = join(temporaryFolder(t), name)
  writeFileSync(path, text)
  return openEnrichment({ threats: [{ path, ...told }] })
}

function stated(opened: Enrichment) {
  const [first] = opened.feeds()
  assert.ok(first)
  const { path: _, ...rest } = first
  return rest
}

const lines = (...each: string[]): string => `${each.join('\n')}\n`

suite('formats', () => {
  test('plain: addresses, CIDR blocks and ranges; comments; what else stands on a line', (t) => {
    const opened = feed(
      t,
      lines(
        '# a list',
        '8.8.8.8',
        '; of several',
        '9.9.9.0/24 # with a comment',
        '',
        '11.0.0.5-11.0.0.9',
        '12.0.0.5 - 12.0.0.6',
        '13.1.2.3\t7', // stamparm/ipsum: address, tab, number of lists
        '2a00:1450::/32',
        'Evil.Example.COM',
        'http://bad.example.net:80/x?y=1#z',
        '1.2.3',
        '1.2.3.4/33',
      ),
      { category: 'abuse' },
    )
    assert.deepEqual(stated(opened), {
      name: 'list',
      format: 'plain',
      entries: 8,
      reserved: 0,
      malformed: 2,
      problems: [
        'line 12: "1.2.3" is no address, domain or URL',
        'line 13: "1.2.3.4/33" is no address, domain or URL',
      ],
    })
    const hit = (ip: string) => opened.checkIp(ip).map(({ indicator }) => indicator)
    assert.deepEqual(opened.checkIp('8.8.8.8'), [
      { indicator: '8.8.8.8', feed: 'list', category: 'abuse' },
    ])
    assert.deepEqual(hit('9.9.9.255'), ['9.9.9.0/24'])
    assert.deepEqual(hit('9.9.10.0'), [])
    const range = Array.from({ length: 8 }, (_, i) => hit(`11.0.0.${i + 3}`))
    assert.deepEqual(range.flat(), [
      '11.0.0.5',
      '11.0.0.6/31',
      '11.0.0.6/31',
      '11.0.0.8/31',
      '11.0.0.8/31',
    ])
    assert.deepEqual(hit('12.0.0.6'), ['12.0.0.6'])
    assert.deepEqual(hit('13.1.2.3'), ['13.1.2.3'])
    assert.deepEqual(hit('::ffff:8.8.8.8'), ['8.8.8.8'])
    assert.deepEqual(hit('2a00:1450:4001::1'), ['2a00:1450::/32'])
    assert.deepEqual(hit('2a00:1451::'), [])
    assert.deepEqual(opened.checkDomain('www.evil.example.com.'), [
      { indicator: 'evil.example.com', feed: 'list', category: 'abuse' },
    ])
    assert.deepEqual(opened.checkDomain('notevil.example.com'), [])
    assert.deepEqual(opened.checkUrl('https://bad.example.net/x?y=2'), [])
    assert.equal(
      opened.checkUrl('https://BAD.example.net/x?y=1')[0]?.indicator,
      'bad.example.net/x?y=1',
    )
    assert.equal(opened.checkUrl('https://evil.example.com/any')[0]?.indicator, 'evil.example.com')
    assert.equal(opened.checkUrl('http://8.8.8.8:8080/any')[0]?.indicator, '8.8.8.8')
  })

  test('FireHOL netset: the header names it, and gives category and date', (t) => {
    const opened = feed(
      t,
      lines(
        '#',
        '# firehol_level1',
        '#',
        '# ipv4 hash:net ipset',
        '#',
        '# Maintainer      : FireHOL',
        '# Maintainer URL  : http://iplists.firehol.org/',
        '# This File Date  : Mon Nov 16 10:00:00 UTC 2026',
        '# Category        : attacks',
        '# Entries         : 4 subnets',
        '0.0.0.0/8',
        '1.10.16.0/20',
        '10.0.0.0/8',
        '224.0.0.0/3',
      ),
    )
    assert.deepEqual(stated(opened), {
      name: 'firehol_level1',
      format: 'netset',
      entries: 1,
      reserved: 3,
      malformed: 0,
      problems: [],
    })
    assert.deepEqual(opened.checkIp('1.10.31.255'), [
      {
        indicator: '1.10.16.0/20',
        feed: 'firehol_level1',
        category: 'attacks',
        lastSeen: 1_794_823_200,
        reference: 'http://iplists.firehol.org/',
      },
    ])
    for (const ip of ['0.0.0.1', '10.1.2.3', '224.0.0.1', '255.255.255.255'])
      assert.deepEqual(opened.checkIp(ip), [], ip)
  })

  test('Tor exit addresses', (t) => {
    const opened = feed(
      t,
      lines(
        'ExitNode 0011BD2485AD45D984EC4159C88FC066E5E3300E',
        'Published 2026-11-21 12:00:00',
        'LastStatus 2026-11-22 12:00:00',
        'ExitAddress 162.247.74.201 2026-11-22 12:03:08',
        'ExitAddress nowhere 2026-11-22 12:03:08',
      ),
    )
    assert.deepEqual(stated(opened), {
      name: 'list',
      format: 'tor',
      entries: 1,
      reserved: 0,
      malformed: 1,
      problems: ['line 5: "nowhere" is no address, domain or URL'],
    })
    assert.deepEqual(opened.checkIp('162.247.74.201'), [
      {
        indicator: '162.247.74.201',
        feed: 'list',
        category: 'tor-exit',
        lastSeen: 1_795_348_988,
        reference: '0011BD2485AD45D984EC4159C88FC066E5E3300E',
      },
    ])
  })

  test('Spamhaus DROP, as text and as JSON lines', (t) => {
    const text = lines(
      '; Spamhaus DROP List 2026/11/22',
      '; Last-Modified: x',
      '1.10.16.0/20 ; SBL256894',
    )
    const json = lines(
      '{"cidr":"1.10.16.0/20","sblid":"SBL256894","rir":"apnic"}',
      '{"asn":211,"rir":"ripencc","domain":"x","cc":"DE","asname":"X"}',
      '{"cidr":',
      '{"type":"metadata","timestamp":1763787907,"size":1,"records":1,"copyright":"x","terms":"x"}',
    )
    const wanted = {
      indicator: '1.10.16.0/20',
      feed: 'list',
      category: 'hijacked',
      reference: 'SBL256894',
    }
    for (const [form, format] of [
      [text, 'drop'],
      [json, 'drop-json'],
    ] as const) {
      const opened = feed(t, form)
      assert.equal(stated(opened).format, format)
      assert.deepEqual(opened.checkIp('1.10.20.1'), [wanted])
    }
    assert.deepEqual(stated(feed(t, json)).problems, [
      'line 2: it names an autonomous system, not a network',
      'line 3: "{\\"cidr\\":" has no "cidr"',
    ])
  })

  test('CSV of Feodo Tracker, ThreatFox and URLhaus', (t) => {
    const feodo = feed(
      t,
      lines(
        '# Feodo Tracker',
        '"first_seen_utc","dst_ip","dst_port","c2_status","last_online","malware"',
        '"2026-01-02 03:04:05","45.0.0.1","443","online","2026-11-20","QakBot"',
        '"2026-01-02 03:04:05","45.0.0.2',
      ),
      { category: 'botnet' },
    )
    assert.deepEqual(feodo.checkIp('45.0.0.1'), [
      {
        indicator: '45.0.0.1',
        feed: 'list',
        category: 'botnet',
        firstSeen: 1_767_323_045,
        lastSeen: 1_795_132_800,
        reference: 'QakBot',
      },
    ])
    assert.deepEqual(stated(feodo).problems, ['line 4: a quote is not closed'])
    const threatFox = feed(
      t,
      lines(
        '# "first_seen_utc","ioc_id","ioc_value","ioc_type","threat_type","fk_malware","malware_alias",' +
          '"malware_printable","last_seen_utc","confidence_level","reference","tags"',
        '"2026-11-01 00:00:00", "1", "45.0.0.3:8080", "ip:port", "botnet_cc", "win.x", "None", "X Loader", "", "75", "None", "a,b"',
        '"2026-11-01 00:00:00", "2", "c2.example.org", "domain", "botnet_cc", "win.x", "None", "X Loader", "", "50", "None", ""',
        `"2026-11-01 00:00:00", "3", "${'ab'.repeat(32)}", "sha256_hash", "payload", "win.x", "None", "X", "", "50", "None", ""`,
      ),
    )
    assert.deepEqual(stated(threatFox), {
      name: 'list',
      format: 'csv',
      entries: 2,
      reserved: 0,
      malformed: 0,
      problems: [],
    })
    const common = {
      feed: 'list',
      category: 'botnet_cc',
      firstSeen: 1_793_491_200,
      reference: 'X Loader',
    }
    assert.deepEqual(threatFox.checkIp('45.0.0.3'), [
      { indicator: '45.0.0.3', confidence: 75, ...common },
    ])
    assert.deepEqual(threatFox.checkDomain('a.c2.example.org'), [
      { indicator: 'c2.example.org', confidence: 50, ...common },
    ])
    const urlhaus = feed(
      t,
      lines(
        '# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter',
        '"1","2026-11-01 00:00:00","http://45.0.0.4:81/bin.sh","online","","malware_download","elf","https://urlhaus.abuse.ch/url/1/","x"',
      ),
    )
    assert.equal(urlhaus.checkUrl('http://45.0.0.4:81/bin.sh')[0]?.category, 'malware_download')
    assert.deepEqual(urlhaus.checkIp('45.0.0.4'), [])
  })

  test('AbuseIPDB: JSON, and plain', (t) => {
    const item = {
      countryCode: 'DE',
      abuseConfidenceScore: 97,
      lastReportedAt: '2026-11-22T10:00:00+00:00',
    }
    const data = [{ ipAddress: '45.0.0.5', ...item }, { ipAddress: '2a00::5', ...item }, item]
    const opened = feed(
      t,
      JSON.stringify({ meta: { generatedAt: '2026-11-22T10:00:00+00:00' }, data }),
    )
    assert.deepEqual(stated(opened), {
      name: 'list',
      format: 'abuseipdb',
      entries: 2,
      reserved: 0,
      malformed: 1,
      problems: ['data[2]: it has no "ipAddress"'],
    })
    for (const indicator of ['45.0.0.5', '2a00::5'])
      assert.deepEqual(opened.checkIp(indicator), [
        { indicator, feed: 'list', category: 'abuse', confidence: 97, lastSeen: 1_795_341_600 },
      ])
    assert.equal(feed(t, lines('45.0.0.5', '2a00::5')).checkIp('2a00::5').length, 1)
  })

  test('MISP: an event, and a folder of them beside a manifest', (t) => {
    const attribute = (type: string, value: string, more = {}) => ({
      type,
      value,
      to_ids: true,
      category: 'Network activity',
      timestamp: '1795341600',
      ...more,
    })
    const event = {
      Event: {
        info: 'a campaign',
        Attribute: [
          attribute('ip-dst', '45.0.0.6'),
          attribute('ip-dst|port', '45.0.0.7|443'),
          attribute('ip-src', '45.0.0.8', { to_ids: false }),
          attribute('md5', 'x'),
          attribute('domain|ip', 'm.example.org|45.0.0.9', { comment: 'both' }),
        ],
        Object: [
          { Attribute: [attribute('url', 'https://m.example.net/a'), attribute('ip-src', 'x')] },
        ],
      },
    }
    const folder = join(temporaryFolder(t), 'osint')
    mkdirSync(folder)
    writeFileSync(join(folder, 'manifest.json'), '{"uuid":{"info":"x"}}')
    writeFileSync(join(folder, 'uuid.json'), JSON.stringify(event))
    for (const [opened, place] of [
      [feed(t, JSON.stringify(event)), 'attribute 7'],
      [openEnrichment({ threats: [{ path: folder, name: 'list' }] }), 'attribute 7 of uuid.json'],
    ] as const) {
      assert.deepEqual(stated(opened), {
        name: 'list',
        format: 'misp',
        entries: 5,
        reserved: 0,
        malformed: 1,
        problems: [`${place}: "x" is no address, domain or URL`],
      })
      const common = { feed: 'list', category: 'Network activity', lastSeen: 1_795_341_600 }
      assert.deepEqual(opened.checkIp('45.0.0.7'), [
        { indicator: '45.0.0.7', ...common, reference: 'a campaign' },
      ])
      assert.deepEqual(opened.checkIp('45.0.0.8'), [])
      assert.equal(opened.checkIp('45.0.0.9')[0]?.reference, 'both')
      assert.equal(opened.checkDomain('m.example.org').length, 1)
      assert.equal(opened.checkUrl('https://m.example.net/a').length, 1)
    }
  })

  test('STIX 2.1: patterns, validity, and addresses themselves', (t) => {
    const indicator = (pattern: string, more = {}) => ({ type: 'indicator', pattern, ...more })
    const objects = [
      indicator("[ipv4-addr:value = '45.0.0.10'] OR [ipv4-addr:value ISSUBSET '45.1.0.0/16']", {
        pattern_type: 'stix',
        indicator_types: ['malicious-activity'],
        confidence: 80,
        name: 'a name',
        valid_from: '2026-01-01T00:00:00Z',
        valid_until: '2027-01-01T00:00:00.000Z',
      }),
      indicator(
        "[ipv6-addr:value IN ('2a00::10', '2a00::11') OR domain-name:value = 's.example.org']",
      ),
      indicator("[file:hashes.'SHA-256' = 'ab' OR url:value = 'http://s.example.net/\\'x']"),
      indicator("[ipv4-addr:value = '45.0.0.12' AND domain-name:value = 'x.org']"),
      indicator("[ipv4-addr:value = '45.0.0.13']", { revoked: true }),
      { type: 'ipv4-addr', value: '45.0.0.14/32' },
      { type: 'malware', name: 'x' },
    ]
    const opened = feed(t, JSON.stringify({ type: 'bundle', id: 'bundle--1', objects }))
    assert.deepEqual(stated(opened), {
      name: 'list',
      format: 'stix',
      entries: 7,
      reserved: 0,
      malformed: 1,
      problems: [
        `objects[3]: "[ipv4-addr:value = '45.0.0.12' AND domain-name:value = 'x.org']" is not a choice of addresses, domains or URLs`,
      ],
    })
    const at = Date.parse('2026-12-31T23:59:59Z') / 1000
    assert.deepEqual(opened.checkIp('45.1.2.3', at), [
      {
        indicator: '45.1.0.0/16',
        feed: 'list',
        category: 'malicious-activity',
        confidence: 80,
        firstSeen: 1_767_225_600,
        validUntil: 1_798_761_600,
        reference: 'a name',
      },
    ])
    assert.deepEqual(opened.checkIp('45.1.2.3', at + 1), [], 'expired')
    assert.equal(opened.checkIp('2a00::11').length, 1)
    assert.equal(opened.checkDomain('s.example.org').length, 1)
    assert.equal(opened.checkUrl("http://s.example.net/'x").length, 1)
    for (const ip of ['45.0.0.12', '45.0.0.13']) assert.deepEqual(opened.checkIp(ip), [])
    assert.equal(opened.checkIp('45.0.0.14').length, 1)
  })

  test('Zeek intelligence', (t) => {
    const row = (...values: string[]) => values.join('\t')
    const opened = feed(
      t,
      lines(
        row('#fields', 'indicator', 'indicator_type', 'meta.source', 'meta.desc', 'meta.url'),
        row('45.0.0.20', 'Intel::ADDR', 'mine', 'a scanner', '-'),
        row('45.2.0.0/16', 'Intel::SUBNET', 'mine', '-', '-'),
        row('z.example.org', 'Intel::DOMAIN', 'mine', '-', 'https://x'),
        row('z.example.net/a', 'Intel::URL', 'mine', '-', '-'),
        row('x@y.org', 'Intel::EMAIL', 'mine', '-', '-'),
        row('45.0.0.21'),
      ),
    )
    assert.deepEqual(stated(opened), {
      name: 'list',
      format: 'zeek',
      entries: 4,
      reserved: 0,
      malformed: 1,
      problems: ['line 7: indicator or indicator_type is missing'],
    })
    assert.equal(opened.checkIp('45.0.0.20')[0]?.reference, 'a scanner')
    assert.equal(opened.checkIp('45.2.255.255')[0]?.reference, 'mine')
    assert.equal(opened.checkDomain('z.example.org')[0]?.reference, 'https://x')
    assert.equal(opened.checkUrl('https://z.example.net/a').length, 1)
  })
})

test('a format may be named, and one that is unknown is refused', (t) => {
  const named = feed(t, lines('1.10.16.0/20 ; x'), { format: 'drop' })
  assert.equal(named.checkIp('1.10.16.1')[0]?.reference, 'x')
  assert.throws(() => feed(t, '{"hello": 1}').feeds(), { name: 'ConfigInvalid' })
  assert.throws(() => openEnrichment({ threats: [{ path: '/nowhere/list' }] }), {
    name: 'FileUnreadable',
  })
})
