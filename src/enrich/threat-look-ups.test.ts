/** Threat look-ups, whatever the format of the feed. Reference enrichment.md, "Threat intelligence". */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { type Enrichment, openEnrichment } from './enrich.ts'

const lines = (...each: string[]): string => `${each.join('\n')}\n`

const opened = (t: TestContext, ...feeds: { text: string; name: string }[]): Enrichment => {
  const folder = temporaryFolder(t)
  const threats = feeds.map(({ text, name }) => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return { path }
  })
  return openEnrichment({ threats })
}

test('"Match longest prefix; several feeds may hit one address"', (t) => {
  const both = opened(
    t,
    { name: 'wide.txt', text: lines('45.0.0.0/8', '45.1.0.0/16', '45.1.2.0/24', '0.0.0.0/0') },
    { name: 'narrow.txt', text: lines('45.1.2.3', '45.1.2.3') },
  )
  const hits = (ip: string) => both.checkIp(ip).map((hit) => `${hit.feed} ${hit.indicator}`)
  assert.deepEqual(hits('45.1.2.3'), ['narrow 45.1.2.3', 'wide 45.1.2.0/24'])
  assert.deepEqual(hits('45.1.2.4'), ['wide 45.1.2.0/24'])
  assert.deepEqual(hits('45.1.3.0'), ['wide 45.1.0.0/16'])
  assert.deepEqual(hits('45.255.255.255'), ['wide 45.0.0.0/8'])
  assert.deepEqual(hits('46.0.0.0'), ['wide 0.0.0.0/0'])
  assert.deepEqual(hits('10.0.0.0'), [])
  assert.deepEqual(hits('-'), [])
})

test('behind an expired entry stands the wider one that is valid', (t) => {
  const text = lines('ip,valid_until', '45.1.2.3,2026-01-01', '45.1.0.0/16,')
  const both = opened(t, { name: 'list.csv', text })
  const at = Date.parse('2026-01-01') / 1000
  assert.equal(both.checkIp('45.1.2.3', at - 1)[0]?.indicator, '45.1.2.3')
  assert.equal(both.checkIp('45.1.2.3', at)[0]?.indicator, '45.1.0.0/16')
})

test('"private and reserved ranges must never match (lists do contain them)"', (t) => {
  const bogons = [
    '0.0.0.0/8',
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.1',
    '169.254.0.0/16',
    '172.16.0.0/12',
  ]
  bogons.push(
    '192.0.2.0/24',
    '192.168.1.0/24',
    '224.0.0.0/3',
    '::1',
    'fe80::/10',
    'fc00::/7',
    '2001:db8::/32',
  )
  bogons.push('::ffff:10.0.0.0/104')
  const list = opened(t, { name: 'bogons.netset', text: lines(...bogons, '203.0.113.7') })
  const [bogonFeed] = list.feeds()
  assert.deepEqual([bogonFeed?.entries, bogonFeed?.reserved], [1, bogons.length])
  for (const block of bogons) assert.deepEqual(list.checkIp(block.split('/')[0]!), [], block)
  assert.equal(
    list.checkIp('203.0.113.7').length,
    1,
    'one address for documentation, not the block',
  )
})

test('blocks within blocks, against every block looked at one by one', (t) => {
  const seed = 11_223
  console.log(`seed ${seed}`)
  let state = seed
  const next = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  for (const family of [4, 6]) {
    const address = (): string =>
      family === 4
        ? `45.${next(2)}.${next(3)}.${next(256)}`
        : `2a00:${next(2)}::${next(3)}:${next(65_536).toString(16)}`
    const bits = family === 4 ? 32 : 128
    const blocks = Array.from({ length: 400 }, () => `${address()}/${bits - next(20)}`)
    const list = opened(t, { name: 'list.txt', text: lines(...blocks) })
    const parsed = blocks.map((block) => {
      const [first = '', length] = block.split('/')
      return {
        first: numberOf(first),
        rest: BigInt(bits - Number(length)),
        length: Number(length),
      }
    })
    for (let i = 0; i < 1000; i++) {
      const ip = address()
      const holding = parsed.filter(({ first, rest }) => first >> rest === numberOf(ip) >> rest)
      const longest = Math.max(...holding.map(({ length }) => length))
      const found = list.checkIp(ip)[0]?.indicator
      const length = found?.includes('/') === true ? Number(found.split('/')[1]) : bits
      assert.equal(found === undefined ? -Infinity : length, longest, ip)
    }
  }
})

function numberOf(ip: string): bigint {
  if (!ip.includes(':'))
    return BigInt(ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0))
  const [head = '', tail = ''] = ip.split('::')
  const number = (text: string): bigint =>
    text.split(':').reduce((sum, part) => (sum << 16n) | BigInt(`0x${part}`), 0n)
  return (number(head) << BigInt(16 * (8 - head.split(':').length))) | number(tail)
}
