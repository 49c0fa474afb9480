import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { createLog } from '../base/log.ts'
import { type LogStore, openLogStore } from '../logstore/logstore.ts'
import { defaultQueryConfig, QueryEngine } from '../query/query.ts'
import {
  type JobDocument,
  type JobRunner,
  type JobStore,
  openJobs,
  type Outbox,
  type RunBook,
} from './jobs.ts'
import { sideBySide } from '../../test/side-by-side.ts'

const test = sideBySide()

const project = 'shop'
const minute = 60
/** A whole hour. */
const begin = 1_700_002_800

class Setup {
  readonly folder: string
  time = begin
  store!: LogStore
  engine!: QueryEngine
  book!: RunBook
  outbox!: Outbox
  jobs!: JobStore
  runner!: JobRunner
  #db!: DatabaseSync

  constructor(t: TestContext) {
    this.folder = temporaryFolder(t)
    t.after(() => this.close())
  }

  async open(): Promise<this> {
    const now = (): number => this.time
    this.store = await openLogStore(join(this.folder, 'data'), {}, { now })
    this.engine = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, this.store)
    this.#db = new DatabaseSync(join(this.folder, 'jobs.db'))
    const { store, engine } = this
    const jobs = openJobs({
      store,
      db: this.#db,
      query: (request, signal) => engine.run(request, signal),
      zone: 'UTC',
      isWebhookAllowed: ({ hostname }) => hostname === '127.0.0.1',
      now,
      log: createLog(() => {}),
    })
    Object.assign(this, jobs)
    return this
  }

  async close(): Promise<void> {
    await this.runner.stop()
    await this.engine.close()
    await this.store.close()
    this.#db.close()
  }

  /** A project with an open logstore `source` and `target`. */
  make(): void {
    this.store.createProject(project, { description: '' })
    for (const name of ['source', 'target'])
      this.store.createLogstore(project, name, { columns: [], ttlDays: 3650, openColumns: true })
  }

  async put(times: readonly number[]): Promise<void> {
    await this.store.append(project, 'source', {
      rows: times.length,
      columns: new Map([
        ['__time__', { kind: 'integer', values: Float64Array.from(times) }],
        ['host', { kind: 'text', codes: new Uint32Array(times.length).fill(1), dictionary: ['a'] }],
      ]),
    })
  }

  async ask(logstore: string, query: string): Promise<(string | null)[][]> {
    const { rows } = await this.engine.run({ project, logstore, query, from: 0, to: 9_999_999_999 })
    return rows
  }
}

const scheduledSql = (script: string, more: Record<string, unknown> = {}): JobDocument => ({
  name: 'per-minute',
  type: 'ScheduledSQL',
  displayName: 'Per minute',
  description: '',
  configuration: {
    script,
    sourceLogstore: 'source',
    destLogstore: 'target',
    fromTimeExpr: '@m-1m',
    toTimeExpr: '@m',
    maxRetries: 1,
    ...more,
  },
  schedule: { type: 'FixedRate', interval: '1m', delay: 5 },
})
const counting = '* | SELECT host, count(*) AS records GROUP BY host'
const stored = '* | SELECT __time__, host, records ORDER BY 1'

test('a scheduled SQL writes each interval once; those it missed are caught up once', async (t) => {
  const setup = await new Setup(t).open()
  setup.make()
  setup.jobs.create(project, scheduledSql(counting))
  await setup.runner.settled()
  await setup.put([begin + 1, begin + 2, begin + 61, begin + 200])
  setup.time = begin + minute + 4
  await setup.runner.settled()
  assert.deepEqual(await setup.ask('target', '* | SELECT count(*)'), [['0']], 'its delay is 5 s')
  setup.time = begin + minute + 5
  await setup.runner.settled()
  assert.deepEqual(await setup.ask('target', stored), [[String(begin), 'a', '2']])
  await setup.close()
  setup.time = begin + 4 * minute + 30
  await setup.open()
  await setup.runner.settled()
  await setup.runner.settled()
  const wanted = [
    [String(begin), 'a', '2'],
    [String(begin + minute), 'a', '1'],
    [String(begin + 3 * minute), 'a', '1'],
  ]
  assert.deepEqual(await setup.ask('target', stored), wanted)
  const { id } = setup.jobs.get(project, 'per-minute')
  const runs = setup.book.runs(id, 0, setup.time)
  assert.deepEqual(
    runs.map(({ time, status, outcome }) => [(time - begin) / minute, status, outcome]),
    [
      [4, 'SUCCEEDED', '1 rows'],
      [3, 'SUCCEEDED', '0 rows'],
      [2, 'SUCCEEDED', '1 rows'],
      [1, 'SUCCEEDED', '1 rows'],
    ],
  )
})

test('a run that crashed after its rows were stored stores them once', async (t) => {
  const setup = await new Setup(t).open()
  setup.make()
  const { id } = setup.jobs.create(project, scheduledSql(counting))
  await setup.put([begin + 1])
  await setup.runner.settled()
  const before = setup.book.progress(id)!.through
  setup.time = begin + minute + 5
  await setup.runner.settled()
  // What the disk says when the process is killed between the store's acknowledgement and the book's commit.
  setup.book.begin(id, before)
  await setup.close()
  await setup.open()
  await setup.runner.settled()
  assert.deepEqual(await setup.ask('target', stored), [[String(begin), 'a', '1']])
  assert.equal(setup.book.runs(id, 0, setup.time)[0]!.attempts, 2)
})

