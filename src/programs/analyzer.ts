/** `weir analyzer`: traffic analyzers of a server, and what they tell. */
import {
  analyzersOfServer,
  createAnalyzer,
  deleteAnalyzer,
  metricsOfServer,
  modifyAnalyzer,
  rankingOfServer,
  startRanking,
} from '../api/analyzer-client.ts'
import {
  type Analyzer,
  type AnalyzerChange,
  dimensions,
  type FilterClause,
  type FlowRanking,
  type StorageDays,
} from '../analysis/analysis.ts'
import { WeirError } from '../base/errors.ts'
import { exitStatus } from './exit-status.ts'
import { plainTable, shown } from './plain-table.ts'
import { writeStandardOutput } from './standard-output.ts'
import { timeArgument } from './time-argument.ts'

interface Options {
  readonly server: string
  readonly format: string
  readonly json?: boolean
}

export interface ValueOptions extends Options {
  readonly name?: string
  readonly description?: string
  readonly keep?: readonly string[]
}

interface QuestionOptions extends Options {
  readonly tuple: string
  readonly direction: string
  readonly action: string
  readonly internet?: boolean
  readonly filter?: readonly string[]
  readonly from: string
  readonly to: string
  readonly storage?: string
}

export interface RankOptions extends QuestionOptions {
  readonly by?: string
  readonly order: string
  readonly sort: string
  readonly top: string
  readonly language: string
}

export interface MetricOptions extends QuestionOptions {
  readonly metric: string
  readonly step?: string
}

export async function create(
  options: ValueOptions & { readonly interval: string },
): Promise<number> {
  const intervalMinutes = whole('--interval', options.interval)
  const made = await createAnalyzer(options.server, { ...valuesOf(options), intervalMinutes })
  return tell(options, made, () => analyzersText([made]))
}

export async function list(options: Options): Promise<number> {
  const found = await analyzersOfServer(options.server)
  return tell(options, found, () => analyzersText(found))
}

export async function modify(id: string, options: ValueOptions): Promise<number> {
  const changed = await modifyAnalyzer(options.server, id, valuesOf(options))
  return tell(options, changed, () => analyzersText([changed]))
}

/** The program's own name of a word that is taken. */
export async function remove(id: string, { server }: Options): Promise<number> {
  await deleteAnalyzer(server, id)
  process.stderr.write(`Traffic analyzer ${id} is deleted, with all it held.\n`)
  return exitStatus.ok
}

export async function rank(id: string, options: RankOptions): Promise<number> {
  const { server, by, order, sort, top, language } = options
  const { NisTrafficRankingId } = await startRanking(server, {
    ...(await questionOf(id, options)),
    OrderBy: order,
    Sort: sort,
    TopN: whole('--top', top),
    Language: language,
    ...(by === undefined ? {} : { GroupBy: by.split(',') }),
  })
  const rows: FlowRanking[] = []
  let token = ''
  do {
    const asked = { NisTrafficRankingId, MaxResults: 100, NextToken: token }
    const page = await rankingOfServer(server, asked)
    rows.push(...page.FlowRankingList)
    token = page.NextToken
  } while (token !== '')
  return tell(options, rows, () => rankingText(rows))
}

export async function metrics(id: string, options: MetricOptions): Promise<number> {
  const { server, metric, step } = options
  const answer = await metricsOfServer(server, {
    ...(await questionOf(id, options)),
    MetricName: metric,
    ...(step === undefined ? {} : { StepMinutes: whole('--step', step) }),
  })
  const head = ['time', answer.Unit]
  const rows = answer.MetricStatics.map(({ TimeStamp, Value }) => [
    new Date(TimeStamp).toISOString(),
    Value.toFixed(2),
  ])
  return tell(options, answer, () => plainTable(head, rows, ['left', 'right']))
}

