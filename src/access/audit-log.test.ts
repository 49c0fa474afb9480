import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { access, keys, signed, startServer } from '../../test/api-server.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { AuditLog } from './access.ts'

const intent = {
  at: 1,
  keyId: 'k',
  source: '::1',
  requestId: 'r',
  action: 'log:DeleteProject',
  resource: 'project/a',
}
/** Some pages each, so that there is room for none once the pages are used up. */
const large = { ...intent, detail: 'x'.repeat(20_000) }

function open(t: TestContext) {
  const file = join(temporaryFolder(t), 'access.db')
  const db = new DatabaseSync(file)
  t.after(() => db.isOpen && db.close())
  return { file, db, audit: new AuditLog(db) }
}

/** From now on the database has so many pages more, as a disk has that is full. */
function leave(db: DatabaseSync, pages: number): void {
  const { page_count: used } = db.prepare('PRAGMA page_count').get() as { page_count: number }
  db.exec(`PRAGMA max_page_count = ${used + pages}`)
}

test('what cannot be written down is refused before it is done', (t) => {
  const { db, audit } = open(t)
  leave(db, 0)
  assert.throws(() => audit.begin([intent, large, large]), {
    code: 'StorageFull',
    message: 'it is not done, since it cannot be written to the audit log',
  })
  leave(db, 100)
  audit.begin([large])('ok')
  assert.deepEqual(
    audit.list().map(({ outcome }) => outcome),
    ['ok'],
    'nothing of the first',
  )
  assert.equal(audit.problem(), undefined)
})

test('an outcome that cannot be written is a problem until it is', (t) => {
  const { db, audit } = open(t)
  const ends = [audit.begin([large]), audit.begin([large, large])]
  leave(db, 0)
  ends[0]!('ok')
  ends[1]!('AccessDenied')
  assert.equal(audit.list().length, 0)
  assert.equal(
    audit.problem(),
    'the audit log cannot be written, changes are refused: database or disk is full',
  )
  leave(db, 100)
  assert.equal(audit.problem(), undefined)
  assert.deepEqual(
    audit.list().map(({ outcome }) => outcome),
    ['AccessDenied', 'AccessDenied', 'ok'],
  )
})

test('of a change whose server ended on the way the outcome is unknown', (t) => {
  const { file, db, audit } = open(t)
  audit.begin([intent])
  audit.begin([{ ...intent, at: 2 }])('ok')
  db.close()
  const next = new DatabaseSync(file)
  const entries = new AuditLog(next).list()
  assert.deepEqual(entries, [
    { ...intent, outcome: 'unknown' },
    { ...intent, at: 2, outcome: 'ok' },
  ])
  assert.deepEqual(new AuditLog(next).list(), entries)
  next.close()
})

test('over HTTP: a change is refused on a full disk, and an answer is not hidden by one', async (t) => {
  const { db, audit } = open(t)
  let isFull = true
  const gate = {
    ...access,
    audit,
    begin: () => {
      if (isFull) leave(db, 0)
      const end = audit.begin([large])
      leave(db, 0)
      return end
    },
    problems: () => [audit.problem()].filter((each) => each !== undefined),
  }
  const { url } = await startServer(t, { access: gate, problems: gate.problems })
  const create = async (name: string) => {
    const body = JSON.stringify({ name, permissions: [{ project: 'weir', level: 'read' }] })
    const headers = { 'content-type': 'application/json' }
    const answer = await signed(`${url}/weir/v1/keys`, { method: 'POST', headers, body })
    return [answer.status, (await answer.json()) as Record<string, string>] as const
  }
  const isMade = (name: string) => keys.list().some((each) => each.name === name)
  const [status, { code }] = await create('first')
  assert.deepEqual([status, code, isMade('first')], [507, 'StorageFull', false])
  isFull = false
  leave(db, 100)
  const [made, { id }] = await create('second')
  assert.equal(made, 200)
  assert.equal(keys.get(id!).name, 'second')
  const health = await fetch(`${url}/healthz`)
  assert.equal(health.status, 503)
  assert.match(await health.text(), /the audit log cannot be written, changes are refused/)
  leave(db, 100)
  assert.equal((await fetch(`${url}/healthz`)).status, 200)
  assert.deepEqual(
    audit.list().map(({ outcome }) => outcome),
    ['ok'],
  )
})
