/** Parts of `npm run test:clients`: a server of its own, and another's program that is held against it. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WeirServer } from '../test/weir-process.ts'

const programMilliseconds = 5 * 60_000

export interface Started {
  /** Names it `localhost`. */
  readonly url: string
  /** The same by address: what an http_proxy is. */
  readonly address: string
  readonly credentials: readonly [id: string, secret: string]
  readonly data: string
}

/** A server of its own, for as long as `during` takes. `more` is of its configuration. */
export async function served(
  during: (started: Started) => Promise<unknown>,
  more = 'sample: false\n',
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-test-clients-'))
  try {
    const config = join(folder, 'weir.yaml')
    writeFileSync(config, `capture: { enabled: false }\n${more}`)
    const data = join(folder, 'data')
    const args = ['--config', config, '--data', data, '--port', '0']
    await using server = await WeirServer.start(args, { milliseconds: 2 * programMilliseconds })
    const said = server.said('stdout')
    const [, id = '', secret = ''] = /shown this once: (\S+) (\S+)$/m.exec(said) ?? []
    const url = server.url.replace('127.0.0.1', 'localhost')
    await during({ url, address: server.url, credentials: [id, secret], data })
    await server.stop()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export const counts = { passed: 0, failed: 0 }

export async function part(
  name: string,
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  wanted = 0,
): Promise<string> {
  const began = performance.now()
  const output: Buffer[] = []
  const env = { ...process.env, ...environment }
  const child = spawn(program, args, { env, timeout: programMilliseconds })
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => output.push(chunk))
  const status = await new Promise((resolve) => child.on('close', resolve))
  const said = Buffer.concat(output).toString()
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(`${status === wanted ? 'ok    ' : 'FAILED'} ${name}, ${seconds} s`)
  console.log(said.trimEnd().replaceAll(/^/gm, '         '))
  counts[status === wanted ? 'passed' : 'failed']++
  return said
}
