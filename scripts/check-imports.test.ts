import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { checkImports, mayImport, type Debt } from './check-imports.ts'

const table = { base: [], packet: ['base'], flow: ['base', 'packet'], programs: ['packet', 'flow'] }
const front = (code: string): string => `/** What the folder is for. */\n${code}\n`
const packet = { 'src/packet/packet.ts': front('export const a = 1') }
const flow = { 'src/flow/flow.ts': front('export const b = 2') }

/** What the check says of a tree of `files`, by their paths. */
function faultsOf(files: Record<string, string>, debts: readonly Debt[] = []): string[] {
  const root = mkdtempSync(join(tmpdir(), 'weir-imports-'))
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    return checkImports(root, { table, open: ['base', 'programs'], debts })
  } finally {
    rmSync(root, { recursive: true })
  }
}

test('the real tree keeps to the table', () => {
  assert.deepEqual(checkImports(join(import.meta.dirname, '..')), [])
})

test('the table reads downwards: a row names only rows above it', () => {
  const rows = Object.keys(mayImport)
  for (const [folder, allowed] of Object.entries(mayImport)) {
    for (const other of allowed) {
      assert.ok(rows.indexOf(other) >= 0, `${folder} names ${other}, which is no row`)
      assert.ok(rows.indexOf(other) < rows.indexOf(folder), `${folder} names ${other} below it`)
    }
  }
})

test('a tree that keeps to its table has no fault', () => {
  const files = {
    'src/base/time.ts': 'export const now = 1\n',
    ...packet,
    'src/flow/flow.ts': front(
      "import { now } from '../base/time.ts'\nimport { a } from '../packet/packet.ts'\nexport const b = a + now",
    ),
    'src/programs/start.ts':
      "import { b } from '../flow/flow.ts'\nimport { c } from '../packet/pcap.ts'\nexport const d = b + c\n",
    'src/packet/pcap.ts': 'export const c = 1\n',
  }
  assert.deepEqual(faultsOf(files), [])
})

test('an edge that is not in the table fails, however it is written', () => {
  const says = (line: number, kind: string) =>
    `src/packet/packet.ts:${line}: packet may not import flow (${kind} of src/flow/flow.ts); it may import base`
  const fails = (code: string, kind: string) =>
    assert.deepEqual(
      faultsOf({ 'src/packet/packet.ts': front(`export const a = 1\n${code}`), ...flow }),
      [says(3, kind)],
      code,
    )
  fails("import type { B } from '../flow/flow.ts'", 'type import')
  fails("export type T = import('../flow/flow.ts').B", 'type import')
  fails("import { b } from '../flow/flow.ts'", 'import')
  fails("export { b } from '../flow/flow.ts'", 're-export')
  fails("export * from '../flow/flow.ts'", 're-export')
  fails("export const b = await import('../flow/flow.ts')", 'dynamic import')
  fails("export const w = new URL('../flow/flow.ts', import.meta.url)", 'url')
})

test('an import past a front file fails', () => {
  const files = {
    ...packet,
    'src/packet/pcap.ts': 'export const c = 1\n',
    'src/flow/flow.ts': front("import { c } from '../packet/pcap.ts'\nexport const b = c"),
  }
  assert.deepEqual(faultsOf(files), [
    'src/flow/flow.ts:2: flow reaches into packet (import of src/packet/pcap.ts); import src/packet/packet.ts',
  ])
})

test('a cycle of files fails, type imports counted', () => {
  const files = {
    'src/packet/packet.ts': front("import { c } from './pcap.ts'\nexport const a = c"),
    'src/packet/pcap.ts': "import type { A } from './packet.ts'\nexport const c = 1\n",
  }
  assert.deepEqual(faultsOf(files), [
    'src/packet/packet.ts:2: files import each other: src/packet/packet.ts -> src/packet/pcap.ts -> src/packet/packet.ts',
  ])
})

test('a cycle of folders fails even where every edge of it is a debt', () => {
  const files = {
    'src/packet/packet.ts': front("import { d } from '../flow/key.ts'\nexport const a = d"),
    'src/flow/flow.ts': front("import { a } from '../packet/packet.ts'\nexport const b = a"),
    'src/flow/key.ts': 'export const d = 1\n',
  }
  const debt = { from: 'src/packet/packet.ts', to: 'src/flow/key.ts', reason: 'a test' }
  assert.deepEqual(faultsOf(files, [debt]), [
    'src: folders import each other: flow -> packet -> flow',
  ])
})

test('a folder without a row fails, whatever it imports', () => {
  assert.deepEqual(faultsOf({ 'src/utils/text.ts': 'export const a = 1\n' }), [
    'src/utils: not in the import table of scripts/check-imports.ts',
  ])
})

test('a front file that is absent, without a header or without code fails', () => {
  const faults = (files: Record<string, string>) => faultsOf(files)
  assert.deepEqual(faults({ 'src/flow/key.ts': 'export const a = 1\n' }), [
    'src/flow: has no front file src/flow/flow.ts',
  ])
  assert.deepEqual(faults({ 'src/flow/flow.ts': 'export const a = 1\n' }), [
    'src/flow/flow.ts:1: a front file begins with a comment: what the folder is for',
  ])
  const barrel = front("export * from './key.ts'\nexport { a } from './key.ts'")
  assert.deepEqual(
    faults({ 'src/flow/flow.ts': barrel, 'src/flow/key.ts': 'export const a = 1\n' }),
    ['src/flow/flow.ts:1: a front file holds code of its own, not only re-exports'],
  )
})

test('what cannot be followed fails: no literal, no such file, outside src, a test', () => {
  const fails = (code: string, says: string) =>
    assert.deepEqual(
      faultsOf({
        'src/flow/flow.ts': front(`export const b = 2\n${code}`),
        'src/flow/flow.test.ts': '',
        'test/random.ts': '',
      }),
      [`src/flow/flow.ts:3: ${says}`],
    )
  fails(
    "export const c = await import('../' + b)",
    'a dynamic import of what is not a literal cannot be checked',
  )
  fails("import './absent.ts'", './absent.ts is not there')
  fails("import '../../test/random.ts'", 'test/random.ts is outside src/')
  fails("import './flow.test.ts'", 'src/flow/flow.test.ts is a test; nothing imports a test')
})

test('a test beside its source may import what it proves the source against', () => {
  const test = "import { c } from '../packet/pcap.ts'\nimport '../../test/random.ts'\n"
  const files = {
    'src/base/time.test.ts': test,
    ...packet,
    'src/packet/pcap.ts': 'export const c = 1\n',
    'test/random.ts': '',
  }
  assert.deepEqual(faultsOf(files), [])
})

test('a debt lets one import pass and fails once it is paid', () => {
  const debt = { from: 'src/packet/packet.ts', to: 'src/flow/flow.ts', reason: 'a test' }
  const debtor = {
    'src/packet/packet.ts': front("export { b } from '../flow/flow.ts'\nexport const a = 1"),
  }
  assert.deepEqual(faultsOf({ ...debtor, ...flow }, [debt]), [])
  assert.deepEqual(faultsOf({ ...packet, ...flow }, [debt]), [
    'src/packet/packet.ts: the debt to src/flow/flow.ts is paid; strike it from the list',
  ])
})
