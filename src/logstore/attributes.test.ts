import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openLogStore } from './logstore.ts'
import { ask, batchOf, temporaryFolder, testColumns } from '../../test/logstore-rows.ts'

const at = 1_767_322_800
const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9 }

async function opened(context: TestContext, folder: string, now = at) {
  const store = await openLogStore(folder, quiet, { now: () => now })
  context.after(() => store.close())
  return store
}

test('attributes are kept with their owner, by key, and go when it goes', async (context) => {
  const folder = temporaryFolder(context)
  const store = await opened(context, folder)
  for (const name of ['shop', 'other']) {
    store.createProject(name, { description: '' })
    store.createLogstore(name, 'log', { columns: testColumns, ttlDays: 7 })
  }
  const set = (project: string, logstore: string | undefined, entries: Record<string, unknown>) =>
    store.setAttributes(project, logstore, new Map(Object.entries(entries)))
  set('shop', undefined, { 'tag/b': [1, { x: null }], 'tag/a': '漢字', tag: 1, tah: true })
  set('shop', 'log', { 'tag/a': null, index: { keys: {} } })
  set('other', 'log', { index: 5 })
  assert.deepEqual(store.attributes('shop', undefined, 'tag/'), [
    { key: 'tag/a', value: '漢字' },
    { key: 'tag/b', value: [1, { x: null }] },
  ])
  assert.deepEqual(
    store.attributes('shop', undefined, '').map(({ key }) => key),
    ['tag', 'tag/a', 'tag/b', 'tah'],
  )
  assert.equal(store.attribute('shop', 'log', 'tag/a'), null)
  assert.equal(store.attribute('shop', 'log', 'tag'), undefined)
  set('shop', undefined, { tag: undefined, tah: undefined, 'tag/a': 2, nobody: undefined })
  await store.close()

  const again = await opened(context, folder)
  const all = () => again.attributes('shop', undefined, '')
  const kept = [
    { key: 'tag/a', value: 2 },
    { key: 'tag/b', value: [1, { x: null }] },
  ]
  assert.deepEqual(all(), kept)
  const bad = (...entries: [string, unknown][]) =>
    assert.throws(() => again.setAttributes('shop', undefined, new Map(entries)), {
      code: 'ParameterInvalid',
    })
  bad(['new', 1], ['', 1])
  bad(['new', 1], ['fine', () => 1])
  bad(['new', 1], ['fine', 1n])
  assert.deepEqual(all(), kept, 'all changes or none')
  assert.throws(() => again.attribute('nope', undefined, 'x'), { code: 'ProjectNotExist' })
  assert.throws(() => again.attributes('shop', 'nope', ''), { code: 'LogStoreNotExist' })
  await again.deleteLogstore('shop', 'log')
  await again.deleteProject('other')
  again.createLogstore('shop', 'log', { columns: testColumns, ttlDays: 7 })
  again.createProject('other', { description: '' })
  assert.deepEqual(again.attributes('shop', 'log', ''), [])
  assert.deepEqual(all(), kept)
  const db = new DatabaseSync(join(folder, 'catalogue.db'))
  assert.deepEqual(db.prepare('SELECT count(*) AS n FROM attributes').get()?.['n'], 2)
  assert.deepEqual(db.prepare('SELECT count(*) AS n FROM shards').get()?.['n'], 1)
  db.close()
})

test('a change of a project or a logstore has its time', async (context) => {
  const folder = temporaryFolder(context)
  const store = await opened(context, folder)
  store.createProject('shop', { description: 'one', labels: { a: 'b' } })
  store.createLogstore('shop', 'log', { columns: testColumns, ttlDays: 7 })
  await store.close()
  const later = await opened(context, folder, at + 60)
  later.updateProject('shop', { description: 'two' })
  later.updateTtl('shop', 'log', 8)
  const [project] = later.projects()
  assert.deepEqual(project, {
    name: 'shop',
    description: 'two',
    labels: { a: 'b' },
    createdAt: at,
    updatedAt: at + 60,
  })
  const [logstore] = later.logstores('shop')
  assert.deepEqual([logstore?.createdAt, logstore?.updatedAt], [at, at + 60])
  assert.throws(() => later.updateProject('nope', { description: '' }), { code: 'ProjectNotExist' })
})

