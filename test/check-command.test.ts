import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { openSpool } from '../src/delivery/delivery.ts'
import { openLogStore } from '../src/logstore/logstore.ts'
import { openState } from '../src/programs/state.ts'
import type { Ledger, Loss } from '../src/ledger/ledger.ts'
import { startServer } from './api-server.ts'
import { flipBit } from './faulty-disk.ts'
import { ledgerNamed, lossAt } from './ledgers.ts'
import { sideBySide } from './side-by-side.ts'
import { parcelOf, recorded } from './spool-parcels.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { weir } from './weir-process.ts'

const test = sideBySide()

async function dataDirectory(
  context: TestContext,
  ledger: Ledger,
  losses: readonly Loss[],
): Promise<string> {
  const folder = temporaryFolder(context)
  await (await openLogStore(folder)).close()
  const state = openState(folder)
  state.ledger.report(ledger, losses)
  state.close()
  return folder
}

const account = `eni-a at host-1 shop/eth0, frames from 1970-01-01T00:00:00Z to 1970-01-01T00:10:00Z
    interface                        100  10,000 bytes
  = in records                        90  95 packets, 8,000 bytes
  + multicast                          6
  + lost: the capture ring was full    4
    difference                         0

Lost
  1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z  eni-a  the capture ring was full: 4 frames

Log store: 0 files were read, 0 bytes of them log

All is well.
`

test('weir check prints the account of a data directory, and ends with 0 when it adds up', async (context) => {
  const data = await dataDirectory(context, ledgerNamed('eni-a'), [lossAt('eni-a', 0)])
  const { status, stdout, stderr } = await weir(['check', '--data', data])
  assert.deepEqual([status, stdout, stderr], [0, account, ''])
  assert.ok(readdirSync(data).includes('weir.db'))
})

test('what waits in the spool is said, and what is damaged is a problem', async (context) => {
  const data = await dataDirectory(context, ledgerNamed('eni-a'), [lossAt('eni-a', 0)])
  const effects = { log: recorded().log, now: () => 1_767_322_800 }
  const spool = await openSpool(join(data, 'spool'), { bytesMax: 1e6 }, effects)
  for (const number of [0, 1, 2])
    await spool.put({ eni: 'eni-a', parcels: [parcelOf(number, 1)], note: undefined })
  await spool.close()
  const waiting = await weir(['check', '--data', data])
  const line =
    'Closed windows that wait in the spool: 3, the oldest since 2026-01-02T03:00:00.000Z\n'
  assert.deepEqual(
    [waiting.status, waiting.stdout],
    [0, account.replace('\nAll', `\n${line}\nAll`)],
  )
  const [name = ''] = readdirSync(join(data, 'spool/entries'))
  flipBit(join(data, 'spool/entries', name), 40)
  const damaged = await weir(['check', '--data', data])
  assert.equal(damaged.status, 1)
  assert.match(damaged.stdout, /\nNot well:\n {2}damaged places of the spool: 1\n$/)
})

test('a difference is shown, and the status is 1', async (context) => {
  const data = await dataDirectory(context, { ...ledgerNamed('eni-a'), multicast: 5 }, [])
  const { status, stdout } = await weir(['check', '--data', data])
  assert.equal(status, 1)
  assert.match(stdout, /\n    difference +1\n/)
  assert.match(
    stdout,
    /\nNot well:\n  eni-a at host-1 shop\/eth0: 1 frame of the interface is in no record and no loss\n$/,
  )
  const json = await weir(['check', '--data', data, '--json'])
  assert.equal(json.status, 1)
  const report = JSON.parse(json.stdout) as {
    ledgers: { difference: number }[]
    problems: string[]
  }
  assert.deepEqual(report.ledgers, [{ ...ledgerNamed('eni-a'), multicast: 5, difference: 1 }])
  assert.equal(report.problems.length, 1)
})

test('a server is asked for its health and its ledger; beside one, a data directory is too', async (context) => {
  const data = await dataDirectory(context, ledgerNamed('eni-a'), [lossAt('eni-a', 0)])
  const state = openState(data)
  context.after(() => state.close())
  const problems: string[] = []
  const { url } = await startServer(context, { ledger: state.ledger, problems: () => problems })
  const well = await weir(['check', '--server', url])
  assert.deepEqual([well.status, well.stdout], [0, account])
  problems.push('no interface is captured')
  const sick = await weir(['check', '--server', url])
  assert.equal(sick.status, 1)
  assert.equal(
    sick.stdout,
    account.replace('All is well.', 'Not well:\n  no interface is captured'),
  )
})

test('what is no server or no data directory is said', async (context) => {
  const empty = temporaryFolder(context)
  const none = await weir(['check', '--data', empty])
  assert.deepEqual(
    [none.status, none.stderr],
    [
      4,
      `weir: DataDirInvalid: there is no data directory ${empty}. Give the folder that weir start --data has, ./data unless told\n`,
    ],
  )
  const away = await weir(['check', '--server', 'http://127.0.0.1:1'])
  assert.equal(away.status, 6)
  assert.match(away.stderr, /^weir: ServerUnreachable: no answer from http:\/\/127.0.0.1:1/)
})
