/** `weir query`: asks a running server, or a data directory with no server. */
import { addSample, projectsOfServer, queryServer, removeSample } from '../api/client.ts'
import type { QueryAnswer, QueryRequest } from '../api/contract.ts'
import { createLog } from '../base/log.ts'
import { WeirError } from '../base/errors.ts'
import { withData } from './data-directory.ts'
import { exitStatus } from './exit-status.ts'
import { queryFormats, type QueryFormat, writeAnswer } from './query-output.ts'
import { suggesting } from './suggest-names.ts'
import { timeArgument } from './time-argument.ts'
import { unfoldRest } from './unfold-rest.ts'

export interface QueryOptions {
  readonly project: string
  readonly logstore: string
  readonly from?: string
  readonly to?: string
  readonly zone?: string
  readonly line?: string
  readonly offset?: string
  readonly reverse?: boolean
  readonly format: string
  readonly json?: boolean
  readonly data?: string
  readonly server: string
}

/** Everything stored: no record is of a time past the year 2286. */
const wholeRange = { from: 0, to: 9_999_999_999 } as const

/** @returns the exit status */
export async function query(text: string, options: QueryOptions): Promise<number> {
  const format = formatOf(options)
  const request = requestOf(text, options)
  const cancelled = new AbortController()
  const cancel = (): void => cancelled.abort()
  process.once('SIGINT', cancel).once('SIGTERM', cancel)
  const stopProgress = showWaiting()
  let answer: QueryAnswer
  try {
    answer =
      options.data === undefined
        ? await askServer(options.server, request, cancelled.signal)
        : await queryData(options.data, request, cancelled.signal)
  } finally {
    stopProgress()
    process.off('SIGINT', cancel).off('SIGTERM', cancel)
  }
  await writeAnswer(unfoldRest(answer), format)
  summarize(answer, format)
  return exitStatus.ok
}

function formatOf({ format, json }: QueryOptions): QueryFormat {
  if (json === true) return 'json'
  const found = queryFormats.find((each) => each === format)
  if (found !== undefined) return found
  throw new WeirError('Usage', `--format is ${format}, not one of ${queryFormats.join(', ')}`)
}

function requestOf(text: string, options: QueryOptions): QueryRequest {
  const zone = options.zone ?? 'UTC'
  const now = Date.now() / 1000
  const time = (name: 'from' | 'to'): number =>
    options[name] === undefined
      ? wholeRange[name]
      : timeArgument(`--${name}`, options[name], zone, now)
  return {
    project: options.project,
    logstore: options.logstore,
    query: text,
    from: time('from'),
    to: time('to'),
    ...(options.zone === undefined ? {} : { zone: options.zone }),
    ...(options.line === undefined ? {} : { line: wholeNumber('--line', options.line) }),
    ...(options.offset === undefined ? {} : { offset: wholeNumber('--offset', options.offset) }),
    ...(options.reverse === true ? { reverse: true } : {}),
  }
}

function wholeNumber(option: string, text: string): number {
  if (/^\d{1,7}$/.test(text)) return Number(text)
  throw new WeirError('Usage', `${option} is ${text}, not a whole number`)
}

const askServer = (
  server: string,
  request: QueryRequest,
  signal: AbortSignal,
): Promise<QueryAnswer> =>
  suggesting(
    request,
    async () =>
      new Map(
        (await projectsOfServer(server)).map(({ name, logstores }) => [
          name,
          logstores.map((each) => each.name),
        ]),
      ),
    () => queryServer(server, request, signal),
  )

/** "A query on a data directory beside a running server answers through it." */
async function queryData(
  dataDir: string,
  request: QueryRequest,
  signal: AbortSignal,
): Promise<QueryAnswer> {
  return await withData(
    dataDir,
    (server) => askServer(server, request, signal),
    async () => {
      const { openLogStore } = await import('../logstore/logstore.ts')
      const { defaultQueryConfig, fewerRights, QueryEngine } = await import('../query/query.ts')
      const store = await openLogStore(dataDir, {}, { log: createLog() })
      const { rights, problem } = fewerRights(dataDir)
      if (problem !== undefined) process.stderr.write(`Note: ${problem}\n`)
      const engine = new QueryEngine({ ...defaultQueryConfig, workers: 1, rights }, store)
      const namesOf = (project: string) => store.logstores(project).map(({ name }) => name)
      try {
        return await suggesting(
          request,
          () => new Map(store.projects().map(({ name }) => [name, namesOf(name)])),
          async () => {
            const stores = namesOf(request.project).map((name) => ({ name }))
            return await engine.run({ ...wholeRange, ...request, stores }, signal)
          },
        )
      } finally {
        await engine.close()
        await store.close()
      }
    },
  )
}

/** `weir sample add|remove` */
export async function sample(
  what: 'add' | 'remove',
  options: { readonly data?: string; readonly server: string },
): Promise<number> {
  const atServer = what === 'add' ? addSample : removeSample
  if (options.data === undefined) await atServer(options.server)
  else {
    const dataDir = options.data
    await withData(dataDir, atServer, async () => {
      const { openLogStore } = await import('../logstore/logstore.ts')
      const { openState } = await import('./state.ts')
      const sampleProject = await import('./fill-sample.ts')
      const log = createLog()
      const store = await openLogStore(dataDir, {}, { log })
      const state = openState(dataDir)
      try {
        if (what === 'add') await sampleProject.addSample(store, state, log)
        else await sampleProject.removeSample(store, state)
      } finally {
        state.close()
        await store.close()
      }
    })
  }
  const done = what === 'add' ? 'is filled' : 'and all its records are removed'
  process.stderr.write(`The project sample ${done}.\n`)
  return exitStatus.ok
}

const waitMilliseconds = 1000

/** On a terminal, work beyond a second is seen. */
function showWaiting(): () => void {
  if (process.stderr.isTTY !== true) return () => {}
  const begun = Date.now()
  let written = false
  const timer = setInterval(() => {
    written = true
    process.stderr.write(`\rquery runs for ${Math.round((Date.now() - begun) / 1000)} s `)
  }, waitMilliseconds)
  return () => {
    clearInterval(timer)
    if (written) process.stderr.write('\r\x1b[K')
  }
}

/** What is missing is said whatever the format: standard error is not the answer. */
function summarize(answer: QueryAnswer, format: QueryFormat): void {
  if (answer.missing !== undefined)
    process.stderr.write(
      `Not exact: ${(answer.missing.share * 100).toFixed(2)} % of the records of the range lie in damaged files and were not read (weir check names them)\n`,
    )
  if (answer.cut !== undefined)
    process.stderr.write(
      `Not exact: the answer has more ${answer.cut} than a query gives; ask for fewer columns or groups\n`,
    )
  if (format !== 'table') return
  const more = answer.limited ? ', there are more' : ''
  process.stderr.write(
    `${answer.rows.length} ${answer.rows.length === 1 ? 'row' : 'rows'}${more}; ${answer.scannedRows} records read in ${Math.round(answer.elapsedMs)} ms\n`,
  )
}
