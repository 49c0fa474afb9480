import { createRequire } from 'node:module'
import { setFlagsFromString } from 'node:v8'

type Parser = typeof import('@polyglot-sql/sdk', { with: { 'resolution-mode': 'require' } })

let parser: Promise<Parser> | undefined

/**
 * The borrowed parser. Its 22 MB of WebAssembly are compiled from the file, each function where it is first called: the
 * same package imported hands them to `fetch` first, which costs three times the CPU.
 */
export const loadParser = (): Promise<Parser> => (parser ??= load())

async function load(): Promise<Parser> {
  setFlagsFromString('--wasm-lazy-validation')
  const loaded: Parser = createRequire(import.meta.url)('@polyglot-sql/sdk')
  await loaded.init()
  return loaded
}
