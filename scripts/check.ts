/**
 * `npm run check`: types, lint, format, imports and tidiness, side by side. A part that is in order
 * is one line; one that is not prints all it has to say. The exit status is 0 when all are in order.
 */
import { spawn } from 'node:child_process'
import { delimiter, join } from 'node:path'

const root = join(import.meta.dirname, '..')
const binaries = join(root, 'node_modules/.bin')
const env = { ...process.env, PATH: `${binaries}${delimiter}${process.env['PATH'] ?? ''}` }

const parts = {
  types: ['tsc'],
  lint: ['oxlint', '--type-aware', '--deny-warnings'],
  format: ['oxfmt', '--check', '.'],
  imports: ['node', 'scripts/check-imports.ts'],
  tidy: ['node', '--test', 'scripts/tidy.test.ts'],
} as const

/** Runs one part and reports it. Resolves to whether it is in order. */
function run(name: string, [file, ...args]: readonly [string, ...string[]]): Promise<boolean> {
  return new Promise((resolve) => {
    const started = performance.now()
    const output: Buffer[] = []
    const child = spawn(file, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
    child.on('error', (error) => output.push(Buffer.from(`${file}: ${error.message}\n`)))
    child.on('close', (status) => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name.padEnd(8)}${seconds} s`)
      if (status !== 0) console.log(Buffer.concat(output).toString().trimEnd(), '\n')
      resolve(status === 0)
    })
  })
}

const results = await Promise.all(
  Object.entries(parts).map(([name, command]) => run(name, command)),
)
process.exitCode = results.every(Boolean) ? 0 : 1
