import assert from 'node:assert/strict'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { AccessKeys, AuditLog, openMasterKey, parsePolicy, policyOf, RateLimits } from './access.ts'
import { allows } from './policy.ts'

const admin = policyOf([{ project: '*', level: 'admin' }])

test('a secret is told once, is encrypted at rest, and is there after a restart', (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'access.db')
  const master = openMasterKey(join(folder, 'master.key'), {})
  let db = new DatabaseSync(file)
  const { id, secret } = new AccessKeys(db, master).create({ name: 'ops', policy: admin })
  assert.match(id, /^LTAI[A-Za-z0-9]{20}$/)
  assert.match(secret, /^[A-Za-z0-9]{30}$/)
  db.close()
  assert.ok(!readFileSync(file).includes(secret))
  db = new DatabaseSync(file)
  const again = openMasterKey(join(folder, 'master.key'), {})
  assert.equal(new AccessKeys(db, again).secretOf(id), secret)
  const other = openMasterKey(join(folder, 'other.key'), {})
  assert.throws(() => new AccessKeys(db, other), {
    code: 'MasterKeyInvalid',
    message: /cannot be decrypted/,
  })
  db.close()
})

test('the master key: its own file, mode 0600, or the environment', (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'master.key')
  openMasterKey(file, {})
  assert.equal(statSync(file).mode & 0o777, 0o600)
  chmodSync(file, 0o640)
  assert.throws(() => openMasterKey(file, {}), {
    code: 'MasterKeyInvalid',
    hint: `chmod 600 ${file}`,
  })
  chmodSync(file, 0o600)
  const sealed = openMasterKey(file, {}).seal('text', 'a')
  const env = { WEIR_MASTER_KEY: readFileSync(file, 'utf8').trim() }
  assert.equal(openMasterKey(join(folder, 'none'), env).open(sealed, 'a'), 'text')
  assert.throws(() => openMasterKey(file, {}).open(sealed, 'b'), { code: 'MasterKeyInvalid' })
  assert.throws(() => openMasterKey(file, { WEIR_MASTER_KEY: 'short' }), {
    code: 'MasterKeyInvalid',
    place: 'WEIR_MASTER_KEY',
  })
  writeFileSync(file, 'broken')
  assert.throws(() => openMasterKey(file, {}), { code: 'MasterKeyInvalid', place: file })
})

test('a key that is disabled, over or deleted signs nothing', () => {
  const db = new DatabaseSync(':memory:')
  let now = 1000
  const master = openMasterKey('', { WEIR_MASTER_KEY: Buffer.alloc(32, 1).toString('base64') })
  const keys = new AccessKeys(db, master, () => now)
  const { id } = keys.create({ name: 'a', policy: admin, expiresAt: 2000 })
  assert.equal(keys.caller(id).name, 'a')
  assert.equal(keys.get(id).usedAt, 1000)
  keys.change(id, { enabled: false })
  assert.throws(() => keys.secretOf(id), { code: 'Unauthorized' })
  keys.change(id, { enabled: true })
  keys.secretOf(id)
  now = 2000
  assert.throws(() => keys.secretOf(id), { code: 'Unauthorized' })
  keys.delete(id)
  assert.throws(() => keys.secretOf(id), { code: 'InvalidAccessKeyId' })
  assert.throws(() => keys.get(id), { code: 'AccessKeyNotExist' })
  assert.throws(() => keys.create({ name: ' ', policy: admin }), { code: 'ParameterInvalid' })
})

