/** The shipped instructions are those of the C sources beside them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { bpfSources, compile, compilerVersion, sha256 } from '../../scripts/build-bpf.ts'
import { familyFilterProgram } from './family-filter-program.ts'
import { tcxProgram } from './tcx-program.ts'

const here = import.meta.dirname
const shipped = [tcxProgram, familyFilterProgram]
const compiler = compilerVersion()

test('every program of this folder is looked at here', () => {
  const own = bpfSources.filter(({ folder }) => folder === 'src/sources')
  assert.deepEqual(
    shipped.map(({ source }) => source),
    own.map(({ name }) => `${name}.bpf.c`),
  )
})

for (const program of shipped) {
  test(`${program.source} has not changed since it was compiled (node scripts/build-bpf.ts)`, () => {
    assert.equal(sha256(readFileSync(join(here, program.source), 'utf8')), program.sourceSha256)
  })

  const other = compiler !== program.compiler && `not run: needs ${program.compiler}`
  test(`${program.source} compiles to what is shipped`, { skip: other }, () => {
    assert.deepEqual(compile(join(here, program.source)), program)
  })
}
