import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { randomFrom } from '../../test/random-from.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { AccessKeys, AuditLog, openMasterKey, policyOf } from './access.ts'

const policy = policyOf([{ project: '*', level: 'read' }])
const masterOf = (byte: number) =>
  openMasterKey('', { WEIR_MASTER_KEY: Buffer.alloc(32, byte).toString('base64') })
const entry = { source: '::1', requestId: 'r', action: 'weir:CreateKey', resource: '*' }

test('what is told to be kept is there after kill -9', { timeout: 60_000 }, async (t) => {
  const seed = Number(process.env['WEIR_SEED'] ?? 20261122)
  console.log(`seed ${seed}`)
  const next = randomFrom(seed)
  const file = join(temporaryFolder(t), 'access.db')
  const program = `
    import { DatabaseSync } from 'node:sqlite'
    import { AccessKeys, AuditLog, openMasterKey } from ${JSON.stringify(import.meta.resolve('./access.ts'))}
    const db = new DatabaseSync(${JSON.stringify(file)})
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    const keys = new AccessKeys(db, openMasterKey('', process.env))
    const audit = new AuditLog(db)
    for (let at = 1; ; at++) {
      const { id, secret } = keys.create({ name: 'k', policy: ${JSON.stringify(policy)} })
      audit.begin([{ ...${JSON.stringify(entry)}, at, keyId: id }])('ok')
      keys.caller(id)
      if (at % 5 === 0) keys.saveUses()
      process.stdout.write(id + ' ' + secret + '\\n')
    }`
  const kills = process.env['WEIR_LONG'] === undefined ? 4 : 50
  const told: string[] = []
  for (let kill = 0; kill < kills; kill++) {
    const env = { ...process.env, WEIR_MASTER_KEY: Buffer.alloc(32, 1).toString('base64') }
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    const wanted = 1 + next(40)
    child.stdout.on('data', (part: Buffer) => {
      text += part.toString()
      if (text.split('\n').length > wanted) child.kill('SIGKILL')
    })
    await once(child, 'close')
    told.push(...text.split('\n').slice(0, -1))
    const db = new DatabaseSync(file)
    const keys = new AccessKeys(db, masterOf(1))
    const ids = new Set(new AuditLog(db).list({ limit: 100_000 }).map(({ keyId }) => keyId))
    for (const line of told) {
      const [id = '', secret] = line.split(' ')
      assert.equal(keys.secretOf(id), secret)
      assert.ok(ids.has(id))
    }
    assert.ok(keys.list().length <= told.length + kill + 1)
    db.close()
  }
})

test('a changed master key: all secrets, or none', (t) => {
  const db = new DatabaseSync(join(temporaryFolder(t), 'access.db'))
  const keys = new AccessKeys(db, masterOf(1))
  const made = ['a', 'b'].map((name) => keys.create({ name, policy }))
  assert.throws(
    () =>
      keys.rewrap({
        open: () => '',
        seal(text, id) {
          if (id === made[1]!.id) throw new Error('broken')
          return masterOf(2).seal(text, id)
        },
      }),
    { message: 'broken' },
  )
  assert.equal(new AccessKeys(db, masterOf(1)).secretOf(made[0]!.id), made[0]!.secret)
  keys.rewrap(masterOf(2))
  const { id, secret } = keys.create({ name: 'c', policy, secret: 'given-elsewhere-1' })
  assert.equal(secret, 'given-elsewhere-1')
  const again = new AccessKeys(db, masterOf(2))
  for (const each of [...made, { id, secret }]) assert.equal(again.secretOf(each.id), each.secret)
  assert.throws(() => new AccessKeys(db, masterOf(1)), { code: 'MasterKeyInvalid' })
  db.close()
})

