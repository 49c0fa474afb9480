/** A server on a free port over a real log store, for the tests of `src/api/`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { Registry } from 'prom-client'
import {
  AuditLog,
  changeMasterKey,
  openKeys,
  policyOf,
  verifyLogService,
} from '../src/access/access.ts'
import { WeirError } from '../src/base/errors.ts'
import type { Log, LogFields } from '../src/base/log.ts'
import { FlowLogs } from '../src/flow-log/flow-log.ts'
import { LedgerBook } from '../src/ledger/ledger.ts'
import { type LogStore, openLogStore } from '../src/logstore/logstore.ts'
import { flowRecordColumns } from '../src/record/columns.ts'
import { Agents } from '../src/programs/agent-keeper.ts'
import { CaptureOrders } from '../src/programs/capture-orders.ts'
import { flowLogKeeper, type KnownResources } from '../src/programs/flow-log-keeper.ts'
import { openFlowLogService } from '../src/programs/flow-log-service.ts'
import { type AccessGate, type ApiThings, createApi, type QueryAnswer } from '../src/api/api.ts'
import { TopologyVersions } from '../src/vpc/vpc.ts'
import { signedFetch } from './signed-fetch.ts'

export const record: Readonly<Record<string, string>> = {
  version: '1',
  'account-id': '-',
  'eni-id': 'eni-web1',
  'vm-id': 'i-web1',
  'vswitch-id': 'vsw-web',
  'vpc-id': 'vpc-shop',
  type: 'IPv4',
  protocol: '6',
  srcaddr: '120.26.0.1',
  srcport: '52000',
  dstaddr: '10.0.0.1',
  dstport: '80',
  direction: 'in',
  action: 'ACCEPT',
  packets: '10',
  bytes: '5200',
  start: '1700000000',
  end: '1700000060',
  'tcp-flags': '27',
  'log-status': 'OK',
  traffic_path: '7',
}

export const answer: QueryAnswer = {
  columns: [{ name: 'srcaddr', type: 'varchar' }],
  rows: [['120.26.0.1'], [null]],
  hasSql: true,
  exact: true,
  scannedRows: 2,
  scannedFiles: 1,
  elapsedMs: 3,
  limited: false,
}

export interface LoggedError {
  readonly message: string
  readonly fields: LogFields
}

/** What flow logs can be about. */
export const knownResources: KnownResources = {
  VPC: ['vpc-shop', 'vpc-lab'],
  VSwitch: ['vsw-web'],
  NetworkInterface: ['eni-web1', 'eni-web2', 'eni-web3', 'eni-db1', 'eni-db2', 'eni-ngw1'],
}
export const ttlDays = 30

/** Logstore weir/flow-log is there and empty. What the test does not replace answers `answer`. */
export async function startServer(
  t: TestContext,
  replaced: Partial<ApiThings> | ((store: LogStore) => Partial<ApiThings>) = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-api-'))
  const store = await openLogStore(folder)
  store.createProject('weir', { description: 'Weir’s own', labels: { of: 'test' } })
  store.createLogstore('weir', 'flow-log', { columns: flowRecordColumns, ttlDays })
  const flowLogs = new FlowLogs(new DatabaseSync(':memory:'))
  const errors: LoggedError[] = []
  const log: Log = {
    info: () => {},
    warn: () => {},
    error: (message, fields = {}) => void errors.push({ message, fields }),
  }
  const api = createApi({
    ...thingsOver(store, log, flowLogs),
    ...(typeof replaced === 'function' ? replaced(store) : replaced),
  })
  const url = await api.listen('127.0.0.1', 0)
  t.after(async () => {
    await api.close(0)
    await store.close()
    rmSync(folder, { recursive: true })
  })
  return { api, url, store, flowLogs, errors }
}

const masterKey = { WEIR_MASTER_KEY: Buffer.alloc(32, 7).toString('base64') }
export const keys = openKeys(new DatabaseSync(':memory:'), '', masterKey)
/** May do everything at every server of a test. */
export const testKey = keys.create({
  name: 'test',
  policy: policyOf([{ project: '*', level: 'admin' }]),
})
const audit = new AuditLog(new DatabaseSync(':memory:'))
// For what `src/api/client.ts` asks.
process.env['WEIR_ACCESS_KEY_ID'] = testKey.id
process.env['WEIR_ACCESS_KEY_SECRET'] = testKey.secret

export const access: AccessGate = {
  keys,
  audit,
  verify: (request) => verifyLogService(request, keys, Date.now()),
  take: () => {},
  changeMasterKey: () => changeMasterKey(keys, '', masterKey),
  begin: (intents) => audit.begin(intents.map((each) => ({ ...each, at: Date.now() }))),
}

/** `fetch`, signed with `testKey`. */
export const signed = (url: string, init: Parameters<typeof signedFetch>[1] = {}) =>
  signedFetch(url, init, testKey)

/** What an API needs, over a log store. */
export const thingsOver = (
  store: LogStore,
  log: Log,
  flowLogs = new FlowLogs(new DatabaseSync(':memory:')),
): ApiThings => ({
  query: { run: () => Promise.resolve(answer) },
  store,
  sample: { add: () => Promise.resolve(), remove: () => store.deleteProject('weir') },
  ledger: new LedgerBook(new DatabaseSync(':memory:')),
  flowLogs: flowLogKeeper(
    openFlowLogService({
      flowLogs,
      store,
      known: () => knownResources,
      placeOf: () => ({ region: 'cn-hangzhou', account: '1' }),
      prerequisitesDone: true,
    }),
    store,
    ttlDays,
  ),
  agents: new Agents(new DatabaseSync(':memory:'), {
    orders: new CaptureOrders(flowLogs, undefined),
    ledger: new LedgerBook(new DatabaseSync(':memory:')),
    log,
  }),
  explain: () => Promise.reject(new WeirError('NotFound', 'no topology is kept here')),
  topology: new TopologyVersions(new DatabaseSync(':memory:')),
  problems: () => [],
  access,
  dataDir: '/nowhere',
  log,
  metrics: new Registry(),
})