test('policies: what no statement allows is denied, and one that denies wins', () => {
  const policy = parsePolicy({
    Version: '1',
    Statement: [
      {
        Effect: 'Allow',
        Action: ['log:Get*', 'log:List?ogstores'],
        Resource: 'acs:log:*:*:project/shop/*',
      },
      { Effect: 'Deny', Action: 'log:*', Resource: 'acs:log:*:*:project/shop/logstore/secret' },
    ],
  })
  const table: [string, string, boolean][] = [
    ['log:GetLogStore', 'project/shop/logstore/web', true],
    ['LOG:getlogstore', 'project/shop/logstore/web', true],
    ['log:ListLogstores', 'project/shop/logstore/*', true],
    ['log:PutLogs', 'project/shop/logstore/web', false],
    ['log:GetLogStore', 'project/shop/logstore/secret', false],
    ['log:GetLogStore', 'project/shop2/logstore/web', false],
    ['log:GetLogStore', 'project/shop', false],
  ]
  for (const [action, resource, wanted] of table)
    assert.equal(allows(policy, action, resource), wanted, `${action} ${resource}`)
  assert.throws(
    () => parsePolicy({ Version: '1', Statement: [{ Effect: 'May', Action: '*', Resource: '*' }] }),
    {
      code: 'ParameterInvalid',
      place: 'policy.Statement.0.Effect',
    },
  )
})

test('a resource that names an account is of keys of that account, and of the server’s', () => {
  const policy = parsePolicy({
    Version: '1',
    Statement: [
      { Effect: 'Allow', Action: 'log:Get*', Resource: 'acs:log:*:1210*:project/shop/*' },
      { Effect: 'Allow', Action: 'vpc:*', Resource: ['acs:vpc:*::flowlog/*'] },
      { Effect: 'Deny', Action: 'log:GetIndex', Resource: 'acs:log:*:77:project/*' },
    ],
  })
  const table: [string, string, string | undefined, boolean][] = [
    ['log:GetLogStore', 'project/shop/logstore/web', '1210123456789012', true],
    ['log:GetLogStore', 'project/shop/logstore/web', '77', false],
    ['log:GetLogStore', 'project/shop/logstore/web', undefined, true],
    ['log:GetIndex', 'project/shop/logstore/web', '1210123456789012', true],
    ['log:GetIndex', 'project/shop/logstore/web', undefined, false],
    ['vpc:DeleteFlowLog', 'flowlog/fl-1', '77', true],
  ]
  for (const [action, resource, account, wanted] of table)
    assert.equal(allows(policy, action, resource, account), wanted, `${action} of ${account}`)
})

test('a key has an account for good; keys of before have none', () => {
  const db = new DatabaseSync(':memory:')
  const master = openMasterKey('', { WEIR_MASTER_KEY: Buffer.alloc(32, 1).toString('base64') })
  const keys = new AccessKeys(db, master)
  const own = keys.create({ name: 'tenant', policy: admin, account: '77' })
  const all = keys.create({ name: 'ops', policy: admin })
  for (const each of [keys, new AccessKeys(db, master)]) {
    each.change(own.id, { name: 'renamed' })
    assert.deepEqual([each.get(own.id).account, each.caller(own.id).account], ['77', '77'])
    assert.deepEqual('account' in each.get(all.id), false)
    assert.equal(each.caller(all.id).account, undefined)
  }
  for (const account of ['', 'a b', 'a\nb', '7'.repeat(65)])
    assert.throws(() => keys.create({ name: 'x', policy: admin, account }), {
      code: 'ParameterInvalid',
      message: /1 to 64 characters without spaces/,
    })
})

test('access.db of version 3 gets the column of accounts, and its keys go on', () => {
  const db = new DatabaseSync(':memory:')
  const master = openMasterKey('', { WEIR_MASTER_KEY: Buffer.alloc(32, 1).toString('base64') })
  const { id, secret } = new AccessKeys(db, master).create({ name: 'old', policy: admin })
  db.exec('ALTER TABLE access_keys DROP COLUMN account; PRAGMA user_version = 3')
  const keys = new AccessKeys(db, master)
  assert.equal(keys.secretOf(id), secret)
  assert.equal(keys.caller(id).account, undefined)
  assert.equal(db.prepare('PRAGMA user_version').get()?.['user_version'], 4)
})

