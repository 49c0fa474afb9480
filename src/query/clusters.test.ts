/** log_reduce and compare_log_reduce (sls-query.md §4): patterns with counts and samples. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { randomFrom } from '../../test/random-from.ts'
import { testLogstore, testRecord } from '../../test/query-logstore.ts'
import type { TestLogstore, TestRow } from '../../test/query-logstore.ts'
import { templatedTexts, templateSlots, textTemplates } from '../../test/templated-texts.ts'
import { QueryEngine, defaultQueryConfig } from './query.ts'
import type { QueryRequest } from './query.ts'

const day = 86_400
const today = 1_700_006_400
const all = 'select a.pattern, a.count from (select log_reduce(3) as a from log)'

class Asked {
  readonly store: TestLogstore
  readonly engine: QueryEngine

  constructor(store: TestLogstore) {
    this.store = store
    this.engine = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, store.reader)
  }

  ask(query: string, more: Partial<QueryRequest> = {}) {
    const range = { from: today, to: today + 3600 }
    return this.engine.run({ project: 'weir', logstore: 'flow-log', query, ...range, ...more })
  }

  async rows(query: string, more: Partial<QueryRequest> = {}) {
    return (await this.ask(query, more)).rows
  }

  async close(): Promise<void> {
    await this.engine.close()
    await this.store.remove()
    assert.equal(this.store.open(), 0)
  }
}

suite('patterns of flow logs', () => {
  const flow = (time: number, n: number, more: TestRow = {}): TestRow => ({
    ...testRecord,
    __time__: time,
    srcaddr: n % 3 === 0 ? `2001:db8::${n.toString(16)}` : `10.0.0.${n}`,
    srcport: 40_000 + n,
    bytes: n * 100,
    ...more,
  })
  const text = (action: string, status: string): string =>
    'version:<*> account-id:<*> eni-id:<*> vm-id:<*> vswitch-id:vsw-web vpc-id:vpc-shop type:<*> protocol:<*> ' +
    'srcaddr:<*> srcport:<*> dstaddr:<*> dstport:<*> direction:in ' +
    `action:${action} packets:<*> bytes:<*> start:<*> end:<*> tcp-flags:<*> log-status:${status} traffic_path:<*>`
  let asked: Asked
  before(async () => {
    const first = Array.from({ length: 60 }, (_, n) => flow(today + n, n))
    const second = Array.from({ length: 30 }, (_, n) => flow(today + n, n, { action: 'REJECT' }))
    const idle = { action: null, srcaddr: null, srcport: null, 'log-status': 'NODATA' }
    second.push(...Array.from({ length: 5 }, (_, n) => flow(today + n, n, idle)))
    const past = Array.from({ length: 40 }, (_, n) => flow(today - day + n, n))
    asked = new Asked(await testLogstore([first, second, past]))
  })
  after(() => asked.close())

  test('"number, count, pattern (constant words kept, variable words replaced)"', async () => {
    const nodata = text('', 'NODATA').replace(/ (?:action|srcaddr|srcport):\S*/g, '')
    assert.deepEqual(await asked.rows(`* | ${all}`), [
      [text('ACCEPT', 'OK'), '60'],
      [text('REJECT', 'OK'), '30'],
      [nodata, '5'],
    ])
  })

  test('"precision 1..16, smaller is finer, default 3"', async () => {
    const coarse = await asked.rows(`* | ${all.replace('(3)', '(16)')}`)
    assert.deepEqual(coarse[0], [text('<*>', 'OK'), '90'])
    const [three, none] = [
      await asked.ask(`* | ${all}`),
      await asked.ask(`* | ${all.replace('3', '')}`),
    ]
    assert.deepEqual(none.rows, three.rows)
  })

  test('"adds count_compare and diff": patterns of either range', async () => {
    const compare = `select a.pattern, a.count, a.count_compare, a.diff from (select compare_log_reduce(3, ${day}) as a from log) limit 2`
    assert.deepEqual(await asked.rows(`* | ${compare}`), [
      [text('ACCEPT', 'OK'), '60', '40', '20'],
      [text('REJECT', 'OK'), '30', '0', '30'],
    ])
    const gone = await asked.rows(`* | ${compare}`, { from: today + 1800, to: today + 2400 })
    assert.deepEqual(gone, [])
    const before = { from: today + 3000, to: today + 3600 }
    const shifted = compare.replace(String(day), String(day + 3000))
    assert.deepEqual(await asked.rows(`* | ${shifted}`, before), [
      [text('ACCEPT', 'OK'), '0', '40', '-40'],
    ])
  })

  test('"the search part" chooses the logs; signatures are the same in every answer; samples are whole logs', async () => {
    const more =
      'select a.signature, a.origin_signatures, a.samples[1] as log from (select log_reduce(3) as a from log)'
    const [, rejected] = await asked.rows(`* | ${more}`)
    const [alone] = await asked.rows(`action:REJECT | ${more}`)
    assert.deepEqual(alone!.slice(0, 2), rejected!.slice(0, 2))
    assert.match(String(rejected![0]), /^[0-9a-f]{16}$/)
    assert.equal(rejected![1], rejected![0])
    assert.match(
      String(rejected![2]),
      /^version:1 .* srcaddr:\S+ srcport:400\d\d .* action:REJECT /,
    )
    assert.deepEqual(await asked.rows(`action:DROP | ${more}`), [])
  })

  test('patterns are rows of any query', async () => {
    const share = `select action, sum(n) from (select regexp_extract(a.pattern, 'action:(\\w+)', 1) as action, a.count as n
      from (select log_reduce(1) as a from log)) group by action order by 2 desc`
    assert.deepEqual(await asked.rows(`* | ${share}`), [
      ['ACCEPT', '60'],
      ['REJECT', '30'],
      [null, '5'],
    ])
  })

  test('what is wrong, and where', async () => {
    for (const [query, want] of [
      [
        'select log_reduce(17) from log',
        'log_reduce() takes numbers from 1 to 16 here (line 1:12)',
      ],
      [
        'select log_reduce(bytes) from log',
        'log_reduce() takes numbers from 1 to 16 here (line 1:23)',
      ],
      ['select log_reduce(3, 60) from log', 'log_reduce() takes a precision (line 1:12)'],
      [
        'select compare_log_reduce(3) from log',
        'compare_log_reduce() takes a precision and a number of seconds (line 1:12)',
      ],
      [
        'select log_reduce(3), count(*) from log',
        'log_reduce() stands alone in a SELECT over a logstore (line 1:12)',
      ],
      [
        'select log_reduce(3) from log where bytes > 1',
        'log_reduce() stands alone in a SELECT over a logstore (line 1:12)',
      ],
      [
        'select log_reduce(3) from (select 1 as x)',
        'log_reduce() stands alone in a SELECT over a logstore (line 1:12)',
      ],
    ] as const)
      await assert.rejects(asked.ask(`* | ${query}`), (error: Error & { place?: string }) => {
        assert.equal(`${error.message} (${error.place})`, want, query)
        return true
      })
  })
})