test('a secret of one key is none of another', () => {
  const db = new DatabaseSync(':memory:')
  const keys = new AccessKeys(db, masterOf(1))
  const [a, b] = [keys.create({ name: 'a', policy }), keys.create({ name: 'b', policy })]
  db.prepare(
    'UPDATE access_keys SET secret = (SELECT secret FROM access_keys WHERE id = ?) WHERE id = ?',
  ).run(a.id, b.id)
  assert.throws(() => new AccessKeys(db, masterOf(1)), { code: 'MasterKeyInvalid' })
})

test('tables of a newer version are left alone', () => {
  const db = new DatabaseSync(':memory:')
  db.exec('PRAGMA user_version = 5')
  assert.throws(() => new AuditLog(db), {
    code: 'DataDirInvalid',
    message: 'access.db is of version 5, made by a newer Weir',
  })
})

test('when a key was used is told at once, and kept when it is saved', () => {
  const db = new DatabaseSync(':memory:')
  let now = 1000
  const open = (): AccessKeys => new AccessKeys(db, masterOf(1), () => now)
  const keys = open()
  const { id } = keys.create({ name: 'a', policy })
  assert.equal(keys.get(id).usedAt, undefined)
  keys.caller(id)
  now = 1001
  keys.caller(id)
  assert.equal(keys.get(id).usedAt, 1001)
  assert.equal(open().get(id).usedAt, undefined)
  keys.change(id, { name: 'b' })
  assert.equal(keys.get(id).usedAt, 1001)
  keys.saveUses()
  assert.equal(open().get(id).usedAt, 1001)
  keys.change(id, { enabled: false })
  assert.throws(() => keys.caller(id), { code: 'Unauthorized' })
})

test('limits that are none are refused', () => {
  const keys = new AccessKeys(new DatabaseSync(':memory:'), masterOf(1))
  const limits = { requestsPerSecond: 5, bytesPerSecond: 1e6, bodyBytesMax: 1024 }
  const { id } = keys.create({ name: 'a', policy, limits })
  assert.deepEqual(keys.caller(id).limits, limits)
  for (const wrong of [{ requestsPerSecond: 0 }, { bytesPerSecond: -1 }, { bodyBytesMax: NaN }])
    assert.throws(() => keys.change(id, { limits: wrong }), {
      code: 'ParameterInvalid',
      place: `limits.${Object.keys(wrong)[0]}`,
    })
  assert.deepEqual(keys.get(id).limits, limits)
})

test('the audit log: what happened is not changed, and goes after its days, a part at a time', () => {
  const db = new DatabaseSync(':memory:')
  const audit = new AuditLog(db, 10)
  const day = 86_400_000
  for (let each = 0; each < 300; each++)
    audit.begin([{ ...entry, at: day + each, keyId: 'k', detail: `name ${each}` }])('ok')
  assert.throws(() => db.exec("UPDATE audit SET key_id = 'x'"), /what happened is not changed/)
  assert.equal(audit.list()[0]!.detail, 'name 299')
  const later = 12 * day
  const left = [100, 2, 3].map((expected, each) => {
    audit.begin([{ ...entry, at: later + each, keyId: 'k' }])('ok')
    return [audit.list().length, expected + (each === 0 ? 1 : 0)]
  })
  assert.deepEqual(
    left,
    left.map(([, expected]) => [expected, expected]),
  )
  assert.equal('detail' in audit.list()[0]!, false)
})

test('the master key file: a left-over is not taken, and what cannot be opened is said', (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'master.key')
  writeFileSync(`${file}.new`, 'half', { mode: 0o666 })
  openMasterKey(file, {})
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.match(readFileSync(file, 'utf8'), /^[A-Za-z0-9+/]{43}=\n$/)
  const wrong = { code: 'MasterKeyInvalid' }
  mkdirSync(join(folder, 'folder'), { mode: 0o700 })
  assert.throws(() => openMasterKey(join(folder, 'folder'), {}), wrong)
  assert.throws(() => openMasterKey(join(folder, 'none', 'master.key'), {}), wrong)
})
