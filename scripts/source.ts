/**
 * The project's own source, parsed: what the import check and the tidy test look at. Paths are
 * relative to the project's root and written with `/`. Nothing here knows a rule.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { parseSync, Visitor, type Comment, type Node, type Program } from 'oxc-parser'

export interface Source {
  readonly path: string
  readonly text: string
  readonly lines: number
  readonly program: Program
  readonly comments: readonly Comment[]
  /** The line, counted from 1, of an offset in `text`. */
  lineAt(offset: number): number
}

export interface Reference {
  readonly line: number
  /** `url` is a file started by its place: `new URL('./worker.ts', import.meta.url)`. */
  readonly kind: 'import' | 're-export' | 'dynamic import' | 'type import' | 'url'
  /** As written; undefined when it is not a literal text. */
  readonly specifier: string | undefined
  /** The file it names, relative to the root; undefined for packages, `node:` modules and no literal. */
  readonly target: string | undefined
}

export interface FunctionSpan {
  readonly name: string
  readonly line: number
  readonly lines: number
}

/** A file that runs only in tests: it ships nowhere. */
export const isTest = (path: string): boolean => path.endsWith('.test.ts')

/** Every file under `folder`, in the order of their paths. An absent folder has none. */
export function filesUnder(root: string, folder: string, ending = ''): string[] {
  let names: string[]
  try {
    names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
  return names
    .filter((name) => name.endsWith(ending) && /\.[\w]+$/.test(name))
    .map((name) => posix.join(folder, name.replaceAll('\\', '/')))
    .sort()
}

/** Every TypeScript file under `folder`, parsed. Throws with file and line where one does not parse. */
export function readSources(root: string, folder: string): Source[] {
  return filesUnder(root, folder, '.ts').map((path) =>
    parseSource(path, readFileSync(join(root, path), 'utf8')),
  )
}

export function parseSource(path: string, text: string): Source {
  const ends = [...text.matchAll(/\n/g)].map((match) => match.index)
  const lineAt = (offset: number): number => {
    const line = ends.findIndex((end) => offset <= end)
    return (line === -1 ? ends.length : line) + 1
  }
  const { program, comments, errors } = parseSync(path, text)
  const [error] = errors
  if (error !== undefined) {
    throw new Error(`${path}:${lineAt(error.labels[0]?.start ?? 0)}: ${error.message}`)
  }
  const lines = ends.length + (text.endsWith('\n') || text === '' ? 0 : 1)
  return { path, text, lines, program, comments, lineAt }
}

/** What a file refers to: imports, type imports, re-exports, dynamic imports, files started by URL. */
export function referencesOf(source: Source): Reference[] {
  const found: Reference[] = []
  const add = (kind: Reference['kind'], node: Node, from: Node): void => {
    const specifier =
      from.type === 'Literal' && typeof from.value === 'string' ? from.value : undefined
    const target =
      specifier !== undefined && /^\.\.?\//.test(specifier)
        ? posix.join(posix.dirname(source.path), specifier)
        : undefined
    found.push({ line: source.lineAt(node.start), kind, specifier, target })
  }
  new Visitor({
    ImportDeclaration: (node) =>
      add(node.importKind === 'type' ? 'type import' : 'import', node, node.source),
    ExportAllDeclaration: (node) => add('re-export', node, node.source),
    ExportNamedDeclaration: (node) => {
      if (node.source !== null) add('re-export', node, node.source)
    },
    ImportExpression: (node) => add('dynamic import', node, node.source),
    TSImportType: (node) => add('type import', node, node.source),
    NewExpression: (node) => {
      const [place, base] = node.arguments
      const isUrl = node.callee.type === 'Identifier' && node.callee.name === 'URL'
      if (!isUrl || place?.type !== 'Literal' || base?.type !== 'MemberExpression') return
      if (String(place.value).endsWith('.ts')) add('url', node, place)
    },
  }).visit(source.program)
  return found.sort((a, b) => a.line - b.line)
}

/** Every function, method and arrow function with its length, from its first line to its last. */
export function functionsIn(source: Source): FunctionSpan[] {
  const found: FunctionSpan[] = []
  const add = (node: Node, name: string): void => {
    const line = source.lineAt(node.start)
    found.push({ name, line, lines: source.lineAt(node.end) - line + 1 })
  }
  /** What stands before it on its line: `const name = `, `name: `, `  name` or `name(`. */
  const nameOf = (start: number): string => {
    const before = source.text.slice(source.text.lastIndexOf('\n', start - 1) + 1, start)
    const name = /\b(?:const|let) ([\w$]+)/.exec(before) ?? /([\w$#]+)[\s:=(]*$/.exec(before)
    return name?.[1] ?? 'a function'
  }
  new Visitor({
    FunctionDeclaration: (node) => add(node, node.id?.name ?? 'a function'),
    FunctionExpression: (node) => add(node, node.id?.name ?? nameOf(node.start)),
    ArrowFunctionExpression: (node) => add(node, nameOf(node.start)),
  }).visit(source.program)
  return found
}
