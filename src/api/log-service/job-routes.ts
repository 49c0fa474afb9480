import { WeirError } from '../../base/errors.ts'
import type { Job, JobDocument, JobStore, JobType, Letter, Run } from '../../jobs/jobs.ts'
import { objectOf, pageOf } from './read-body.ts'
import type { LogServiceAnswer, LogServiceRequest, LogServiceRoute } from './route.ts'

/** What the routes of jobs ask. */
export interface JobThings {
  readonly jobs: JobStore
  readonly runs: (job: string, from: number, to: number) => readonly Run[]
  /** What an alert had to tell. */
  readonly letters: (job: string) => readonly Letter[]
}

interface Place {
  readonly path: string
  /** Undefined: the body and the query say. */
  readonly type: JobType | undefined
  readonly action: string
}

const places: readonly Place[] = [
  { path: '/alerts', type: 'Alert', action: 'Alert' },
  { path: '/scheduledsqls', type: 'ScheduledSQL', action: 'ScheduledSQL' },
  { path: '/jobs', type: undefined, action: 'Job' },
]

/** Alerts, scheduled SQL, and both as jobs (alibaba-api.md 3.8). */
export const jobRoutes = (things: JobThings): LogServiceRoute[] =>
  places.flatMap((place) => [...routesOf(things, place), historyRoute(things, place)])

function routesOf({ jobs }: JobThings, place: Place): LogServiceRoute[] {
  const { path, action } = place
  const known = (request: LogServiceRequest): Job =>
    jobs.get(request.project!, request.params['name']!, place.type)
  const route = (
    method: LogServiceRoute['method'],
    verb: string,
    handle: LogServiceRoute['handle'],
    more: Pick<LogServiceRoute, 'path'> & Partial<LogServiceRoute> = { path: `${path}/:name` },
  ): LogServiceRoute => ({
    ...more,
    method,
    host: 'project',
    action: `log:${verb}${action}`,
    resource,
    handle,
  })
  const switchTo = (to: 'enable' | 'disable'): LogServiceRoute =>
    route(
      'PUT',
      'Update',
      (request) => {
        const { name, type } = known(request)
        jobs.enable(request.project!, name, type, to === 'enable')
        return {}
      },
      { path: `${path}/:name`, where: { action: to } },
    )
  const create = (request: LogServiceRequest): LogServiceAnswer => {
    const document = documentOf(request, place.type)
    assertMayOrder(request, document)
    jobs.create(request.project!, document)
    return {}
  }
  const update = (request: LogServiceRequest): LogServiceAnswer => {
    const job = known(request)
    const document = documentOf(request, job.type, job)
    assertMayOrder(request, document)
    jobs.update(request.project!, document)
    return {}
  }
  const remove = (request: LogServiceRequest): LogServiceAnswer => {
    const { name, type } = known(request)
    jobs.delete(request.project!, name, type)
    return {}
  }
  return [
    route('POST', 'Create', create, { path }),
    route('GET', 'List', (request) => ({ json: listOf(jobs, place, request) }), { path }),
    switchTo('enable'),
    switchTo('disable'),
    route('GET', 'Get', (request) => ({ json: answerOf(known(request)) })),
    route('PUT', 'Update', update),
    route('DELETE', 'Delete', remove),
  ]
}

/** A job reads and writes for whoever orders it. Throws AccessDenied; what is no name is refused by who reads it. */
function assertMayOrder({ caller, project }: LogServiceRequest, job: JobDocument): void {
  const assertMay = (action: string, into: unknown, logstore: unknown): void =>
    caller?.assertMay(action, `project/${String(into)}/logstore/${String(logstore)}`)
  const { type, configuration } = job
  if (type === 'Alert') {
    for (const query of [configuration['queryList']].flat())
      if (typeof query === 'object' && query !== null) {
        const { project: named, store } = query as Readonly<Record<string, unknown>>
        assertMay(
          'log:GetLogStoreLogs',
          typeof named === 'string' && named ? named : project,
          store,
        )
      }
    return
  }
  const { sourceLogstore, destProject = project, destLogstore } = configuration
  assertMay('log:GetLogStoreLogs', project, sourceLogstore)
  assertMay('log:PostLogStoreLogs', destProject, destLogstore)
}

const resource = ({ project, params }: LogServiceRequest): string =>
  `project/${project}/job/${params['name'] ?? '*'}`

