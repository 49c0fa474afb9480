/** The instructions that are shipped are those of the C sources. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { bpfSources, compile, compilerVersion, sha256 } from '../../scripts/build-bpf.ts'
import { frameGeneratorProgram } from '../../bench/run/frame-generator-program.ts'
import { familyFilterProgram } from './family-filter-program.ts'
import { tcxProgram } from './tcx-program.ts'

const root = join(import.meta.dirname, '../..')
const shipped = [tcxProgram, familyFilterProgram, frameGeneratorProgram]
const compiler = compilerVersion()

test('every program is looked at here', () => {
  assert.deepEqual(
    shipped.map(({ source }) => source),
    bpfSources.map(({ name }) => `${name}.bpf.c`),
  )
})

for (const [i, program] of shipped.entries()) {
  const path = join(root, bpfSources[i]!.folder, program.source)
  test(`${program.source} has not changed since it was compiled (node scripts/build-bpf.ts)`, () => {
    assert.equal(sha256(readFileSync(path, 'utf8')), program.sourceSha256)
  })

  const other = compiler !== program.compiler && `not run: needs ${program.compiler}`
  test(`${program.source} compiles to what is shipped`, { skip: other }, () => {
    assert.deepEqual(compile(path), program)
  })
}