suite('patterns of texts', () => {
  const seed = Number(process.env['WEIR_SEED'] ?? 20261123)
  const columns = [{ name: 'content', kind: 'text' }] as const
  const rowsOf = (texts: readonly string[]): TestRow[] =>
    texts.map((content, n) => ({ __time__: today + (n % 3600), content }))

  test(`each of ${textTemplates.length} templates is a pattern, with exactly its texts (seed ${seed})`, async () => {
    const texts = templatedTexts(12_000, seed)
    const half = texts.length / 2
    const parts = [texts.slice(0, half), texts.slice(half)]
    const asked = new Asked(
      await testLogstore(
        parts.map((part) => rowsOf(part.map(({ text }) => text))),
        columns,
      ),
    )
    try {
      const want = textTemplates.map((template, index) => [
        `content:${template
          .replaceAll(templateSlots, '<*>')
          .replace('eth0', '<*>')
          .replace('ssh2', '<*>')}`,
        String(texts.filter((each) => each.template === index).length),
      ])
      const byText = (a: readonly unknown[], b: readonly unknown[]): number =>
        String(a[0]) < String(b[0]) ? -1 : 1
      assert.deepEqual((await asked.rows(`* | ${all}`)).toSorted(byText), want.toSorted(byText))
    } finally {
      await asked.close()
    }
  })

  test(`hostile texts: every log is in one pattern, and nothing is read as SQL (seed ${seed})`, async () => {
    const below = randomFrom(seed)
    const signs = [
      "'",
      '"',
      ';',
      '--',
      '<*>',
      '\\',
      '%',
      '{',
      '\u0000',
      '\n',
      ' ',
      '😀',
      '\ud800',
      '1',
      'a:',
      '::',
      ',',
    ]
    const some = Array.from({ length: 3000 }, () =>
      Array.from({ length: below(12) }, () => signs[below(signs.length)]!).join(''),
    )
    some.push('x '.repeat(20_000), "'; drop table log; --", '')
    const asked = new Asked(await testLogstore([rowsOf(some)], columns))
    try {
      const [sum] = await asked.rows(
        `* | select sum(a.count) from (select log_reduce(1) as a from log)`,
      )
      assert.deepEqual(sum, [String(some.length)])
    } finally {
      await asked.close()
    }
  })
})