const secondsMax = 253_402_300_799

/** Runs of a job, the latest first; of an alert also what became of what it had to tell. */
function historyRoute({ jobs, runs, letters }: JobThings, place: Place): LogServiceRoute {
  return {
    method: 'GET',
    path: `${place.path}/:name/jobinstances`,
    host: 'project',
    action: `log:List${place.action}Instances`,
    handle(request) {
      const job = jobs.get(request.project!, request.params['name']!, place.type)
      const seconds = (name: string, otherwise: number): number => {
        const text = request.query.get(name) ?? ''
        if (text === '') return otherwise
        if (/^\d{1,12}$/.test(text)) return Number(text)
        throw new WeirError('ParameterInvalid', `${name} : ${text} pair is invalid`)
      }
      const state = request.query.get('state') ?? ''
      const all = runs(job.id, seconds('start', 0), seconds('end', secondsMax)).filter(
        ({ status }) => state === '' || status === state,
      )
      const { offset, size } = pageOf(request, sizeDefault, sizeMax)
      const results = all.slice(offset, offset + size).map((run) => instanceOf(job, run))
      const notifications = job.type === 'Alert' ? { notifications: letters(job.id) } : {}
      return { json: { count: results.length, total: all.length, results, ...notifications } }
    },
  }
}

const instanceOf = (job: Job, run: Run) => ({
  instanceId: `${job.id}-${run.time}`,
  jobName: job.name,
  displayName: job.displayName,
  jobScheduleId: job.id,
  scheduleTimeInMillis: run.time * 1000,
  createTimeInMillis: run.startedAt * 1000,
  startTimeInMillis: run.startedAt * 1000,
  updateTimeInMillis: (run.endedAt ?? run.startedAt) * 1000,
  state: run.status,
  triggeredTimes: run.attempts,
  summary: run.outcome,
  errorMessage: run.error ?? '',
})

const sizeDefault = 100
const sizeMax = 500

function listOf(jobs: JobStore, place: Place, request: LogServiceRequest): unknown {
  const wanted = request.query.get('jobType') ?? ''
  const type = place.type ?? (wanted === '' ? undefined : typeOf(wanted))
  const named = request.query.get('jobName') ?? ''
  const all = jobs.list(request.project!, type).filter(({ name }) => name.includes(named))
  const { offset, size } = pageOf(request, sizeDefault, sizeMax)
  const results = all.slice(offset, offset + size).map(answerOf)
  return { count: results.length, total: all.length, results }
}

const answerOf = ({ id, enabled, createdAt, updatedAt, ...document }: Job) => ({
  ...document,
  createTime: createdAt,
  lastModifiedTime: updatedAt,
  scheduleId: id,
  state: enabled ? 'Enabled' : 'Disabled',
  status: enabled ? 'ENABLED' : 'DISABLED',
})

/** What an update leaves out stays as it is. */
function documentOf(
  request: LogServiceRequest,
  type: JobType | undefined,
  known?: JobDocument,
): JobDocument {
  const body = objectOf(request)
  const text = (name: 'name' | 'displayName' | 'description'): string => {
    const value = body[name] ?? known?.[name] ?? ''
    if (typeof value === 'string') return value
    throw new WeirError('ParameterInvalid', `${name} must be a text`, { place: name })
  }
  const object = (name: 'configuration' | 'schedule'): Readonly<Record<string, unknown>> => {
    const value = body[name] ?? known?.[name]
    if (typeof value === 'object' && value !== null)
      return value as Readonly<Record<string, unknown>>
    throw new WeirError('ParameterInvalid', `${name} must be an object`, { place: name })
  }
  const name = text('name')
  if (known !== undefined && name !== known.name)
    throw new WeirError('ParameterInvalid', `the body is about another job than ${known.name}`)
  return {
    name,
    type: type ?? typeOf(String(body['type'])),
    displayName: text('displayName') || name,
    description: text('description'),
    configuration: object('configuration'),
    schedule: object('schedule'),
  }
}

function typeOf(text: string): JobType {
  if (text === 'Alert' || text === 'ScheduledSQL') return text
  throw new WeirError('ParameterInvalid', `jobs of type ${text} would not be carried out`, {
    hint: 'Alert and ScheduledSQL are',
  })
}