test('a run that fails is tried again, then given up, and the next goes on', async (t) => {
  const setup = await new Setup(t).open()
  setup.make()
  const { id } = setup.jobs.create(project, scheduledSql('* | SELECT nothing FROM log'))
  await setup.runner.settled()
  setup.time = begin + minute + 5
  await setup.runner.settled()
  const [first] = setup.book.runs(id, 0, setup.time)
  assert.deepEqual([first!.status, first!.attempts], ['FAILED', 1])
  assert.match(first!.error!, /^QuerySyntax: .*nothing/)
  setup.time += 10
  await setup.runner.settled()
  assert.equal(setup.book.runs(id, 0, setup.time)[0]!.attempts, 2)
  assert.equal(setup.book.progress(id)!.through, begin + minute)
})

test('what would not be carried out is refused; jobs are of their project', async (t) => {
  const setup = await new Setup(t).open()
  setup.make()
  const bad = scheduledSql(counting, { dataFormat: 'log2metric' })
  assert.throws(() => setup.jobs.create(project, bad), { place: 'configuration.dataFormat' })
  const early = scheduledSql(counting, { toTimeExpr: '@m-2m' })
  assert.throws(() => setup.jobs.create(project, early), { place: 'configuration.toTimeExpr' })
  setup.jobs.create(project, scheduledSql(counting))
  assert.throws(() => setup.jobs.create(project, scheduledSql(counting)), {
    code: 'JobAlreadyExist',
  })
  assert.throws(() => setup.jobs.get(project, 'per-minute', 'Alert'), { code: 'JobNotExist' })
  await setup.store.deleteProject(project)
  setup.make()
  assert.deepEqual(setup.jobs.list(project), [])
})

/** A webhook that answers with these statuses, the last for ever. */
async function webhook(t: TestContext, ...statuses: number[]) {
  const bodies: unknown[] = []
  const server = createServer((request: IncomingMessage, answer) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const text = Buffer.concat(parts).toString()
      bodies.push(request.headers['x-text'] === undefined ? JSON.parse(text) : text)
      answer.writeHead(statuses.length > 1 ? statuses.shift()! : statuses[0]!).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/alarm`, bodies }
}

const alert = (url: string, more: Record<string, unknown> = {}): JobDocument => ({
  name: 'too-many',
  type: 'Alert',
  displayName: 'Too many records',
  description: '',
  configuration: {
    queryList: [{ store: 'source', query: counting, start: '-1m', end: 'now' }],
    conditionConfiguration: { condition: 'records > 1' },
    annotations: [{ key: 'desc', value: '${host} wrote ${records}' }],
    notificationList: [{ type: 'Webhook', serviceUri: url }],
    ...more,
  },
  schedule: { type: 'FixedRate', interval: '60s' },
})

test('an alert fires into its webhook, repeated until it is taken; missed runs are caught up once', async (t) => {
  const setup = await new Setup(t).open()
  setup.make()
  const { url, bodies } = await webhook(t, 500, 503, 200)
  const { id } = setup.jobs.create(project, alert(url))
  await setup.runner.settled()
  await setup.put([begin + 301, begin + 302])
  setup.time = begin + 361
  await setup.runner.settled()
  const letter = () => setup.outbox.letters(id)[0]!
  const tried = async (attempts: number): Promise<void> => {
    setup.outbox.tick()
    while (letter().attempts < attempts) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await tried(1)
  assert.deepEqual([letter().status, letter().error], ['waiting', 'HTTP status 500'])
  await setup.close()
  await setup.open()
  setup.time += 5
  await tried(2)
  setup.time += 10
  await tried(3)
  assert.equal(letter().status, 'sent')
  assert.equal(bodies.length, 3)
  assert.deepEqual(bodies[2], {
    alert: 'too-many',
    alertName: 'Too many records',
    alertId: id,
    project,
    status: 'firing',
    severity: 6,
    severityName: 'medium',
    fireTime: begin + 360,
    alertTime: begin + 360,
    group: '',
    count: 1,
    labels: {},
    annotations: { desc: 'a wrote 2' },
    result: { host: 'a', records: '2', '$0.host': 'a', '$0.records': '2' },
  })
  const runs = setup.book
    .runs(id, 0, setup.time)
    .map(({ time, outcome }) => [time - begin, outcome])
  assert.deepEqual(runs, [[360, '1 firing, 1 told']], 'of six minutes the last')
})

test('a webhook’s own text is filled in, safe inside JSON; it leads nowhere else', async (t) => {
  const setup = await new Setup(t).open()
  setup.make()
  const { url, bodies } = await webhook(t, 302)
  const content = '{"text": "${alertName}: ${host} ${gone} ${severity}"}'
  const hook = { type: 'Webhook', serviceUri: url, content, headers: { 'x-text': '1' } }
  const document = alert(url, { notificationList: [hook] })
  const { id } = setup.jobs.create(project, { ...document, displayName: 'say "hi"' })
  await setup.runner.settled()
  await setup.put([begin + 1, begin + 2])
  setup.time = begin + minute
  await setup.runner.settled()
  setup.outbox.tick()
  while (setup.outbox.letters(id)[0]!.attempts < 1) await new Promise((done) => setTimeout(done, 5))
  assert.deepEqual(bodies, ['{"text": "say \\"hi\\": a ${gone} 6"}'])
  assert.equal(setup.outbox.letters(id)[0]!.error, 'HTTP status 302')
})
