/** `weir key` and signed commands, by the real server and the real command. */
import { sideBySide } from './side-by-side.ts'
import assert from 'node:assert/strict'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { KeyAnswer } from '../src/api/contract.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { type Ended, weir, WeirProcess, WeirServer, weirSays } from './weir-process.ts'

const test = sideBySide()

async function start(t: TestContext, more = '') {
  const folder = temporaryFolder(t)
  const config = join(folder, 'weir.yaml')
  writeFileSync(config, `sample: false\ncapture: { enabled: false }\n${more}`)
  const data = join(folder, 'data')
  const server = await WeirServer.start(['--config', config, '--data', data, '--port', '0'])
  t.after(() => server[Symbol.asyncDispose]())
  return { folder, data, server, url: server.url, config }
}

const count = [
  'query',
  '* | SELECT count(*)',
  '--project',
  'weir',
  '--logstore',
  'flow-log',
  '--json',
]

const zero = '[\n{"_col0":"0"}\n]\n'

function refused({ status, stderr }: Ended, wanted: number, said: RegExp): void {
  assert.equal(status, wanted, stderr)
  assert.match(stderr, said)
}

test('a key is made, used, disabled, enabled and deleted; the audit log tells it', async (t) => {
  const { url, folder } = await start(t)
  const file = join(folder, 'key.json')
  const at = ['--server', url]
  await weirSays(['key', 'create', 'reader', '--read', 'weir', '--file', file, ...at])
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const { id, secret } = JSON.parse(readFileSync(file, 'utf8')) as { id: string; secret: string }
  const asReader = [...at, '--key-file', file]
  assert.equal(await weirSays([...count, ...asReader]), zero)
  refused(
    await weir(['key', 'list', ...asReader]),
    5,
    new RegExp(`^weir: AccessDenied: key ${id} may not do weir:ListKeys on \\*`),
  )
  const listed = await weirSays(['key', 'list', ...at])
  assert.match(listed, new RegExp(`${id} +reader +enabled`))
  assert.ok(!listed.includes(secret))
  await weirSays(['key', 'change', id, '--disable', ...at])
  refused(await weir([...count, ...asReader]), 5, /Unauthorized: The access key \w+ is disabled/)
  await weirSays(['key', 'change', id, '--enable', '--write', 'shop', ...at])
  refused(await weir([...count, ...asReader]), 5, /AccessDenied/)
  await weirSays(['key', 'delete', id, ...at])
  refused(await weir([...count, ...asReader]), 5, /InvalidAccessKeyId/)
  const entries = JSON.parse(await weirSays(['key', 'audit', '--json', ...at])) as {
    action: string
    outcome: string
  }[]
  assert.deepEqual(
    entries.map(({ action, outcome }) => `${action} ${outcome}`).filter((each) => /Key/.test(each)),
    ['weir:DeleteKey ok', 'weir:ChangeKey ok', 'weir:ChangeKey ok', 'weir:CreateKey ok'],
  )
})

test('limits of a key are given, changed, kept and lifted; the master key is changed meanwhile', async (t) => {
  const { url, data, folder } = await start(t)
  const file = join(folder, 'key.json')
  const at = ['--server', url]
  const given = ['--bytes-per-second', '1000000', '--body-bytes-max', '40']
  await weirSays(['key', 'create', 'small', '--read', 'weir', '--file', file, ...given, ...at])
  const { id } = JSON.parse(readFileSync(file, 'utf8')) as { id: string }
  const limits = async () => {
    const keys = JSON.parse(await weirSays(['key', 'list', '--json', ...at])) as KeyAnswer[]
    return keys.find((each) => each.id === id)?.limits
  }
  assert.deepEqual(await limits(), { bytesPerSecond: 1_000_000, bodyBytesMax: 40 })
  const asked = [...count, ...at, '--key-file', file]
  refused(
    await weir(asked),
    2,
    new RegExp(`PostBodyTooLarge: key ${id} sends at most 40 bytes at once, not \\d+`),
  )
  const change = (...more: string[]) => weirSays(['key', 'change', id, ...more, ...at])
  await change('--body-bytes-max', '4000', '--requests-per-second', '100')
  const changed = { requestsPerSecond: 100, bytesPerSecond: 1_000_000, bodyBytesMax: 4000 }
  assert.deepEqual(await limits(), changed)
  assert.equal(await weirSays(asked), zero)
  await change('--bytes-per-second', 'none', '--name', 'less')
  assert.deepEqual(await limits(), { requestsPerSecond: 100, bodyBytesMax: 4000 })
  refused(
    await weir(['key', 'change', id, '--body-bytes-max', '0', ...at]),
    2,
    /--body-bytes-max is 0, not a whole number from 1 on/,
  )

  const before = readFileSync(join(data, 'master.key'), 'utf8')
  const { status, stderr } = await weir(['key', 'rewrap', ...at])
  assert.equal(status, 0, stderr)
  const [, kept = ''] = / The old one is in (\S+): remove it when no backup/.exec(stderr)!
  assert.equal(readFileSync(kept, 'utf8'), before)
  assert.notEqual(readFileSync(join(data, 'master.key'), 'utf8'), before)
  assert.equal(await weirSays(asked), zero)
})

