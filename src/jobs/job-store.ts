/** Jobs as they are kept with their project: an alert or a scheduled SQL, its schedule, and whether it is enabled. */
import { randomUUID } from 'node:crypto'
import { describeError, WeirError } from '../base/errors.ts'
import type { LogStore } from '../logstore/logstore.ts'
import { type AlertConfig, alertConfigOf } from './alert-config.ts'
import { invalid, objectIn, type Schedule, scheduleOf } from './schedule.ts'
import { type ScheduledSqlConfig, scheduledSqlConfigOf } from './scheduled-sql-config.ts'

export type JobType = 'Alert' | 'ScheduledSQL'

/** As a client sends it and gets it back. */
export interface JobDocument {
  readonly name: string
  readonly type: JobType
  readonly displayName: string
  readonly description: string
  readonly configuration: Readonly<Record<string, unknown>>
  readonly schedule: Readonly<Record<string, unknown>>
}

export interface Job extends JobDocument {
  /** Tells it from another job that had its name: history goes by it. */
  readonly id: string
  readonly enabled: boolean
  /** Unix seconds. */
  readonly createdAt: number
  readonly updatedAt: number
}

/** A job as it is carried out. */
export interface RunnableJob extends Job {
  readonly project: string
  readonly times: Schedule
  readonly work:
    | { readonly type: 'Alert'; readonly config: AlertConfig }
    | { readonly type: 'ScheduledSQL'; readonly config: ScheduledSqlConfig }
}

export type JobAttributes = Pick<
  LogStore,
  'attribute' | 'attributes' | 'setAttributes' | 'projects'
>

const keyPrefix = 'job/'
const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const jobsMax = 500

export class JobStore {
  readonly #store: JobAttributes
  /** Unix seconds. */
  readonly #now: () => number
  readonly #isWebhookAllowed: (url: URL) => boolean
  /** As `runnable` read them last. */
  #read = new Map<string, RunnableJob>()

  /** @param isWebhookAllowed where alerts may send to */
  constructor(store: JobAttributes, now: () => number, isWebhookAllowed: (url: URL) => boolean) {
    this.#store = store
    this.#now = now
    this.#isWebhookAllowed = isWebhookAllowed
  }

  /** Throws JobAlreadyExist; ParameterInvalid also for a field that would not be carried out. */
  create(project: string, document: JobDocument): Job {
    this.#check(project, document)
    if (this.#find(project, document.name) !== undefined)
      throw new WeirError('JobAlreadyExist', `job ${document.name} already exists`)
    if (this.#store.attributes(project, undefined, keyPrefix).length >= jobsMax)
      throw new WeirError('ParameterInvalid', `a project has at most ${jobsMax} jobs`)
    const now = this.#now()
    const job = { ...document, id: randomUUID(), enabled: true, createdAt: now, updatedAt: now }
    this.#set(project, document.name, job)
    return job
  }

  /** All of it is replaced but its type. Throws JobNotExist, ParameterInvalid. */
  update(project: string, document: JobDocument): Job {
    const known = this.get(project, document.name, document.type)
    this.#check(project, document)
    const job = { ...known, ...document, updatedAt: this.#now() }
    this.#set(project, document.name, job)
    return job
  }

  /** Throws JobNotExist. */
  enable(project: string, name: string, type: JobType, enabled: boolean): void {
    const job = { ...this.get(project, name, type), enabled, updatedAt: this.#now() }
    this.#set(project, name, job)
  }

  /** Throws JobNotExist. */
  delete(project: string, name: string, type: JobType): void {
    this.get(project, name, type)
    this.#set(project, name, undefined)
  }

  /** Throws JobNotExist, also when it is of another type. */
  get(project: string, name: string, type?: JobType): Job {
    const job = this.#find(project, name)
    if (job !== undefined && (type === undefined || job.type === type)) return job
    throw new WeirError('JobNotExist', `job ${name} does not exist`)
  }

  /** By name. */
  list(project: string, type?: JobType): readonly Job[] {
    return this.#store
      .attributes(project, undefined, keyPrefix)
      .map(({ value }) => value as Job)
      .filter((job) => type === undefined || job.type === type)
  }

  /** Those of all projects that are to be carried out, and why others cannot be any more. */
  runnable(): { readonly jobs: readonly RunnableJob[]; readonly problems: readonly string[] } {
    const enabled = this.#store
      .projects()
      .flatMap(({ name }) => this.list(name).map((job) => ({ project: name, job })))
      .filter(({ job }) => job.enabled)
    const jobs: RunnableJob[] = []
    const problems: string[] = []
    const read = new Map<string, RunnableJob>()
    for (const { project, job } of enabled) {
      const key = `${project} ${JSON.stringify(job)}`
      try {
        const found = this.#read.get(key) ?? { ...job, ...this.#check(project, job) }
        read.set(key, found)
        jobs.push(found)
      } catch (error) {
        problems.push(`job ${project}/${job.name} cannot be run: ${describeError(error)}`)
      }
    }
    this.#read = read
    return { jobs, problems }
  }

  /** Of all jobs, also those that are not enabled. */
  ids(): string[] {
    return this.#store.projects().flatMap(({ name }) => this.list(name).map(({ id }) => id))
  }

  #find(project: string, name: string): Job | undefined {
    return this.#store.attribute(project, undefined, keyPrefix + name) as Job | undefined
  }

  #set(project: string, name: string, job: Job | undefined): void {
    this.#store.setAttributes(project, undefined, new Map([[keyPrefix + name, job]]))
  }

  /** What can be carried out is taken; the rest is refused, not stored. */
  #check(project: string, document: JobDocument): Pick<RunnableJob, 'project' | 'times' | 'work'> {
    const { name, type } = document
    if (!namePattern.test(name))
      throw invalid('name', `${JSON.stringify(name)} is no name of a job`)
    const configuration = objectIn(document.configuration, 'configuration')
    const times = scheduleOf(document.schedule)
    if (type === 'Alert') {
      const config = alertConfigOf(configuration, this.#isWebhookAllowed)
      return { project, times, work: { type, config } }
    }
    return { project, times, work: { type, config: scheduledSqlConfigOf(configuration, project) } }
  }
}
