import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { unixSeconds } from '../base/time.ts'
import { TopologyVersions } from './topology-versions.ts'

const versions = (): TopologyVersions => new TopologyVersions(new DatabaseSync(':memory:'))

/** sha256sum of the three letters. */
const sha256 = {
  one: '7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed',
  two: '3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3',
}

test('"each change is a new version with a time, kept"', () => {
  const kept = versions()
  assert.equal(kept.current(), undefined)
  assert.equal(kept.at(0), undefined)
  assert.deepEqual(kept.list(), [])
  const first = { number: 1, since: 100, file: 'a.yaml', sha256: sha256.one, by: undefined }
  assert.deepEqual(kept.add('one', 'a.yaml', unixSeconds(100)), { version: first, changed: true })
  assert.deepEqual(kept.add('one', 'b.yaml', unixSeconds(150)), { version: first, changed: false })
  const second = { number: 2, since: 200, file: 'a.yaml', sha256: sha256.two, by: undefined }
  assert.deepEqual(kept.add('two', 'a.yaml', unixSeconds(200)), { version: second, changed: true })
  // Back to what it was: in force again, from another time on.
  const third = { ...first, number: 3, since: 300 }
  assert.deepEqual(kept.add('one', 'a.yaml', unixSeconds(300)), { version: third, changed: true })
  assert.deepEqual(kept.current(), third)
  assert.deepEqual(kept.list(), [first, second, third])
  assert.deepEqual(
    [1, 2, 3, 4].map((number) => kept.textOf(number)),
    ['one', 'two', 'one', undefined],
  )
})

test('the version in force at a time; before the first one the first, said so', () => {
  const kept = versions()
  for (const [text, since] of [
    ['one', 100],
    ['two', 200],
  ] as const)
    kept.add(text, 'a.yaml', unixSeconds(since))
  const at = (time: number): string => {
    const found = kept.at(time)
    return `${found?.version.number}${found?.early === true ? ' early' : ''}`
  }
  assert.deepEqual([0, 99, 100, 199, 200, 9_999_999_999].map(at), [
    '1 early',
    '1 early',
    '1',
    '1',
    '2',
    '2',
  ])
})

test('a clock that goes back does not reorder versions; of one second the later counts', () => {
  const kept = versions()
  kept.add('one', 'a.yaml', unixSeconds(100))
  assert.equal(kept.add('two', 'a.yaml', unixSeconds(90)).version.since, 100)
  assert.equal(kept.at(100)?.version.number, 2)
})

test('whose change a version is; those of an earlier Weir are nobody’s', () => {
  const database = new DatabaseSync(':memory:')
  database.exec(`CREATE TABLE topology_versions (number INTEGER PRIMARY KEY, since INTEGER NOT NULL,
    file TEXT NOT NULL, sha256 TEXT NOT NULL, text TEXT NOT NULL) STRICT`)
  database.exec("INSERT INTO topology_versions VALUES (1, 100, 'a.yaml', 'x', 'one')")
  const kept = new TopologyVersions(database)
  kept.add('two', 'a.yaml', unixSeconds(200), 'anna')
  assert.deepEqual(
    new TopologyVersions(database).list().map(({ number, by }) => [number, by]),
    [
      [1, undefined],
      [2, 'anna'],
    ],
  )
})

test('versions survive a restart, and any text is kept as it is', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-versions-'))
  try {
    const text = '# ünïcode 一\r\n\tvpcs: []\n'
    const open = () => new DatabaseSync(join(folder, 'weir.db'))
    let database = open()
    new TopologyVersions(database).add(text, 'a.yaml', unixSeconds(100))
    database.close()
    database = open()
    const kept = new TopologyVersions(database)
    assert.equal(kept.textOf(1), text)
    assert.equal(kept.add(text, 'a.yaml', unixSeconds(200)).changed, false)
    database.close()
  } finally {
    rmSync(folder, { recursive: true })
  }
})
