/**
 * `npm run bench NAME`: runs bench/NAME.ts, with what stands after the name as its arguments. Without
 * a name it lists the benches, each with the first sentence of its header.
 */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '../bench')

const names = readdirSync(folder)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length))
  .sort()

/** The first sentence of a bench's header comment. */
function purposeOf(name: string): string {
  const header =
    /^\/\*\*(.*?)\*\//s.exec(readFileSync(join(folder, `${name}.ts`), 'utf8'))?.[1] ?? ''
  const text = header.replaceAll(/\s*\n \* ?/g, ' ').trim()
  return /^.*?[.:](?=\s|$)/s.exec(text)?.[0] ?? text
}

/** As the launcher starts a server: benches run its parts in their own process. */
const flags = ['--external-memory-accounted-in-global-limit']

const [name, ...args] = process.argv.slice(2)
if (name !== undefined && names.includes(name)) {
  const line = [...flags, join(folder, `${name}.ts`), ...args]
  const bench = spawn(process.execPath, line, { stdio: 'inherit' })
  bench.on('exit', (status) => {
    process.exitCode = status ?? 1
  })
} else {
  if (name !== undefined) console.error(`there is no bench ${name}`)
  console.log('npm run bench NAME')
  for (const each of names) console.log(`  ${each.padEnd(12)}${purposeOf(each)}`)
  process.exitCode = name === undefined ? 0 : 2
}
