import type { ColumnSpec } from '../base/columns.ts'
import { WeirError } from '../base/errors.ts'
import type { Catalogue, LogstoreEntry } from './catalogue.ts'
import type { Logstore, LogstoreOptions, Project, ProjectOptions } from './contract.ts'
import {
  checkColumns,
  checkLogstoreName,
  checkProjectName,
  checkRollups,
  checkTtlDays,
} from './names.ts'

/** Which projects and logstores there are: the catalogue's rows, kept in memory too. */
export class Directory {
  readonly #catalogue: Catalogue
  #projects = new Map<string, Project>()
  #logstores = new Map<number, LogstoreEntry>()

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue
    this.reload()
  }

  /** After a transaction that changed them. */
  reload(): void {
    this.#projects = new Map(this.#catalogue.projects().map((each) => [each.name, each]))
    this.#logstores = new Map(this.#catalogue.logstores().map((each) => [each.id, each]))
  }

  has(id: number): boolean {
    return this.#logstores.has(id)
  }

  byId(id: number): LogstoreEntry | undefined {
    return this.#logstores.get(id)
  }

  all(): LogstoreEntry[] {
    return [...this.#logstores.values()]
  }

  projects(): Project[] {
    return [...this.#projects.values()]
  }

  /** Throws ProjectNotExist. */
  logstores(project: string): LogstoreEntry[] {
    this.project(project)
    return this.all().filter((each) => each.project === project)
  }

  /** Throws ProjectNotExist. */
  project(name: string): Project {
    const found = this.#projects.get(name)
    if (!found) throw new WeirError('ProjectNotExist', `there is no project ${name}`)
    return found
  }

  /** Throws ProjectNotExist, LogStoreNotExist. */
  logstore(project: string, name: string): LogstoreEntry {
    const found = this.logstores(project).find((each) => each.name === name)
    if (!found) throw logstoreGone(project, name)
    return found
  }

  createProject(name: string, options: ProjectOptions, now: number): void {
    checkProjectName(name)
    if (this.#projects.has(name))
      throw new WeirError('ProjectAlreadyExist', `project ${name} exists already`)
    this.#catalogue.addProject(name, options, now)
    this.reload()
  }

  createLogstore(project: string, name: string, options: LogstoreOptions, now: number): void {
    checkLogstoreName(name)
    checkTtlDays(options.ttlDays)
    checkColumns(options.columns, options.sortBy, options.openColumns)
    checkRollups(options.rollups ?? [], options.columns)
    if (this.logstores(project).some((each) => each.name === name))
      throw new WeirError('LogStoreAlreadyExist', `logstore ${project}/${name} exists already`)
    this.#catalogue.transaction(() => this.#catalogue.addLogstore(project, name, options, now))
    this.reload()
  }

  updateProject(name: string, description: string, now: number): void {
    this.#catalogue.setDescription(this.project(name).name, description, now)
    this.reload()
  }

  updateTtl(project: string, name: string, ttlDays: number, now: number): void {
    checkTtlDays(ttlDays)
    this.#catalogue.setTtl(this.logstore(project, name).id, ttlDays, now)
    this.reload()
  }

  /** The logstore as it is with these columns added: on the disk, if one of them is new. */
  addColumns(logstore: LogstoreEntry, specs: readonly ColumnSpec[]): LogstoreEntry {
    const added = new Map(
      specs.filter(({ name }) => !logstore.kinds.has(name)).map((each) => [each.name, each]),
    )
    if (added.size === 0) return logstore
    const columns = [...logstore.columns, ...added.values()]
    checkColumns(columns)
    this.#catalogue.setColumns(logstore.id, columns)
    this.reload()
    return this.logstore(logstore.project, logstore.name)
  }
}

export const logstoreGone = (project: string, name: string): WeirError =>
  new WeirError('LogStoreNotExist', `there is no logstore ${name} in project ${project}`)

/** Without what is the store's own business. */
export const publicLogstore = ({
  name,
  columns,
  ttlDays,
  sortBy,
  openColumns,
  createdAt,
  updatedAt,
}: LogstoreEntry): Logstore => ({
  name,
  columns,
  ttlDays,
  sortBy,
  openColumns,
  createdAt,
  updatedAt,
})
