import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { Accounts, type OverdueEffects } from './accounts.ts'
import { amountOfText } from './money.ts'
import { nextOverdue, nextStepAt, type OverdueRules, type OverdueState } from './overdue.ts'
import { prepareBillingTables } from './tables.ts'

const day = 86_400
const t0 = 1_700_000_000
const limit = amountOfText('100')
const rules: OverdueRules = { protectionLimit: limit, graceSeconds: undefined }
const normal: OverdueState = { name: 'normal' }
const grace: OverdueState = { name: 'grace', since: t0 }
const suspended: OverdueState = { name: 'suspended', since: t0 }
const released: OverdueState = { name: 'released', since: t0 }

test('"within the suspension protection limit, your service continues without interruption"', () => {
  assert.deepEqual(nextOverdue(rules, normal, 0n, t0), { state: normal })
  assert.deepEqual(nextOverdue(rules, normal, -1n, t0), { state: grace })
  assert.deepEqual(nextOverdue(rules, grace, -limit, t0 + 365 * day), { state: grace })
  assert.deepEqual(nextOverdue(rules, grace, 0n, t0 + day), { state: normal })
})

test('"If your overdue payment exceeds the suspension protection limit, the service is automatically stopped"', () => {
  const stopped = { state: { name: 'suspended', since: t0 + day }, effect: 'suspend' }
  assert.deepEqual(nextOverdue(rules, grace, -limit - 1n, t0 + day), stopped)
  assert.deepEqual(nextOverdue(rules, normal, -limit - 1n, t0 + day), stopped)
})

test('"you can continue to use the service for a specific period or up to a certain amount"', () => {
  const timed = { ...rules, graceSeconds: 2 * day }
  assert.deepEqual(nextOverdue(timed, grace, -1n, t0 + 2 * day - 1), { state: grace })
  assert.equal(nextOverdue(timed, grace, -1n, t0 + 2 * day).effect, 'suspend')
  assert.equal(nextStepAt(timed, grace), t0 + 2 * day)
  assert.equal(nextStepAt(rules, grace), undefined)
})

test('"pay the outstanding amount within 7 days after the service is stopped, the service automatically resumes"', () => {
  assert.deepEqual(nextOverdue(rules, suspended, 0n, t0 + 7 * day - 1), {
    state: normal,
    effect: 'resume',
  })
  assert.deepEqual(nextOverdue(rules, suspended, -1n, t0 + 7 * day - 1), { state: suspended })
})

test('"not paid within 7 days after the service is stopped, the VPC flow log is automatically released"', () => {
  const at = t0 + 7 * day
  const gone = { state: { name: 'released', since: at }, effect: 'release' }
  assert.deepEqual(nextOverdue(rules, suspended, -1n, at), gone)
  assert.deepEqual(nextOverdue(rules, suspended, 0n, at), gone)
  assert.deepEqual(nextOverdue(rules, released, -1n, at + day), { state: released })
  assert.deepEqual(nextOverdue(rules, released, 0n, at + day), { state: normal })
  assert.equal(nextStepAt(rules, suspended), at)
})

test('a clock that goes back takes no step back', () => {
  assert.deepEqual(nextOverdue(rules, suspended, -1n, t0 - 30 * day), { state: suspended })
})

function open(effects: OverdueEffects, db = new DatabaseSync(':memory:')) {
  prepareBillingTables(db)
  return { db, accounts: new Accounts(db, rules, effects) }
}

function noting(): { done: string[]; effects: OverdueEffects } {
  const done: string[] = []
  const note = (effect: string) => async (account: string) => void done.push(`${effect} ${account}`)
  return {
    done,
    effects: { suspend: note('suspend'), resume: note('resume'), release: note('release') },
  }
}

test('an account from its first bill to its release', async () => {
  const { done, effects } = noting()
  const { accounts } = open(effects)
  assert.deepEqual(await accounts.topUp('1', amountOfText('10'), t0), {
    account: '1',
    balance: amountOfText('10'),
    state: normal,
  })
  accounts.charge('1', t0, amountOfText('60'), t0)
  accounts.charge('2', t0, 0n, t0) // nothing to pay: no account
  await accounts.advance(t0)
  assert.equal(accounts.standing('1').state.name, 'grace')
  accounts.charge('1', t0 + 3600, amountOfText('60.5'), t0 + 3600)
  await accounts.advance(t0 + 3600)
  assert.deepEqual(accounts.standings(), [
    {
      account: '1',
      balance: -amountOfText('110.5'),
      state: { name: 'suspended', since: t0 + 3600 },
      nextStepAt: t0 + 3600 + 7 * day,
    },
  ])
  assert.equal(accounts.isSuspended('1'), true)
  await accounts.topUp('1', amountOfText('110'), t0 + day) // half a unit is still owed
  assert.equal(accounts.isSuspended('1'), true)
  await accounts.topUp('1', amountOfText('0.5'), t0 + 2 * day)
  assert.equal(accounts.isSuspended('1'), false)
  accounts.charge('1', t0 + 3 * day, amountOfText('101'), t0 + 3 * day)
  await accounts.advance(t0 + 3 * day)
  await accounts.advance(t0 + 10 * day - 1)
  assert.deepEqual(done, ['suspend 1', 'resume 1', 'suspend 1'])
  await accounts.advance(t0 + 10 * day)
  await accounts.advance(t0 + 11 * day)
  assert.deepEqual(done, ['suspend 1', 'resume 1', 'suspend 1', 'release 1'])
})

test('what a crash left undone is done at the next start, and once', async () => {
  const failing = async (): Promise<void> => {
    throw new Error('the power went')
  }
  const { db, accounts } = open({ suspend: failing, resume: failing, release: failing })
  accounts.charge('1', t0, amountOfText('101'), t0)
  await assert.rejects(accounts.advance(t0), /the power went/)
  assert.equal(accounts.isSuspended('1'), true)
  const { done, effects } = noting()
  const again = open(effects, db).accounts
  await again.advance(t0 + 60)
  await again.advance(t0 + 120)
  assert.deepEqual(done, ['suspend 1'])
})

test('a bill is charged once', () => {
  const { accounts } = open(noting().effects)
  accounts.charge('1', t0, 5n, t0)
  assert.throws(() => accounts.charge('1', t0, 5n, t0), /UNIQUE/)
  assert.equal(accounts.standing('1').balance, -5n)
})
