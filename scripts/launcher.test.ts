import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, test } from 'node:test'

const root = join(import.meta.dirname, '..')
const installedNode = join(root, 'node_modules/node')

/** Stands where Weir's main.ts does: tells how it was started, and ends as it is told to. */
const program = `
const argv: string[] = process.argv.slice(2)
if (argv[0] === 'exit') process.exitCode = Number(argv[1])
if (argv[0] === 'stop') process.on('SIGTERM', () => process.exit(7))
if (argv[0] === 'stop' || argv[0] === 'wait') setInterval(() => {}, 1000)
console.log(JSON.stringify({ major: parseInt(process.versions.node), pid: process.pid, argv }))
`

/** A checkout with the real launcher and the program above; `npm ci` was run in it or was not. */
function checkout(parts: { packages: boolean; node: boolean }): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-launcher-'))
  after(() => rmSync(folder, { recursive: true }))
  cpSync(join(root, 'bin'), join(folder, 'bin'), { recursive: true })
  mkdirSync(join(folder, 'src'))
  writeFileSync(join(folder, 'src/main.ts'), program)
  const manifest = { name: 'weir', version: '0.0.0', type: 'module', bin: { weir: 'bin/weir' } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  if (parts.packages) mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true })
  if (parts.node) symlinkSync(installedNode, join(folder, 'node_modules/node'))
  return folder
}

interface Ending {
  readonly status: number | string | null
  readonly out: string
  readonly err: string
}

function run(file: string, args: readonly string[], cwd: string): Promise<Ending> {
  return new Promise((resolve) => {
    execFile(file, args, { cwd, encoding: 'utf8' }, (error, out, err) =>
      resolve({ status: error === null ? 0 : (error.code ?? null), out, err }),
    )
  })
}

/** Starts a command, waits for its first output, sends `signal` and says how it ended. */
async function signalled(file: string, args: readonly string[], signal: NodeJS.Signals) {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  child.kill(signal)
  const [status, killedBy] = await once(child, 'exit')
  return { status, killedBy }
}

/** The machine's own Node, where it is older than the one Weir needs. */
const oldNode = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'node'))
  .filter((file) => existsSync(file))
  .find((file) => parseInt(execFileSync(file, ['--version'], { encoding: 'utf8' }).slice(1)) < 24)
const withOldNode = { skip: oldNode === undefined && 'no Node older than 24 on the path' }

const complete = checkout({ packages: true, node: true })
const launcher = join(complete, 'bin/weir')

test('started as a command, through a link and by npx, it runs under the pinned Node', async () => {
  const link = join(complete, 'node_modules/.bin/weir')
  symlinkSync('../../bin/weir', link)
  const ways: [string, string[]][] = [
    [launcher, []],
    [link, []],
    ['npx', ['weir']],
  ]
  for (const [file, args] of ways) {
    const { status, out } = await run(file, [...args, 'exit', '3', 'two words'], complete)
    const { major, argv } = JSON.parse(out)
    assert.deepEqual(
      { file, status, major, argv },
      { file, status: 3, major: 24, argv: ['exit', '3', 'two words'] },
    )
  }
})

test('a new enough Node goes on in its own process, and so does the command', async () => {
  for (const [file, args] of [
    [process.execPath, [launcher]],
    [launcher, []],
  ] as const) {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const [first] = await once(child.stdout.setEncoding('utf8'), 'data')
    assert.equal(JSON.parse(first).pid, child.pid)
  }
})

test('an old Node hands over, and passes on the exit status', withOldNode, async () => {
  const { status, out } = await run(oldNode!, [launcher, 'exit', '5'], complete)
  assert.equal(status, 5)
  assert.equal(JSON.parse(out).major, 24)
})

test('an old Node passes signals on, and ends as the program did', withOldNode, async () => {
  assert.deepEqual(await signalled(oldNode!, [launcher, 'stop'], 'SIGTERM'), {
    status: 7,
    killedBy: null,
  })
  assert.deepEqual(await signalled(oldNode!, [launcher, 'wait'], 'SIGTERM'), {
    status: null,
    killedBy: 'SIGTERM',
  })
})

test('an old Node without the pinned one says in one line what to do', withOldNode, async () => {
  const bare = checkout({ packages: false, node: false })
  const version = execFileSync(oldNode!, ['--version'], { encoding: 'utf8' }).trim()
  assert.deepEqual(await run(oldNode!, [join(bare, 'bin/weir'), 'start'], bare), {
    status: 1,
    out: '',
    err: `weir: needs Node 24 and this is ${version}: run npm ci in ${bare}\n`,
  })
})

test('a new Node without packages says in one line what to do', async () => {
  const bare = checkout({ packages: false, node: false })
  assert.deepEqual(await run(process.execPath, [join(bare, 'bin/weir'), 'start'], bare), {
    status: 1,
    out: '',
    err: `weir: its packages are not installed: run npm ci in ${bare}\n`,
  })
})
