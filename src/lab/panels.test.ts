import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { atAddress, createArguments, panels } from './panels.ts'

const reference = join(import.meta.dirname, '../../../shared/reference/seed-queries.json')
const skip = existsSync(reference) ? false : 'not run: needs ../shared beside the checkout'

test(
  "the queries of the panels are the product page's, word for word and in its order",
  { skip },
  () => {
    const { queries } = JSON.parse(readFileSync(reference, 'utf8')) as {
      queries: { query: string }[]
    }
    assert.deepEqual(
      panels.flatMap((panel) => panel.queries),
      queries.map(({ query }) => query),
    )
  },
)

test('each panel has a logstore of its own', () => {
  const logstores = panels.map(({ logstore }) => logstore)
  assert.deepEqual(logstores, [...new Set(logstores)])
})

test('"Create two flow logs and deliver the logs to the same Logstore", of the Transit Router path', () => {
  const panel = panels.find(({ name }) => name === 'express')!
  const options = (vpc: string) =>
    `flow-log create --vpc ${vpc} --path transitRouter --window 60 --ip-version dualstack ` +
    '--name lab-express --project lab --logstore express --create'
  assert.deepEqual(
    panel.flowLogs.map((each) => createArguments(panel, each).join(' ')),
    [options('vpc-lab-app1'), options('vpc-lab-app2')],
  )
})

test('an address is put where the page leaves it open', () => {
  const [query] = panels.find(({ name }) => name === 'nat')!.queries
  assert.equal(
    atAddress(query!, '120.26.0.1').split('|')[0],
    "direction: 'in' and srcaddr: 10.0.0.* and dstaddr: 120.26.0.1 ",
  )
})