async function questionOf(id: string, options: QuestionOptions) {
  const { server, tuple, direction, action, internet = false, filter = [], storage } = options
  const now = Date.now() / 1000
  const region = (await analyzersOfServer(server)).find((each) => each.id === id)?.region
  if (region === undefined)
    throw new WeirError('AnalyzerNotExist', `there is no traffic analyzer ${id}`, {
      hint: 'weir analyzer list',
    })
  return {
    TrafficAnalyzerId: id,
    TrafficScenario: internet ? 'VpcFlowLogInternet' : 'VpcFlowLogAll',
    RegionNo: region,
    BeginTime: timeArgument('--from', options.from, 'UTC', now) * 1000,
    EndTime: timeArgument('--to', options.to, 'UTC', now) * 1000,
    Direction: direction,
    TupleDimension: `Tuple${tuple}`,
    Filter: [{ Key: 'FlowAction', Value: [action] }, ...filter.map(clauseOf)],
    ...(storage === undefined ? {} : { StorageInterval: whole('--storage', storage) }),
  }
}

const operators = { '=': 'in', '!=': 'not in', '~': 'like' } as const

function clauseOf(condition: string): FilterClause {
  const [, key, sign, values] = /^(\w+)(=|!=|~)(.+)$/s.exec(condition) ?? []
  const Operator = Object.entries(operators).find(([each]) => each === sign)?.[1]
  if (key === undefined || values === undefined || Operator === undefined)
    throw usage(`--filter is ${condition}`, 'Such as SourceIp=10.0.0.1,10.0.0.2 or VpcId!=vpc-lab')
  return { Key: key, Operator, Value: values.split(',') }
}

function valuesOf({ name, description, keep = [] }: ValueOptions): AnalyzerChange {
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(keep.length === 0 ? {} : { storage: Object.fromEntries(keep.map(storageOf)) }),
  }
}

function storageOf(text: string): [string, StorageDays] {
  const [, tuple, interval, day] = /^(\w+)=(\d+)\/(\d+)$/.exec(text) ?? []
  const dimension = dimensions.find((each) => each === tuple)
  if (dimension === undefined)
    throw usage(`--keep is ${text}`, `Such as Tuple5=7/30, of ${dimensions.join(', ')}`)
  return [dimension, { interval: Number(interval), day: Number(day) }]
}

function whole(option: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw usage(`${option} is ${text}, which is no whole number`, 'Such as 10')
}

const usage = (message: string, hint: string): WeirError =>
  new WeirError('Usage', message, { hint })

async function tell(
  { format, json = false }: Options,
  answer: object,
  textOf: () => Promise<string>,
): Promise<number> {
  if (format !== 'table' && format !== 'json')
    throw usage(`--format is ${format}`, 'It is table or json')
  const lines = JSON.stringify(answer, null, 2).split('\n').map(shown)
  writeStandardOutput(json || format === 'json' ? `${lines.join('\n')}\n` : await textOf())
  return exitStatus.ok
}

const analyzersText = (analyzers: readonly Analyzer[]): Promise<string> =>
  plainTable(
    ['id', 'name', 'interval', ...dimensions.map((each) => `${each} days kept`), 'created'],
    analyzers.map(({ id, name, intervalMinutes, storage, createdAt }) => [
      id,
      name,
      `${intervalMinutes} min`,
      ...dimensions.map((each) => `${storage[each].interval}, by day ${storage[each].day}`),
      new Date(createdAt * 1000).toISOString(),
    ]),
  )

function rankingText(rows: readonly FlowRanking[]): Promise<string> {
  const names = Object.keys(rows[0] ?? {}).filter((name) => name !== 'RegionId')
  const values = rows.map((row) => new Map(Object.entries(row)))
  const told = (name: string, value: string | number | undefined): string =>
    name === 'BytesRate' ? `${(Number(value) * 100).toFixed(1)} %` : String(value)
  return plainTable(
    names,
    values.map((row) => names.map((name) => told(name, row.get(name)))),
    names.map((name) => (/^(Bytes|Packets|BytesRate)$/.test(name) ? 'right' : 'left')),
  )
}