test('wrong use of weir key is said', async (t) => {
  const { url, folder } = await start(t)
  const at = ['--server', url]
  refused(await weir(['key', 'create', 'x', ...at]), 2, /a key that may do nothing is no use/)
  refused(await weir(['key', 'change', 'x', ...at]), 2, /there is nothing to change/)
  refused(await weir(['key', 'delete', 'LTAInone', ...at]), 2, /AccessKeyNotExist/)
  const policy = join(folder, 'policy.json')
  writeFileSync(
    policy,
    '{"Version":"1","Statement":[{"Effect":"May","Action":"*","Resource":"*"}]}',
  )
  refused(
    await weir(['key', 'create', 'x', '--policy', policy, ...at]),
    2,
    /ParameterInvalid: policy\.Statement\.0\.Effect/,
  )
  for (const words of [[], ['key'], ['sample', 'add']])
    assert.match(await weirSays([...words, '--help']), /\nExamples:\n {2}weir /, words.join(' '))
  const help = await weirSays(['key', 'create', '--help'])
  assert.match(help, /Examples:\n {2}weir key create grafana --read shop/)
})

test('who may not read the data directory has no key, and is told what to do', async (t) => {
  const { data, url } = await start(t)
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
  chmodSync(join(data, 'access-key.json'), 0o600)
  if (process.getuid?.() !== 0) return t.skip('not run: only root can be somebody else')
  refused(
    await weir([...count, '--server', url], { through: nobody }),
    5,
    /Unauthorized: the request is not signed.*--key-file FILE/,
  )
})

test('an agent is let in by a key that allows its name, and by no other', async (t) => {
  const { folder, url } = await start(t)
  const [policy, file] = [join(folder, 'policy.json'), join(folder, 'agent-key.json')]
  const Statement = [{ Effect: 'Allow', Action: 'weir:Agent', Resource: 'agent/edge' }]
  writeFileSync(policy, JSON.stringify({ Version: '1', Statement }))
  await weirSays(['key', 'create', 'edge', '--policy', policy, '--file', file, '--server', url])
  const agentArgs = (name: string) => [
    'agent',
    '--server',
    url,
    '--key-file',
    file,
    '--name',
    name,
    '--data',
    join(folder, name),
    '--flow-export',
    '127.0.0.1:0',
  ]
  await using other = new WeirProcess(agentArgs('core'))
  await other.until('stderr', /AccessDenied: key \w+ may not do weir:Agent on agent\/core/)
  await using agent = new WeirProcess(agentArgs('edge'))
  await agent.until('stdout', /edge/)
  const agents = JSON.parse(await weirSays(['agent', 'list', '--json', '--server', url])) as {
    name: string
  }[]
  assert.deepEqual(
    agents.map(({ name }) => name),
    ['edge'],
  )
})

test('over TLS, for who trusts the server’s authority', async (t) => {
  const { data, url } = await start(t, 'tls: { generate: true }\n')
  assert.match(url, /^https:/)
  refused(
    await weir([...count, '--server', url]),
    6,
    /ServerUnreachable.*(self-signed|verify|issuer)/,
  )
  const ca = join(data, 'tls/ca.crt')
  assert.equal(await weirSays([...count, '--server', url, '--ca-file', ca]), zero)
})