/** The tables as the first Weir made them; nothing here may change. */
const version1 = `
  CREATE TABLE projects (
    name TEXT PRIMARY KEY, description TEXT NOT NULL, labels TEXT NOT NULL, created_at REAL NOT NULL
  ) STRICT;
  CREATE TABLE logstores (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL REFERENCES projects (name), name TEXT NOT NULL,
    columns TEXT NOT NULL, sort_by TEXT NOT NULL, ttl_days INTEGER NOT NULL, created_at REAL NOT NULL,
    covered INTEGER NOT NULL DEFAULT 0, UNIQUE (project, name)
  ) STRICT;
  CREATE TABLE segments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, logstore INTEGER NOT NULL REFERENCES logstores (id),
    path TEXT NOT NULL UNIQUE, hour INTEGER NOT NULL, level INTEGER NOT NULL,
    rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
    time_min INTEGER NOT NULL, time_max INTEGER NOT NULL, sums TEXT NOT NULL, came_by REAL NOT NULL
  ) STRICT;
  CREATE INDEX segments_by_hour ON segments (logstore, hour);
  CREATE TABLE delivered (
    logstore INTEGER NOT NULL REFERENCES logstores (id), flow_log TEXT NOT NULL, run TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (logstore, flow_log, run, first)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE pending_deletes (path TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE log_state (covered_through INTEGER NOT NULL) STRICT;
  INSERT INTO log_state VALUES (0);
  PRAGMA user_version = 1; PRAGMA application_id = 0x57454952;
`

test('a data directory of version 1 is brought up, with all its rows', async (context) => {
  const donor = temporaryFolder(context)
  const made = await opened(context, donor)
  made.createProject('shop', { description: 'old' })
  made.createLogstore('shop', 'log', { columns: testColumns, ttlDays: 7, sortBy: ['eni-id'] })
  await made.append('shop', 'log', batchOf([[at, 'a', 1, null]]), {
    id: { flowLog: 'fl', run: 'r', number: 3 },
  })
  await made.close()
  mkdirSync(join(donor, 'old'))
  const old = new DatabaseSync(join(donor, 'old.db'))
  old.exec(version1)
  old.exec(`ATTACH '${join(donor, 'catalogue.db')}' AS now`)
  for (const table of ['projects', 'logstores', 'segments', 'delivered']) {
    const names = old
      .prepare(`SELECT group_concat(name, ', ') AS n FROM pragma_table_info('${table}')`)
      .get()?.['n']
    old.exec(`INSERT INTO ${table} SELECT ${String(names)} FROM now.${table}`)
  }
  old.exec(
    'UPDATE main.log_state SET covered_through = (SELECT covered_through FROM now.log_state)',
  )
  old.exec('DETACH now')
  old.exec(`VACUUM INTO '${join(donor, 'old', 'catalogue.db')}'`)
  old.close()
  rmSync(join(donor, 'catalogue.db'))
  renameSync(join(donor, 'old', 'catalogue.db'), join(donor, 'catalogue.db'))

  const store = await opened(context, donor, at - 5) // the clock is behind what was received
  const select = 'SELECT "eni-id", bytes FROM log ORDER BY bytes'
  assert.deepEqual(await ask(store, 'shop', 'log', select), [['a', 1]])
  const [logstore] = store.logstores('shop')
  assert.deepEqual(logstore, {
    name: 'log',
    columns: testColumns,
    ttlDays: 7,
    sortBy: ['eni-id'],
    openColumns: false,
    createdAt: at,
    updatedAt: at,
  })
  assert.deepEqual(store.shards('shop', 'log'), [
    {
      id: 0,
      status: 'readwrite',
      beginKey: '0'.repeat(32),
      endKey: 'f'.repeat(32),
      createdAt: at,
      readonlyAt: undefined,
    },
  ])
  const id = { flowLog: 'fl', run: 'r', number: 3 }
  const again = await store.append('shop', 'log', batchOf([[at, 'a', 1, null]]), { id })
  assert.deepEqual(again, { stored: false })
  await store.append('shop', 'log', batchOf([[at, 'b', 2, null]]))
  const times = 'SELECT __receive_time__ FROM log ORDER BY 1'
  assert.deepEqual(await ask(store, 'shop', 'log', times), [[at], [at]])
  const lease = await store.leaseReceived('shop', 'log', 0, 1)
  lease.release()
  assert.equal(lease.files.length, 1, 'when the first row of an old segment came is not known')
  store.setAttributes('shop', 'log', new Map([['x', 1]]))
  assert.equal(store.attribute('shop', 'log', 'x'), 1)
})
