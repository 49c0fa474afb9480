/**
 * The import table: the architecture, as a table that is checked. A folder of src/ that is not a row,
 * or an import that its row does not name, fails `npm run check`. So does an import that reaches past
 * a folder's front file (`flow/flow.ts`), and any cycle. Why the rows are as they are:
 * docs/decisions/0001-one-package-and-an-import-table.md.
 *
 * Checked over all of src/: imports, type imports, re-exports, dynamic imports and files started by
 * URL. A test beside its source may import whatever it proves the source against.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isTest, readSources, referencesOf, type Reference, type Source } from './source.ts'

/** Read downwards: this is the order in which traffic becomes an answer. A row names rows above it. */
const folders = {
  base: [], // anything may use it, so it may use nothing
  record: ['base'], // the one noun that both sides of the wire share
  // from a wire to a logstore
  packet: ['base'], // decoding needs no account and no VPC
  vpc: ['base', 'record', 'packet'], // look-ups over packet headers
  flow: ['base', 'packet', 'vpc'], // keys and totals, no clock
  window: ['base', 'record', 'packet', 'vpc', 'flow'], // where time cuts packets into records
  sources: ['base', 'packet', 'flow', 'record'], // a wire in, packets or finished flows out
  ledger: ['base'], // what was seen, kept and lost; adds up, never captures
  delivery: ['base', 'record'], // speaks to any server, so it never imports logstore
  logstore: ['base'], // keeps logs, and has never heard of an ENI
  // from a question to an answer
  enrich: ['base'], // look-ups over files of addresses
  formats: ['base', 'record'], // text in, records out
  patterns: ['base'], // texts in, their templates out; knows no query
  query: ['base', 'record', 'logstore', 'enrich', 'patterns'], // reads through LogReader
  'log-group': ['base'], // the wire form of logs: bytes to columns and back
  'log-service': ['base', 'record', 'logstore', 'query'], // what a project keeps beside its logs
  jobs: ['base', 'logstore', 'query', 'enrich', 'log-service'], // what runs on a schedule and must resume
  analysis: ['base', 'record', 'logstore', 'query', 'jobs'], // named queries, no new engine
  // what a customer owns and pays
  'flow-log': ['base', 'record', 'vpc'], // says what to capture and keep; never captures
  // the capture side of a host, put together
  agent: [
    'base',
    'record',
    'packet',
    'vpc',
    'flow',
    'window',
    'sources',
    'delivery',
    'ledger',
    'flow-log',
  ], // threads, taps and accounts; knows no server
  billing: ['base'], // counts bytes it is told about
  access: ['base'], // who may do what; knows no resource
  // the edge
  lab: ['base'], // namespaces and generators; imports no product code
  sample: ['base', 'packet'], // a topology and packets to show; the write path makes the records
  api: [
    'base',
    'record',
    'vpc',
    'flow-log',
    'ledger',
    'logstore',
    'enrich',
    'query',
    'analysis',
    'log-group',
    'log-service',
    'jobs',
    'access',
    'billing',
  ], // sees every thing a customer has, and no stage of the capture
} as const

export const mayImport: Readonly<Record<string, readonly string[]>> = {
  ...folders,
  programs: Object.keys(folders), // where pieces meet, and nothing else happens
  'main.ts': ['base', 'programs'],
}

/** Folders whose files may be imported one by one; every other folder is its front file. */
export const openFolders = ['base', 'record', 'programs']

/** Folders that may reach past a front file. */
const reachingFolders = ['programs']

/** Imports that break the table on purpose. One that is no longer there fails the check too. */
export const debts: readonly Debt[] = []

export interface Debt {
  readonly from: string
  readonly to: string
  readonly reason: string
}

interface Edge extends Reference {
  readonly from: string
  readonly to: string
}

export interface Rules {
  readonly table: Readonly<Record<string, readonly string[]>>
  readonly open: readonly string[]
  readonly debts: readonly Debt[]
}

/** What is wrong in `root`/src, a line each: `FILE:LINE: what, and what is allowed`. */
export function checkImports(
  root: string,
  rules: Rules = { table: mayImport, open: openFolders, debts },
): string[] {
  const sources = readSources(root, 'src')
  const faults = [...checkFolders(sources, rules), ...checkFrontFiles(sources, rules)]
  const edges: Edge[] = []
  for (const source of sources) {
    for (const reference of referencesOf(source)) {
      const fault = checkReference(root, source.path, reference, rules)
      if (fault !== undefined) faults.push(`${source.path}:${reference.line}: ${fault}`)
      if (!isTest(source.path) && reference.target !== undefined) {
        edges.push({ ...reference, from: source.path, to: reference.target })
      }
    }
  }
  faults.push(
    ...checkDebts(edges, rules),
    ...cyclesOfFiles(edges),
    ...cyclesOfFolders(edges, rules),
  )
  return faults
}

/** `flow` of src/flow/flow.ts, `main.ts` of src/main.ts. */
const folderOf = (path: string): string => path.split('/')[1]!

const frontFileOf = (folder: string): string => `src/${folder}/${folder}.ts`

