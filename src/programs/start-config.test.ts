import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { WeirError } from '../base/errors.ts'
import { amountOfText } from '../billing/money.ts'
import { cloudPrices, emptyTrafficPrices } from '../billing/billing.ts'
import { temporaryFolder } from '../../test/logstore-rows.ts'
import { flowExportOfText, readStartConfig } from './start-config.ts'

const captureDefaults = { enabled: true, ringMebibytes: 64, method: 'ring', spoolMebibytes: 1024 }
const defaults = {
  data: './data',
  listen: '127.0.0.1',
  port: 8080,
  sample: true,
  capture: captureDefaults,
  api: { endpoints: [], region: 'cn-hangzhou', account: '-' },
  flowLogs: { activated: true },
  alerts: { webhooks: [] },
  enrichment: {},
  query: { zone: 'UTC', workers: 2, seconds: 55, memoryMebibytes: 2048 },
  // "Otherwise, the default is 300 days."
  logstore: { ttlDays: 300, reserveMebibytes: 256 },
  // "the pay-by-feature billing method is used by default"
  billing: { prices: cloudPrices, trafficPrices: emptyTrafficPrices, logService: 'byFeature' },
}

/** Reads a configuration file of this text. */
function fileOf(t: TestContext): { folder: string; write: (text: string) => string } {
  const folder = temporaryFolder(t)
  const path = join(folder, 'weir.yaml')
  return {
    folder,
    write: (text) => {
      writeFileSync(path, text)
      return path
    },
  }
}

test('without a file and options everything has its default', () => {
  assert.deepEqual(readStartConfig({}), defaults)
})

test('an empty file, or one with comments only, is the defaults, data beside it', (t) => {
  const { folder, write } = fileOf(t)
  for (const text of ['', '# nothing yet\n', '---\n'])
    assert.deepEqual(readStartConfig({ config: write(text) }), {
      ...defaults,
      data: join(folder, 'data'),
    })
})

test('a file says some things, the command line over it others', (t) => {
  const { folder, write } = fileOf(t)
  const config = write(`
data: store
listen: 0.0.0.0
port: 9000
topology: ../vpc.yaml
sample: false
capture: { interfaces: [eth0, eth1], ringMebibytes: 8 }
query: { zone: Asia/Shanghai, workers: 4 }
logstore: { ttlDays: 7 }
billing: { prices: mine.yaml, logService: byDataVolume, overdue: { protectionLimit: "100.5", graceHours: 24 } }
`)
  const fromFile = {
    data: join(folder, 'store'),
    listen: '0.0.0.0',
    port: 9000,
    topology: join(folder, '../vpc.yaml'),
    sample: false,
    capture: { ...captureDefaults, interfaces: ['eth0', 'eth1'], ringMebibytes: 8 },
    api: defaults.api,
    flowLogs: defaults.flowLogs,
    alerts: defaults.alerts,
    enrichment: {},
    query: { ...defaults.query, zone: 'Asia/Shanghai', workers: 4 },
    logstore: { ...defaults.logstore, ttlDays: 7 },
    billing: {
      prices: join(folder, 'mine.yaml'),
      trafficPrices: emptyTrafficPrices,
      logService: 'byDataVolume',
      overdue: { protectionLimit: amountOfText('100.5'), graceHours: 24 },
    },
  }
  assert.deepEqual(readStartConfig({ config }), fromFile)
  const options = { data: 'd', topology: 't.yaml', port: '0', listen: '::1' }
  assert.deepEqual(readStartConfig({ config, ...options }), { ...fromFile, ...options, port: 0 })
})

test('what is wrong is said with its place', (t) => {
  const { write } = fileOf(t)
  const wrong = (text: string, message: string, place: string): void => {
    const config = write(text)
    assert.throws(
      () => readStartConfig({ config }),
      (error) => {
        assert.ok(error instanceof WeirError)
        assert.deepEqual(
          [error.code, error.message, error.place],
          ['ConfigInvalid', message.replaceAll('FILE', config), `${config}:${place}`],
        )
        return true
      },
    )
  }
  wrong('prot: 80', 'unknown key prot. Did you mean port?', '1:1')
  wrong('xyzzy: 1', `unknown key xyzzy. Known: ${known}`, '1:1')
  wrong('\nquery:\n  worker: 3', 'unknown key worker. Did you mean workers?', '3:3')
  wrong('capture: { on: false }', `unknown key on. Known: ${knownOfCapture}`, '1:12')
  const late = 'unknown key late. Known: listen, port, lateSeconds, netns'
  wrong('capture:\n  flowExport: { late: 90 }', late, '2:17')
  wrong('port: 65536', 'port: Too big: expected number to be <=65535', '1:7')
  wrong('port: "80"', 'port: Invalid input: expected number, received string', '1:7')
  wrong('port: 1.5', 'port: Invalid input: expected int, received number', '1:7')
  wrong('port:', 'port: Invalid input: expected number, received null', '1:6')
  wrong('sample: yes', 'sample: Invalid input: expected boolean, received string', '1:9')
  wrong('data: ""', 'data: Too small: expected string to have >=1 characters', '1:7')
  wrong('capture: { interfaces: [] }', tooFew, '1:24')
  wrong('capture: {\n  interfaces: [eth0, 7] }', notText, '2:22')
  wrong('logstore: 300', 'logstore: Invalid input: expected object, received number', '1:11')
  wrong('[1, 2]', 'the file: Invalid input: expected object, received array', '1:1')
  wrong('port', 'the file: Invalid input: expected object, received string', '1:1')
  wrong(
    'prot: 80\nquery: { workers: 0, worker: 1 }',
    '3 problems\n' +
      '  FILE:2:19: query.workers: Too small: expected number to be >=1\n' +
      '  FILE:2:22: unknown key worker. Did you mean workers?\n' +
      '  FILE:1:1: unknown key prot. Did you mean port?\n',
    '2:19',
  )
  wrong(
    'prot: 80\ndate: ./x',
    '2 problems\n' +
      '  FILE:1:1: unknown key prot. Did you mean port?\n' +
      '  FILE:2:1: unknown key date. Did you mean data?\n',
    '1:1',
  )
})

