/**
 * `npm run test:clients`: the log service's Python SDK with its consumer library, and its command line, against a started
 * server, and Terraform with its provider. They are installed at pinned versions, the first in a virtual environment of
 * their own, below the user's cache folder. What this machine lacks is one line, and nothing is run.
 *
 * Names: an http_proxy that is the server itself needs none to resolve; where names below localhost do, the same is done
 * without it, and over TLS.
 */
import { spawnSync } from 'node:child_process'
import { lookup } from 'node:dns/promises'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { terraformFolder, terraformTools } from './terraform-tools.ts'
import { ownExample, terraformExample } from './test-terraform.ts'
import { counts, part, served, type Started } from './client-parts.ts'

const root = join(import.meta.dirname, '..')
const programs = join(root, 'test/python')
const packages = ['aliyun-log-python-sdk==0.9.47', 'aliyun-log-cli==0.2.10', 'zstd==1.5.7.2']
const installMilliseconds = 10 * 60_000

/** @returns the environment's Python, or why there is none */
function install(): { readonly python: string } | { readonly missing: string } {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  const folder = join(cache, 'weir-python-clients')
  const python = join(folder, 'bin/python')
  const done = join(folder, 'installed')
  const wanted = packages.join('\n')
  if (existsSync(done) && readFileSync(done, 'utf8') === wanted) return { python }
  rmSync(folder, { recursive: true, force: true })
  const run = (file: string, ...args: string[]): string | undefined => {
    const { status, error, stderr, stdout } = spawnSync(file, args, {
      encoding: 'utf8',
      timeout: installMilliseconds,
    })
    if (status === 0) return undefined
    return error?.message ?? `${stderr}\n${stdout}`.trim().split('\n').at(-1) ?? ''
  }
  const failed =
    run('python3', '-m', 'venv', folder) ??
    run(python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages)
  if (failed !== undefined) return { missing: failed }
  writeFileSync(done, wanted)
  return { python }
}

const noProxy = { no_proxy: '*', NO_PROXY: '*', http_proxy: '', HTTP_PROXY: '', https_proxy: '' }
const proxyTo = (address: string) => ({
  ...noProxy,
  no_proxy: '',
  NO_PROXY: '',
  http_proxy: address,
})

/** The README's program, over the project and logstore that its program for Node makes. */
const readme = (python: string) =>
  served(async ({ url, address, credentials: [id, secret] }) => {
    const text = readFileSync(join(root, 'README.md'), 'utf8')
    const [, node = ''] = /^```js\n([^]*?)^```$/m.exec(text) ?? []
    const [, program = ''] = /^```python\n([^]*?)^```$/m.exec(text) ?? []
    const env = { ...proxyTo(address), WEIR_ACCESS_KEY_ID: id, WEIR_ACCESS_KEY_SECRET: secret }
    const hook = join(root, 'test/names-of-localhost.ts')
    const made = ['--import', hook, '--input-type=module', '--eval', node]
    const endpoint = { ...env, WEIR_ENDPOINT: new URL(url).host }
    await part('the README’s program for Node', process.execPath, made, endpoint)
    const name = 'the README’s program for Python'
    const said = await part(name, python, ['-c', program], { ...env, WEIR_ENDPOINT: url })
    if (said === '10.0.0.1 1500\n10.0.0.2 4000\n') return
    console.log('FAILED it said something else')
    counts.failed++
  })

const clients = [
  ['Python SDK', 'sdk.py'],
  ['consumer library', 'consume.py'],
  ['aliyunlog', 'cli.py'],
] as const

async function all(python: string, resolves: boolean): Promise<void> {
  for (const version of ['v1', 'v4'])
    for (const [client, file] of clients) {
      const run = (how: string, { url, credentials }: Started, env: Record<string, string>) => {
        const args = [join(programs, file), url, ...credentials, version]
        return part(`${client} ${how}, ${version}`, python, args, env)
      }
      await served((started) => run('through a proxy', started, proxyTo(started.address)))
      if (!resolves) continue
      await served((started) => run('by name', started, noProxy))
      await served((started) => {
        const trusted = { ...noProxy, REQUESTS_CA_BUNDLE: join(started.data, 'tls/ca.crt') }
        return run('over TLS', started, trusted)
      }, 'sample: false\ntls: { generate: true }\n')
    }
  await readme(python)
}

const resolves = await lookup('any.localhost').then(
  () => true,
  () => false,
)
const installed = install()
if ('missing' in installed) {
  console.log(`skipped: the Python clients cannot be installed here: ${installed.missing}`)
} else {
  if (!resolves)
    console.log('skipped: by name and over TLS; names below localhost do not resolve here')
  await all(installed.python, resolves)
}
const tools = terraformTools(terraformFolder(), (line) => console.log(line))
if (!resolves) console.log('skipped: Terraform; names below localhost do not resolve here')
else if ('missing' in tools)
  console.log(`skipped: Terraform cannot be built here: ${tools.missing}`)
else {
  await terraformExample(tools)
  await ownExample(tools)
}
console.log(`${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = counts.failed === 0 ? 0 : 1