test('a policy that could not be meant is refused, with its place', () => {
  const refuse = (change: object, place: string, message: RegExp): void => {
    const Statement = [{ Effect: 'Deny', Action: 'log:*', Resource: '*', ...change }]
    assert.throws(() => parsePolicy({ Version: '1', Statement }), {
      code: 'ParameterInvalid',
      place: `policy.Statement.0${place}`,
      message,
    })
  }
  refuse({ Action: 'ram:*' }, '.Action.0', /begins with log:, vpc:, ecs:, nis: or weir:/)
  refuse({ Action: ['log:Get*', 'Log'] }, '.Action.1', /begins with log:, vpc:/)
  refuse({ Action: [] }, '.Action', /a text, or a list of texts/)
  refuse({ Action: 5 }, '.Action', /a text, or a list of texts/)
  refuse({ Resource: 'acs:oss:*:*:*' }, '.Resource.0', /acs:log:REGION:ACCOUNT:/)
  refuse({ Resource: 'acs:log:*' }, '.Resource.0', /acs:log:REGION:ACCOUNT:/)
  refuse({ Condition: {} }, '', /Condition/)
  assert.throws(() => parsePolicy({ Version: '2', Statement: [] }), { place: 'policy.Version' })
})

test('read, write and admin of a project', () => {
  const may = (
    level: 'read' | 'write' | 'admin',
    action: string,
    resource = 'project/a/logstore/l',
  ) => allows(policyOf([{ project: 'a', level }]), action, resource)
  assert.equal(may('read', 'log:GetLogStoreLogs'), true)
  assert.equal(may('read', 'weir:Query'), true)
  assert.equal(may('read', 'log:PostLogStoreLogs'), false)
  assert.equal(may('write', 'log:PostLogStoreLogs'), true)
  assert.equal(may('write', 'weir:PutRecords'), true)
  assert.equal(may('write', 'log:DeleteLogStore'), false)
  assert.equal(may('write', 'log:PutProjectPolicy', 'project/a'), false)
  assert.equal(may('admin', 'log:DeleteLogStore'), true)
  assert.equal(may('admin', 'log:DeleteLogStore', 'project/ab/logstore/l'), false)
  assert.equal(may('admin', 'weir:CreateFlowLog', '*'), false)
})

test('hostile patterns are matched in good time', () => {
  const policy = parsePolicy({
    Version: '1',
    Statement: [{ Effect: 'Allow', Action: '*', Resource: `${'*a'.repeat(200)}b` }],
  })
  assert.equal(allows(policy, 'x', 'a'.repeat(5000)), false)
})

test('the audit log keeps what was done, the latest first', () => {
  const log = new AuditLog(new DatabaseSync(':memory:'))
  const entry = {
    source: '127.0.0.1',
    requestId: 'r',
    action: 'log:CreateProject',
    resource: 'project/a',
  }
  log.begin([{ ...entry, at: 1, keyId: 'k1' }])('ok')
  log.begin([{ ...entry, at: 2, keyId: 'k2' }])('AccessDenied')
  assert.deepEqual(
    log.list().map(({ at, keyId, outcome }) => [at, keyId, outcome]),
    [
      [2, 'k2', 'AccessDenied'],
      [1, 'k1', 'ok'],
    ],
  )
  assert.deepEqual(log.list({ keyId: 'k1' }).length, 1)
  assert.deepEqual(log.list({ from: 2 }).length, 1)
})

test('rates: a burst of two seconds, then as much as comes in', () => {
  const limits = new RateLimits()
  const rate = { requestsPerSecond: 10, bytesPerSecond: 1000 }
  for (let each = 0; each < 20; each++) assert.equal(limits.take('k', 10, rate, 0), undefined)
  assert.equal(limits.take('k', 10, rate, 0), 0.1)
  assert.equal(limits.take('k', 10, rate, 100), undefined)
  assert.equal(limits.take('other', 10, rate, 100), undefined)
  assert.equal(limits.take('k', 5000, rate, 60_000), undefined, 'a large one when all is there')
  assert.equal(limits.take('k', 1, rate, 60_000), 3.001)
  assert.equal(limits.take('free', 1e9, {}, 0), undefined)
})
