import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { type AccessKeys, changeMasterKey, openKeys, policyOf } from './access.ts'

const policy = policyOf([{ project: '*', level: 'read' }])

function place(t: TestContext) {
  const folder = temporaryFolder(t)
  const [file, database] = [join(folder, 'master.key'), join(folder, 'access.db')]
  const open = (env: NodeJS.ProcessEnv = {}) => {
    const db = new DatabaseSync(database)
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    try {
      return { db, keys: openKeys(db, file, env) }
    } catch (error) {
      db.close()
      throw error
    }
  }
  /** Opens, works and closes. */
  const using = <T>(work: (keys: AccessKeys) => T, env?: NodeJS.ProcessEnv): T => {
    const { db, keys } = open(env)
    try {
      return work(keys)
    } finally {
      db.close()
    }
  }
  return { folder, file, database, using }
}

const base64Of = (byte: number): string => Buffer.alloc(32, byte).toString('base64')

test('a new master key in the file; the old one is kept beside it, and opens nothing', (t) => {
  const { folder, file, using } = place(t)
  const made = using((keys) => keys.create({ name: 'a', policy }))
  const before = readFileSync(file, 'utf8')
  const kept = using((keys) => {
    const old = changeMasterKey(keys, file, {})
    assert.equal(keys.secretOf(made.id), made.secret)
    return old
  })
  assert.match(basename(kept), /^master\.key\.until-\d{8}T\d{6}Z$/)
  assert.equal(readFileSync(kept, 'utf8'), before)
  for (const each of [file, kept]) assert.equal(statSync(each).mode & 0o777, 0o600)
  assert.notEqual(readFileSync(file, 'utf8'), before)
  assert.equal(existsSync(`${file}.next`), false)
  assert.equal(
    using((keys) => keys.secretOf(made.id)),
    made.secret,
  )
  assert.throws(() => using(() => {}, { WEIR_MASTER_KEY: before.trim() }), {
    code: 'MasterKeyInvalid',
  })
  assert.equal(readdirSync(folder).filter((name) => name.startsWith('master.key')).length, 2)
})

test('one from the environment is changed by a start with both', (t) => {
  const { using, file } = place(t)
  const old = { WEIR_MASTER_KEY: base64Of(1) }
  const next = { WEIR_MASTER_KEY: base64Of(2) }
  const made = using((keys) => keys.create({ name: 'a', policy }), old)
  assert.throws(() => using((keys) => changeMasterKey(keys, file, old), old), {
    code: 'ParameterInvalid',
    hint: 'Start the server once with the new one there and the old one in WEIR_MASTER_KEY_OLD',
  })
  assert.throws(() => using(() => {}, next), { code: 'MasterKeyInvalid' })
  const wrong = { ...next, WEIR_MASTER_KEY_OLD: base64Of(3) }
  assert.throws(() => using(() => {}, wrong), { code: 'MasterKeyInvalid' })
  const both = { ...next, WEIR_MASTER_KEY_OLD: base64Of(1) }
  for (const env of [both, both, next])
    assert.equal(
      using((keys) => keys.secretOf(made.id), env),
      made.secret,
    )
  assert.throws(() => using(() => {}, old), { code: 'MasterKeyInvalid' })
})

/** Ends itself by kill -9 before its n-th call of the file system or the database in a change of the master key. */
const killed = (file: string, database: string, step: number): string => `
  import fs from 'node:fs'
  import { syncBuiltinESMExports } from 'node:module'
  import { DatabaseSync, StatementSync } from 'node:sqlite'
  let left = Infinity
  const counted = (object, name) => {
    const plain = object[name]
    object[name] = function (...args) {
      if (--left === 0) process.kill(process.pid, 'SIGKILL')
      return plain.apply(this, args)
    }
  }
  for (const name of ['openSync', 'writeSync', 'fsyncSync', 'renameSync', 'rmSync', 'readFileSync', 'statSync'])
    counted(fs, name)
  counted(DatabaseSync.prototype, 'exec')
  counted(StatementSync.prototype, 'run')
  syncBuiltinESMExports()
  const { changeMasterKey, openKeys } = await import(${JSON.stringify(import.meta.resolve('./access.ts'))})
  const db = new DatabaseSync(${JSON.stringify(database)})
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  const keys = openKeys(db, ${JSON.stringify(file)}, {})
  left = ${step}
  changeMasterKey(keys, ${JSON.stringify(file)}, {})`

test('killed before each of its steps: every secret is there, and one master key', (t) => {
  const { folder, file, database, using } = place(t)
  const made = using((keys) => ['a', 'b', 'c'].map((name) => keys.create({ name, policy })))
  let changed = 0
  let step = 1
  for (; ; step++) {
    const before = readFileSync(file, 'utf8')
    const program = killed(file, database, step)
    const { signal, status, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', program],
      { encoding: 'utf8' },
    )
    for (let again = 0; again < 2; again++)
      using((keys) => {
        for (const { id, secret } of made) assert.equal(keys.secretOf(id), secret, `step ${step}`)
      })
    assert.equal(existsSync(`${file}.next`), false, `step ${step}`)
    if (readFileSync(file, 'utf8') !== before) changed++
    if (signal === null) {
      assert.equal(status, 0, stderr)
      break
    }
    assert.equal(signal, 'SIGKILL')
  }
  t.diagnostic(`killed at ${step - 1} steps, after ${changed - 1} of them it was changed`)
  assert.ok(step > 10 && changed > 1 && changed < step)
  const names = readdirSync(folder).filter((name) => name.startsWith('master.key'))
  assert.ok(
    names.every((name) => /^master\.key(\.until-\w+)?(\.new)?$/.test(name)),
    names.join(),
  )
})