const known =
  'data, listen, port, topology, sample, capture, tls, masterKeyFile, api, flowLogs, alerts, enrichment, query, logstore, billing'
const knownOfCapture =
  'enabled, interfaces, ringMebibytes, method, spoolMebibytes, cpuBudget, flowExport'
const tooFew = 'capture.interfaces: Too small: expected array to have >=1 items'
const notText = 'capture.interfaces.1: Invalid input: expected string, received number'

test('text that is not YAML, and a key given twice', (t) => {
  const { write } = fileOf(t)
  const place = (text: string): string => {
    const config = write(text)
    try {
      readStartConfig({ config })
    } catch (error) {
      assert.ok(error instanceof WeirError)
      assert.equal(error.code, 'ConfigInvalid')
      assert.match(error.message, /^not YAML: /)
      return error.place!.slice(config.length + 1)
    }
    return 'it was read'
  }
  assert.equal(place('port: 80\nquery: { zone: UTC'), '2:19')
  assert.equal(place('port: 80\nport: 81\n'), '2:1')
  assert.equal(place('port: 80\n---\nport: 81\n'), '2:1')
})

test('a file that is not there, and ports on the command line', () => {
  assert.throws(() => readStartConfig({ config: '/nowhere/weir.yaml' }), {
    name: 'FileUnreadable',
    message:
      "/nowhere/weir.yaml cannot be read: ENOENT: no such file or directory, open '/nowhere/weir.yaml'",
  })
  for (const port of ['', 'http', '-1', '65536', '80.5', '0x50', '123456'])
    assert.throws(() => readStartConfig({ port }), {
      name: 'Usage',
      message: `--port is ${port}, not a number from 0 to 65535`,
    })
  assert.equal(readStartConfig({ port: '65535' }).port, 65535)
})

test('where routers send their flows: in the file, and as an option', (t) => {
  const { write } = fileOf(t)
  const flowExport = (text: string) =>
    readStartConfig({ config: write(`capture: { flowExport: ${text} }`) }).capture.flowExport
  // Active and inactive timeout of 60 and 15 s, and some for the way.
  const own = { listen: '::', port: 2055, lateSeconds: 90 }
  assert.deepEqual(flowExport('{}'), own)
  assert.deepEqual(flowExport('{ port: 4739, lateSeconds: 1900, netns: edge }'), {
    ...own,
    port: 4739,
    lateSeconds: 1900,
    netns: 'edge',
  })
  assert.deepEqual(flowExportOfText('2055'), own)
  assert.deepEqual(flowExportOfText('192.0.2.7:6343'), { ...own, listen: '192.0.2.7', port: 6343 })
  assert.deepEqual(flowExportOfText('[fd00::7]:9995'), { ...own, listen: 'fd00::7', port: 9995 })
  for (const text of ['', 'x', '65536', 'fd00::7:2055', ':2055', '192.0.2.7:', '20 55'])
    assert.throws(() => flowExportOfText(text), {
      name: 'Usage',
      message: `--flow-export is ${text}, not a port such as 2055`,
    })
})

test('files of addresses lie beside the configuration', (t) => {
  const { folder, write } = fileOf(t)
  const config = write(`
enrichment:
  country: country.mmdb
  asn: { ipv4: asn4.csv, ipv6: /data/asn6.csv }
  threats: [{ path: drop.txt, category: hostile, format: drop }]
`)
  assert.deepEqual(readStartConfig({ config }).enrichment, {
    country: join(folder, 'country.mmdb'),
    asn: { ipv4: join(folder, 'asn4.csv'), ipv6: '/data/asn6.csv' },
    threats: [{ path: join(folder, 'drop.txt'), category: 'hostile', format: 'drop' }],
  })
})
