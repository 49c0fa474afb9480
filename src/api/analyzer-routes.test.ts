import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { signed, startServer } from '../../test/api-server.ts'
import type { ColumnBatch } from '../base/columns.ts'
import { createLog } from '../base/log.ts'
import type { LogStore } from '../logstore/logstore.ts'
import { openAnalyzers } from '../programs/open-analyzers.ts'
import { openBilling } from '../programs/open-billing.ts'
import { readStartConfig } from '../programs/start-config.ts'
import { openState } from '../programs/state.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { defaultQueryConfig, QueryEngine } from '../query/query.ts'
import { flowLogTopic, flowRecordColumns } from '../record/columns.ts'

const all = '/weir/v1/analyzers'
/** The begin of the last hour that is over. */
const at = Math.floor(Date.now() / 3_600_000) * 3600 - 3600

type Body = Record<string, unknown>

async function send(url: string, method = 'GET', body?: unknown) {
  const response = await signed(url, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  const { requestId: _, ...rest } = (await response.json()) as Body
  return { status: response.status, body: rest }
}

/** Records of one flow: `bytes` of each, from one second after `at` to the next. */
function batchOf(bytes: readonly number[]): ColumnBatch {
  const one: Record<string, string | number> = {
    'eni-id': 'eni-web1',
    'vpc-id': 'vpc-shop',
    direction: 'in',
    action: 'ACCEPT',
    srcaddr: '8.8.8.8',
    dstaddr: '10.0.0.1',
    protocol: 6,
    srcport: 443,
    dstport: 50_000,
    packets: 1,
    'log-status': 'OK',
  }
  const columns = new Map(
    flowRecordColumns.map(({ name, kind }) => [
      name,
      kind === 'text'
        ? {
            kind,
            codes: new Uint32Array(bytes.length).fill(name in one ? 1 : 0),
            dictionary: name in one ? [String(one[name])] : [],
          }
        : {
            kind,
            values: Float64Array.from(bytes, (each) =>
              name === 'bytes' ? each : Number(one[name] ?? Number.NaN),
            ),
          },
    ]),
  )
  const times = Float64Array.from(bytes, (_, index) => at + index)
  return {
    rows: bytes.length,
    columns: new Map([...columns, ['__time__', { kind: 'integer', values: times }]]),
  }
}

/** A server whose flow log `fl-1` brings its records to the first analyzer there is. */
async function serverWithAnalyzers(t: TestContext) {
  const state = openState(temporaryFolder(t))
  t.after(() => state.close())
  let isAttached = true
  const make = async (store: LogStore) => {
    const engine = new QueryEngine({ ...defaultQueryConfig, workers: 1, searchWorkers: 0 }, store)
    t.after(() => engine.close())
    const attachments = {
      analyzerOf: (flowLog: string) => (flowLog === 'fl-1' ? keeper.list().at(0)?.id : undefined),
      attached: () => (isAttached ? ['fl-1'] : []),
      isAlone: () => false,
    }
    const opened = await openAnalyzers('cn-hangzhou', attachments, { store, state })
    const keeper = opened.keeper((...asked) => engine.run(...asked))
    const billing = openBilling(readStartConfig({}), {
      store,
      state,
      topology: () => undefined,
      log: createLog(() => {}),
    })
    return { keeper, records: opened.records(billing) }
  }
  const opened: Awaited<ReturnType<typeof make>>[] = []
  const later = () => {
    assert.ok(opened[0])
    return opened[0].keeper
  }
  const server = await startServer(t, {
    analyzers: {
      create: (wanted) => later().create(wanted),
      list: () => later().list(),
      get: (id) => later().get(id),
      modify: (id, change) => later().modify(id, change),
      delete: (id) => later().delete(id),
      checkWindow: (id, seconds) => later().checkWindow(id, seconds),
      startRanking: (request, signal) => later().startRanking(request, signal),
      analyzerOfRanking: (id) => later().analyzerOfRanking(id),
      ranking: (request) => later().ranking(request),
      metrics: (request, signal) => later().metrics(request, signal),
    },
  })
  const made = await make(server.store)
  opened.push(made)
  return { ...server, records: made.records, detach: () => void (isAttached = false) }
}

test('an analyzer is created, changed, asked and deleted; what a flow log stores is in it once', async (t) => {
  const { url, records, detach } = await serverWithAnalyzers(t)
  const made = await send(`${url}${all}`, 'POST', { name: 'edge', intervalMinutes: 60 })
  assert.equal(made.status, 200)
  const id = String(made.body['id'])
  const one = `${url}${all}/${id}`
  assert.match(id, /^nta-[0-9a-f]{16}$/)
  const kept = { interval: 7, day: 30 }
  const changed = await send(one, 'PATCH', { storage: { Tuple5: kept } })
  assert.deepEqual((changed.body['storage'] as Body)['Tuple5'], kept)
  assert.deepEqual((await send(`${url}${all}`)).body, { analyzers: [changed.body] })
  assert.equal((await send(one, 'PATCH', { intervalMinutes: 1 })).status, 400)
  assert.equal((await send(`${url}${all}`, 'POST', { intervalMinutes: 5 })).status, 400)

  const options = { id: { flowLog: 'fl-1', run: 'r', number: 0 }, topic: flowLogTopic }
  for (const stored of [true, false])
    assert.deepEqual(await records.append('weir', 'flow-log', batchOf([100, 23]), options), {
      stored,
    })
  const other = { ...options, id: { ...options.id, flowLog: 'fl-2' } }
  await records.append('weir', 'flow-log', batchOf([5000]), other)

  const question = {
    TrafficScenario: 'VpcFlowLogInternet',
    RegionNo: 'cn-hangzhou',
    BeginTime: at * 1000,
    EndTime: (at + 3600) * 1000,
    Direction: 'In',
    TupleDimension: 'Tuple5',
    StorageInterval: 60,
    Filter: [{ Key: 'FlowAction', Operator: 'in', Value: ['ACCEPT'] }],
  }
  const asked = { ...question, OrderBy: 'Bytes', GroupBy: ['SourceIp', 'Protocol'] }
  const task = await send(`${one}/rankings`, 'POST', asked)
  assert.equal(task.status, 200, JSON.stringify(task.body))
  const ranking = await send(
    `${url}/weir/v1/rankings/${String(task.body['NisTrafficRankingId'])}?MaxResults=5`,
  )
  assert.deepEqual(ranking.body['FlowRankingList'], [
    {
      RegionId: 'cn-hangzhou',
      Direction: 'in',
      SourceIp: '8.8.8.8',
      Protocol: 'TCP',
      Bytes: 123,
      Packets: 2,
      BytesRate: 1,
    },
  ])
  assert.equal(
    (await send(`${one}/metrics`, 'POST', { ...question, MetricName: 'rtt' })).status,
    400,
  )
  assert.equal(
    (await send(`${one}/rankings`, 'POST', { ...asked, GroupBy: 'SourceIp' })).status,
    400,
  )
  assert.equal((await send(`${url}/weir/v1/rankings/task-0`)).status, 404)
  assert.equal((await send(one, 'DELETE')).status, 409)
  detach()
  assert.deepEqual(await send(one, 'DELETE'), { status: 200, body: {} })
  assert.equal((await send(one)).body['code'], 'AnalyzerNotExist')
})
