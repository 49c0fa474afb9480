/**
 * What a reviewer should never have to say: the tests here read the source and the documents. A limit
 * that is broken on purpose is not raised; the code is cut where it falls apart by itself.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { basename, join, posix } from 'node:path'
import { suite, test } from 'node:test'
import { Visitor } from 'oxc-parser'
import {
  filesUnder,
  functionsIn,
  isTest,
  readSources,
  referencesOf,
  type Source,
} from './source.ts'

const root = join(import.meta.dirname, '..')
const functionLinesMax = 70
const fileLinesMax = 400
/** Places where the compiler or the linter is told to look away. This number only goes down. */
const escapesMax = 0

const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const source = readSources(root, 'src')
const everything = [
  ...source,
  ...['scripts', 'test', 'bench'].flatMap((at) => readSources(root, at)),
]
const product = source.filter(({ path }) => !isTest(path))
const code = new Map(everything.map((file) => [file, codeOf(file)]))

suite('source', () => {
  test(`a function has at most ${functionLinesMax} lines`, () => {
    const long = product.flatMap((file) =>
      functionsIn(file)
        .filter(({ lines }) => lines > functionLinesMax)
        .map(({ name, line, lines }) => `${file.path}:${line}: ${name} has ${lines} lines`),
    )
    none(long)
  })

  test(`a file has at most ${fileLinesMax} lines`, () => {
    const long = product.filter(({ lines }) => lines > fileLinesMax)
    none(long.map(({ path, lines }) => `${path} has ${lines} lines`))
  })

  test('every file is used by the product, from main.ts down', () => {
    const targets = new Map(product.map((file) => [file.path, referencesOf(file)]))
    const used = new Set<string>()
    const use = (path: string): void => {
      if (used.has(path)) return
      used.add(path)
      for (const { target } of targets.get(path) ?? []) if (target !== undefined) use(target)
    }
    use('src/main.ts')
    none(product.map(({ path }) => path).filter((path) => !used.has(path)))
  })

  test('names are kebab-case and say something', () => {
    const saysNothing = /^(utils?|helpers?|common|manager|services?|data|info)$/
    const bad = everything
      .map(({ path }) => path)
      .filter((path) => {
        const parts = path.replace(/(\.test)?\.ts$/, '').split('/')
        return parts.some(
          (part) => saysNothing.test(part) || !/^[a-z\d]+([-.][a-z\d]+)*$/.test(part),
        )
      })
    none(bad)
  })

  test('a type is named for what it is: no I before, no Impl after', () => {
    const bad: string[] = []
    for (const file of source) {
      const look = (name: string | undefined) => {
        if (name !== undefined && /^I[A-Z][a-z]|Impl$/.test(name)) bad.push(`${file.path}: ${name}`)
      }
      new Visitor({
        TSInterfaceDeclaration: (node) => look(node.id.name),
        TSTypeAliasDeclaration: (node) => look(node.id.name),
        ClassDeclaration: (node) => look(node.id?.name),
      }).visit(file.program)
    }
    none(bad)
  })

  test(`the compiler and the linter are told to look away ${escapesMax} times`, () => {
    const escapes = everything.flatMap((file) => [
      ...matches(file, code.get(file)!, /\bas any\b/g),
      ...matches(file, commentsOf(file), /oxlint-disable|eslint-disable|@ts-|biome-ignore/g),
    ])
    assert.ok(escapes.length <= escapesMax, escapes.join('\n'))
  })

  test('no test is left out or run alone by a leftover', () => {
    const leftovers = everything.flatMap((file) =>
      matches(
        file,
        code.get(file)!,
        /\b(test|it|suite|describe)\.(skip|only|todo)\(|\bonly: true/g,
      ),
    )
    none(leftovers)
  })
})

suite('documents', () => {
  const documents = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].concat(
    filesUnder(root, 'docs', '.md'),
  )

  test('the code map of ARCHITECTURE.md names the folders of src/, and no other', () => {
    const map = section(read('ARCHITECTURE.md'), 'Code map')
    const named = [...map.matchAll(/^\| `([\w-]+)\/` \|/gm)].map((match) => match[1]!)
    const paths = source.map(({ path }) => path.split('/')).filter(({ length }) => length > 2)
    const folders = [...new Set(paths.map((parts) => parts[1]!))]
    none([
      ...named.filter((name) => !folders.includes(name)).map((name) => `src/${name} is not there`),
      ...folders.filter((name) => !named.includes(name)).map((name) => `no line for src/${name}`),
    ])
  })

  test('every link leads somewhere', () => {
    const broken = documents.flatMap((path) =>
      linksOf(path)
        .filter(({ file, anchor }) => !leads(file, anchor))
        .map(({ text }) => `${path}: ${text}`),
    )
    none(broken)
  })

  test('every decision record is listed, and tells all four things', () => {
    const list = read('docs/decisions/README.md')
    const records = filesUnder(root, 'docs/decisions', '.md').filter((path) =>
      /\/\d{4}-/.test(path),
    )
    for (const path of records) {
      assert.ok(list.includes(`](${basename(path)})`), `${path} is not in docs/decisions/README.md`)
      for (const heading of ['Situation', 'Choice', 'Turned down', 'When to look again'])
        assert.ok(section(read(path), heading) !== '', `${path} has no "${heading}"`)
    }
  })

  test('every package we depend on has an exact version and a line that says why', () => {
    const manifest: Record<string, Record<string, string>> = JSON.parse(read('package.json'))
    const reasons = read('docs/decisions/0009-libraries-for-what-is-not-our-field.md')
    const packages = { ...manifest['dependencies'], ...manifest['devDependencies'] }
    for (const [name, version] of Object.entries(packages)) {
      assert.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, `${name} is not pinned: ${version}`)
      assert.ok(reasons.includes(`| \`${name}\` |`), `${name} has no line in decision 9`)
    }
  })

  test('the glossary has a word once, and src/ does not use what it sets aside', () => {
    const rows = [...read('docs/glossary.md').matchAll(/^\| \*\*(.+?)\*\* \|.*\|(.*)\|$/gm)]
    const words = rows.map((row) => row[1]!)
    assert.ok(words.length > 0, 'docs/glossary.md has no table of words')
    assert.deepEqual(words, [...new Set(words)])
    const edge = /^src\/(api|programs)\// // where other people's names are translated
    for (const [, word, instead] of rows) {
      for (const [, name] of instead!.matchAll(/`(\w+)`/g)) {
        const uses = product
          .filter(({ path }) => !edge.test(path))
          .flatMap((file) => matches(file, code.get(file)!, new RegExp(`\\b${name}`, 'gi')))
        none(uses.map((use) => `${use}: the word is "${word}"`))
      }
    }
  })

  test('continuous integration runs the test command that the README gives', () => {
    const command = /^npm ci && npm test\b/m
    assert.match(read('README.md'), command)
    assert.match(read('.ci/run'), command)
  })
})

