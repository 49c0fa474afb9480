import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { unixSeconds } from '../base/time.ts'
import { LedgerBook } from '../ledger/ledger.ts'
import { startServer } from '../../test/api-server.ts'
import { ledgerNamed, lossAt } from '../../test/ledgers.ts'
import { healthOfServer, ledgerOfServer } from './client.ts'

test('ledgers and losses come back as they were reported, all or some', async (t) => {
  const ledger = new LedgerBook(new DatabaseSync(':memory:'))
  const a = ledgerNamed('eni-a')
  const b = { ...ledgerNamed('eni-b'), host: 'host 2&' }
  ledger.report(a, [lossAt('eni-a', 0), lossAt('eni-a', 600)])
  ledger.report(b, [lossAt('eni-b', 60)])
  const { url } = await startServer(t, { ledger })
  const tapOf = ({ host, opening }: typeof a) => ({ host, opening })
  const losses = [
    { ...lossAt('eni-a', 0), ...tapOf(a) },
    { ...lossAt('eni-b', 60), ...tapOf(b) },
    { ...lossAt('eni-a', 600), ...tapOf(a) },
  ]
  assert.deepEqual(await ledgerOfServer(url), { ledgers: [a, b], losses })
  const part = await ledgerOfServer(url, { eni: 'eni-a', from: unixSeconds(0), to: 600 })
  assert.deepEqual(part, { ledgers: [a], losses: [losses[0]] })
  assert.deepEqual((await ledgerOfServer(url, { host: 'host 2&' })).ledgers, [b])
  await assert.rejects(ledgerOfServer(url, { from: -1 }), {
    code: 'ParameterInvalid',
    place: 'query string',
  })
})

test('health says what is wrong, also when that is something', async (t) => {
  const problems: string[] = []
  const { url } = await startServer(t, { problems: () => problems })
  assert.deepEqual(await healthOfServer(url), { status: 'ok', problems: [], data: '/nowhere' })
  problems.push('the disk is full')
  assert.deepEqual(await healthOfServer(url), {
    status: 'failing',
    problems: ['the disk is full'],
    data: '/nowhere',
  })
})
