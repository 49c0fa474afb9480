/** Token soup: whatever is asked, the answer is a result or an error of the catalogue. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { WeirError } from '../base/errors.ts'
import { reservedColumns } from '../logstore/logstore.ts'
import { flowRecordFields } from '../record/fields.ts'
import { checkStatement, createEngine, createMacros, engineError } from './engine.ts'
import type { Engine } from './engine.ts'
import { functionTable } from './functions/table.ts'
import { macroNames } from './macros.ts'
import { parseQuery } from './parse.ts'
import { planQuery } from './plan.ts'

const long = process.env['WEIR_LONG'] === '1'
const seed = Number(process.env['WEIR_SEED'] ?? (long ? Date.now() % 1_000_000 : 7))
const rounds = long ? 100_000 : 300

/** mulberry32 */
function generator(start: number): (below: number) => number {
  let state = start
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below)
  }
}

const searchWords =
  'srcaddr dstport bytes action : : = > <= in [ ] ( ) and or not NOT * 10.0.* "a b" \'in\' 80 -5 "" # #"x y" \\ " ~ fd00::1 sort'.split(
    ' ',
  )
const sqlWords = [
  ...'select from log where group by order limit having with as ( ) , * + - / % || = <> < > and or not in between like is null case when then else end cast try_cast bigint varchar double'.split(
    ' ',
  ),
  ..."union all join left on using over partition distinct filter interval day 1 2 0 1.5 1e3 'x' '10.0.0.1' \"eni-id\" srcaddr dstport bytes __time__ a b ; -- /* */ . [ ] -> x array map unnest values".split(
    ' ',
  ),
  ...functionTable.keys(),
]

let engine: Engine
before(async () => {
  engine = await createEngine({
    memoryBytesMax: 256 * 1024 * 1024,
    threads: 1,
    tempDirectory: '',
    tempBytesMax: 0,
  })
  await createMacros(engine, macroNames.join(' '))
  const columns = [...flowRecordFields, ...reservedColumns].map(
    ({ name, kind }) => `NULL::${kind === 'integer' ? 'BIGINT' : 'VARCHAR'} AS "${name}"`,
  )
  await engine.connection.run(`CREATE VIEW __store AS SELECT ${columns.join(', ')} WHERE FALSE`)
  await engine.connection.run('SET GLOBAL enable_external_access = false')
  await engine.connection.run('SET GLOBAL lock_configuration = true')
})
after(() => {
  engine.connection.closeSync()
  engine.instance.closeSync()
})

async function runs(text: string): Promise<boolean> {
  try {
    const plan = planQuery(await parseQuery(text), flowRecordFields, { from: 0, to: 100 }, 'UTC')
    try {
      await checkStatement(engine, plan.sql)
      await engine.connection.run(plan.sql)
      return true
    } catch (error) {
      const named = engineError(error)
      // A translation that the second fence does not know is a fault of the table of functions.
      assert.notEqual(named.code, 'QueryRefused', `${named.message}: ${plan.sql}`)
      assert.doesNotMatch(named.message, /INTERNAL|syntax error/i, plan.sql)
      return false
    }
  } catch (error) {
    if (error instanceof WeirError) return false
    throw new Error(`seed ${seed}: ${JSON.stringify(text)}`, { cause: error })
  }
}

test(`soup of search words (seed ${seed})`, async () => {
  const random = generator(seed)
  let answered = 0
  for (let round = 0; round < rounds; round++) {
    const words = Array.from(
      { length: 1 + random(9) },
      () => searchWords[random(searchWords.length)],
    )
    if (await runs(words.join(random(4) === 0 ? '' : ' '))) answered++
  }
  assert.ok(answered > rounds / 100, `${answered} of ${rounds} were answered`)
})

test(`soup of SQL words (seed ${seed})`, async () => {
  const random = generator(seed + 1)
  for (let round = 0; round < rounds; round++) {
    const words = Array.from({ length: 2 + random(14) }, () => sqlWords[random(sqlWords.length)])
    await runs(`* | select ${words.join(' ')}`)
  }
})

test(`well-formed expressions of the table's functions (seed ${seed})`, async () => {
  const random = generator(seed + 2)
  const pick = <T>(list: readonly T[]): T => list[random(list.length)]!
  const atoms: Record<string, string[]> = {
    text: ['srcaddr', "'10.0.0.0/8'", "''", 'action'],
    number: ['bytes', '3', '2.5', '"end" - start'],
    boolean: ["action = 'ACCEPT'", 'bytes > 1'],
    time: ['from_unixtime(__time__)'],
    array: ['array[1, 2]', "split(srcaddr, '.')"],
    map: ["map(array['a'], array[1])"],
    binary: ['to_utf8(srcaddr)'],
    any: [
      'bytes',
      'srcaddr',
      "'x'",
      'from_unixtime(__time__)',
      "timestamp '2020-01-01 00:00:00'",
      'array[1]',
      'null',
    ],
  }
  const rules = [...functionTable.values()]
  let answered = 0
  for (let round = 0; round < rounds; round++) {
    const rule = pick(rules)
    const count = rule.min + random(Math.min(rule.max, 4) - rule.min + 1)
    const args = Array.from({ length: count }, (_, index) => {
      const wanted = rule.takes[Math.min(index, rule.takes.length - 1)]!
      return pick(atoms[wanted]!)
    })
    const over = rule.kind === 'window' ? ' over (order by bytes)' : ''
    const name = rule.name === 'date_trunc' ? `date_trunc('hour', ` : `${rule.name}(`
    if (await runs(`* | select ${name}${args.join(', ')})${over} from log`)) answered++
  }
  assert.ok(answered > rounds / 3, `${answered} of ${rounds} were answered`)
})