/** Fails with the list of what should not be there. */
function none(found: readonly string[]): void {
  if (found.length > 0) assert.fail(`${found.length} found:\n${found.join('\n')}`)
}

/** Where `pattern` stands in `text`, which has the lines of `file`: `path:line: what`. */
function matches(file: Source, text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(
    (match) => `${file.path}:${file.lineAt(match.index)}: ${match[0]}`,
  )
}

function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, ' ')
}

/** The text without its comments and without the contents of literals, offsets kept. */
function codeOf(file: Source): string {
  const spans: { start: number; end: number }[] = [...file.comments]
  new Visitor({
    Literal: (node) => void spans.push(node),
    TemplateElement: (node) => void spans.push(node),
  }).visit(file.program)
  return spans.reduce(
    (text, { start, end }) =>
      text.slice(0, start) + blank(text.slice(start, end)) + text.slice(end),
    file.text,
  )
}

/** The text with nothing but its comments, offsets kept. */
function commentsOf(file: Source): string {
  let text = blank(file.text)
  for (const { start, end } of file.comments)
    text = text.slice(0, start) + file.text.slice(start, end) + text.slice(end)
  return text
}

/** What stands under a heading of a Markdown text, up to the next heading; empty when there is none. */
function section(text: string, heading: string): string {
  const parts = text.split(/^#+ (.+)$/m)
  const at = parts.indexOf(heading)
  return at === -1 ? '' : parts[at + 1]!.trim()
}

interface Link {
  readonly text: string
  readonly file: string
  readonly anchor: string
}

function linksOf(path: string): Link[] {
  return [...read(path).matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1]!)
    .filter((target) => !/^\w+:/.test(target))
    .map((target) => {
      const [file = '', anchor = ''] = target.split('#')
      const at = file === '' ? path : posix.join(posix.dirname(path), file)
      return { text: target, file: at, anchor }
    })
}

function leads(file: string, anchor: string): boolean {
  if (!existsSync(join(root, file))) return false
  if (anchor === '') return true
  const headings = [...read(file).matchAll(/^#+ (.+)$/gm)].map((match) => match[1]!)
  const anchors = headings.map((text) =>
    text
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(/\s/g, '-'),
  )
  return anchors.includes(anchor)
}
