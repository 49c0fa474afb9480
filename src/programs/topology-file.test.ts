import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, test } from 'node:test'
import { WeirError } from '../base/errors.ts'
import { createLog } from '../base/log.ts'
import { parseTopology, type Topology, TopologyVersions } from '../vpc/vpc.ts'
import { keepVersion, TopologyFile } from './topology-file.ts'

const vpc = (id: string): string => `vpcs: [ { id: ${id}, cidrs: [10.0.0.0/16] } ]\n`

let folder: string
let file: string
let taken: string[]
let lines: string[]
/** How far the clock is ahead of the file's times: far enough for them to be believed. */
let ahead: number

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-topology-'))
  file = join(folder, 'vpc.yaml')
  taken = []
  lines = []
  ahead = 60_000
  writeFileSync(file, vpc('one'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const log = createLog((line) => void lines.push(line.replace(/^\S+ /, '').trim()))
const effects = { lookMilliseconds: 5, now: () => Date.now() + ahead }
const names = ({ vpcs }: Topology): string => vpcs.map(({ id }) => id).join()

const watch = (
  changed: (topology: Topology, text: string) => void | Promise<void> = take,
): TopologyFile => new TopologyFile(file, vpc('one'), changed, log, effects)

function take(topology: Topology, text: string): void {
  assert.equal(text, vpc(names(topology)))
  taken.push(names(topology))
}

/** As an editor saves: another file in its place. */
function replace(text: string): void {
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}

test('a file that is written or replaced is taken once; what it was before is no change', async () => {
  const watched = watch()
  await watched.look()
  assert.deepEqual(taken, [])
  writeFileSync(file, vpc('two'))
  await watched.look()
  await watched.look()
  replace(vpc('six'))
  await watched.look()
  utimesSync(file, 1, 1) // touched, not changed
  await watched.look()
  replace(vpc('one'))
  await watched.look()
  assert.deepEqual(taken, ['two', 'six', 'one'])
  assert.equal(watched.problem(), undefined)
  assert.deepEqual(lines, [])
})

test('on failure the old one stays in force, and the fault is shown until the file is good', async () => {
  const watched = watch()
  const bad = 'vpcs: [ { id: one, cidr: 10.0.0.0/16 } ]\n'
  writeFileSync(file, bad)
  await watched.look()
  const problem = watched.problem() ?? ''
  assert.ok(problem.startsWith('the topology in force is an older one: TopologyInvalid: '), problem)
  assert.ok(problem.includes(`${file}:1:20: unknown key "cidr". Did you mean "cidrs"?`), problem)
  replace(bad) // another file, the same fault: logged once
  await watched.look()
  assert.equal(watched.problem(), problem)
  assert.equal(lines.length, 1)
  assert.ok(lines[0]!.startsWith('warn topology file not taken problem='), lines[0])
  replace('vpcs: x')
  await watched.look()
  assert.equal(lines.length, 2)
  assert.deepEqual(taken, [])
  replace(vpc('two'))
  await watched.look()
  assert.equal(watched.problem(), undefined)
  replace(bad) // a fault that came back is said again
  await watched.look()
  assert.equal(lines.length, 3)
  replace(vpc('two')) // what is in force already is no change, but no fault either
  await watched.look()
  assert.equal(watched.problem(), undefined)
  assert.deepEqual(taken, ['two'])
})

test('a file that is gone is a fault, until it is back', async () => {
  const watched = watch()
  rmSync(file)
  await watched.look()
  await watched.look()
  const problem = `the topology file ${file} cannot be read: ENOENT`
  assert.equal(watched.problem(), problem)
  assert.deepEqual(lines, [`warn topology file not taken problem="${problem}"`])
  replace(vpc('one'))
  await watched.look()
  assert.equal(watched.problem(), undefined)
  assert.deepEqual(taken, [])
})

test('what cannot be put in force is a fault of the file', async () => {
  const watched = watch(() => {
    throw new WeirError('TopologyInvalid', 'eth0 is the tap of a and b', { place: `${file}:1:1` })
  })
  writeFileSync(file, vpc('two'))
  await watched.look()
  assert.equal(
    watched.problem(),
    `the topology in force is an older one: TopologyInvalid: eth0 is the tap of a and b (${file}:1:1)`,
  )
})

test('a change that leaves no trace in the time and size of the file is seen while it is fresh', async () => {
  ahead = 0
  const watched = watch()
  writeFileSync(file, vpc('two'))
  const time = new Date()
  utimesSync(file, time, time)
  await watched.look()
  writeFileSync(file, vpc('six'))
  utimesSync(file, time, time)
  await watched.look()
  assert.deepEqual(taken, ['two', 'six'])
})

test('it looks by itself until it is stopped', async () => {
  const { promise, resolve } = Promise.withResolvers<string>()
  const watched = watch((topology) => resolve(names(topology)))
  watched.start()
  replace(vpc('two'))
  assert.equal(await promise, 'two')
  await watched.stop()
})

test('nothing is handed over once it is stopped, even when it was being read', async () => {
  const watched = watch()
  writeFileSync(file, vpc('two'))
  const looking = watched.look()
  await watched.stop()
  await looking
  assert.deepEqual(taken, [])
})

test('a topology kept as a version has its number and time', async () => {
  const versions = new TopologyVersions(new DatabaseSync(':memory:'))
  const keep = async (id: string, now: number): Promise<string> => {
    const topology = await parseTopology(vpc(id), 'vpc.yaml')
    const { version, loadedAt, vpcs } = keepVersion(versions, topology, vpc(id), now)
    return `${version} ${loadedAt} ${vpcs[0]!.id}`
  }
  assert.equal(await keep('one', 100.7), '1 100 one')
  assert.equal(await keep('one', 150), '1 100 one')
  assert.equal(await keep('two', 200), '2 200 two')
  assert.equal(versions.textOf(2), vpc('two'))
})