function checkFolders(sources: readonly Source[], { table }: Rules): string[] {
  const folders = new Set(sources.map((source) => folderOf(source.path)))
  return [...folders]
    .filter((folder) => !Object.hasOwn(table, folder) && !isTest(folder))
    .map((folder) => `src/${folder}: not in the import table of scripts/check-imports.ts`)
}

function checkFrontFiles(sources: readonly Source[], { open, table }: Rules): string[] {
  const faults: string[] = []
  const paths = new Map(sources.map((source) => [source.path, source]))
  const folders = new Set(sources.map((source) => folderOf(source.path)))
  for (const folder of folders) {
    if (open.includes(folder) || folder.endsWith('.ts') || !Object.hasOwn(table, folder)) continue
    const front = paths.get(frontFileOf(folder))
    if (front === undefined) {
      faults.push(`src/${folder}: has no front file ${frontFileOf(folder)}`)
      continue
    }
    if (front.comments[0]?.type !== 'Block' || front.comments[0].start !== 0) {
      faults.push(`${front.path}:1: a front file begins with a comment: what the folder is for`)
    }
    if (!front.program.body.some(isOwnCode)) {
      faults.push(`${front.path}:1: a front file holds code of its own, not only re-exports`)
    }
  }
  return faults
}

const isOwnCode = (statement: Source['program']['body'][number]): boolean =>
  statement.type !== 'ImportDeclaration' &&
  statement.type !== 'ExportAllDeclaration' &&
  (statement.type !== 'ExportNamedDeclaration' || statement.declaration !== null)

function checkReference(
  root: string,
  path: string,
  { specifier, target, kind }: Reference,
  { table, open, debts }: Rules,
): string | undefined {
  if (specifier === undefined) return `a ${kind} of what is not a literal cannot be checked`
  if (target === undefined) return undefined
  if (!existsSync(join(root, target))) return `${specifier} is not there`
  if (isTest(path)) return undefined
  if (!target.startsWith('src/')) return `${target} is outside src/`
  if (isTest(target)) return `${target} is a test; nothing imports a test`
  const [from, to] = [folderOf(path), folderOf(target)]
  if (from === to || debts.some((debt) => debt.from === path && debt.to === target))
    return undefined
  const allowed = table[from]
  if (allowed === undefined || !Object.hasOwn(table, to)) return undefined // said of the folder
  if (!allowed.includes(to)) {
    return `${from} may not import ${to} (${kind} of ${target}); it may import ${list(allowed)}`
  }
  const through = open.includes(to) || reachingFolders.includes(from)
  if (through || target === frontFileOf(to)) return undefined
  return `${from} reaches into ${to} (${kind} of ${target}); import ${frontFileOf(to)}`
}

const list = (names: readonly string[]): string =>
  names.length === 0 ? 'nothing' : names.join(', ')

function checkDebts(edges: readonly Edge[], { debts }: Rules): string[] {
  return debts
    .filter((debt) => !edges.some((edge) => edge.from === debt.from && edge.to === debt.to))
    .map((debt) => `${debt.from}: the debt to ${debt.to} is paid; strike it from the list`)
}

/** A file started by URL runs apart from the one that starts it, so it closes no cycle. */
function cyclesOfFiles(edges: readonly Edge[]): string[] {
  const line = (from: string, to: string): number =>
    edges.find((edge) => edge.from === from && edge.to === to)!.line
  return cyclesIn(edges.filter((edge) => edge.kind !== 'url')).map((cycle) => {
    const [first, second] = cycle
    return `${first}:${line(first!, second!)}: files import each other: ${cycle.join(' -> ')}`
  })
}

function cyclesOfFolders(edges: readonly Edge[], { table }: Rules): string[] {
  const between = edges
    .map((edge) => ({ from: folderOf(edge.from), to: folderOf(edge.to) }))
    .filter(({ from, to }) => from !== to && Object.hasOwn(table, from) && Object.hasOwn(table, to))
  return cyclesIn(between).map((cycle) => `src: folders import each other: ${cycle.join(' -> ')}`)
}

/**
 * One cycle for each edge that closes one: its nodes in order, from the first by name, which is
 * repeated at the end.
 */
function cyclesIn(edges: readonly { from: string; to: string }[]): string[][] {
  const next = new Map<string, Set<string>>()
  for (const { from, to } of edges) next.set(from, (next.get(from) ?? new Set()).add(to))
  const cycles: string[][] = []
  const done = new Set<string>()
  const visit = (node: string, path: string[]): void => {
    const at = path.indexOf(node)
    if (at !== -1) cycles.push(path.slice(at))
    if (at !== -1 || done.has(node)) return
    for (const to of next.get(node) ?? []) visit(to, [...path, node])
    done.add(node)
  }
  for (const node of next.keys()) visit(node, [])
  return cycles.map((cycle) => {
    const first = cycle.indexOf(cycle.toSorted()[0]!)
    return [...cycle.slice(first), ...cycle.slice(0, first + 1)]
  })
}

if (import.meta.main) {
  const faults = checkImports(join(import.meta.dirname, '..'))
  for (const fault of faults) console.error(fault)
  process.exitCode = faults.length === 0 ? 0 : 1
}
