/**
 * `npm test`: every test of the project under Node's own runner, one file after another.
 *
 *     npm test                                 all
 *     npm test -- packet query/split           files whose path holds one of these words
 *     npm test -- --test-name-pattern=NODATA   what begins with a dash goes to Node
 *     npm run test:long                        the same tests and seeds, large counts
 *
 * First come the things this machine cannot run, a line each; the tests that need them skip
 * themselves and say so again.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { filesUnder } from './source.ts'

const root = join(import.meta.dirname, '..')

/** A test that hangs fails after this long. The long run has tests that take longer. */
const timeoutMilliseconds = 10 * 60 * 1000

/** What cannot run here and why. */
function whatCannotRun(): string[] {
  const lines: string[] = []
  if (process.platform !== 'linux') {
    lines.push(`live capture is tested on Linux only, and this is ${process.platform}`)
  } else if (process.getuid?.() !== 0) {
    lines.push('live capture needs network namespaces, and so root')
  }
  if (!existsSync(join(root, '../shared'))) {
    lines.push('conformance against ../shared needs that folder beside the checkout')
  }
  const script = join(root, 'scripts/install-debian.sh')
  const missing = spawnSync(script, ['--missing', 'test'], { encoding: 'utf8' })
  if (missing.status !== 0)
    lines.push(`${script} failed: ${missing.error?.message ?? missing.stderr}`)
  for (const name of missing.stdout?.split('\n') ?? []) {
    if (name !== '') lines.push(`what needs ${name} (scripts/install-debian.sh test installs it)`)
  }
  return lines
}

const options = process.argv.slice(2).filter((word) => word.startsWith('-'))
const words = process.argv.slice(2).filter((word) => !word.startsWith('-'))
const files = ['src', 'scripts', 'test']
  .flatMap((folder) => filesUnder(root, folder, '.test.ts'))
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))

if (files.length === 0) {
  console.error(`no test file has one of these words in its path: ${words.join(' ')}`)
  process.exit(1)
}
for (const line of whatCannotRun()) console.log(`skipped here: ${line}`)

/** Where the launcher keeps it too: each test file is a process, and most load the same sources. */
const compileCache = join(root, 'node_modules/.cache/weir')

const long = process.env['WEIR_LONG'] === '1'
const limits = long ? [] : [`--test-timeout=${timeoutMilliseconds}`]
const runner = spawn(
  process.execPath,
  ['--test', '--test-concurrency=1', ...limits, ...options, ...files],
  {
    cwd: root,
    stdio: 'inherit',
    env: { NODE_COMPILE_CACHE: compileCache, ...process.env },
  },
)
runner.on('exit', (status) => {
  process.exitCode = status ?? 1
})
