/** Projects of the log service: the store's, with what only the service's API knows of them (alibaba-api.md §3.3). */
import { WeirError } from '../base/errors.ts'
import type { LogStore, Project } from '../logstore/logstore.ts'

export type ProjectStore = Pick<
  LogStore,
  'projects' | 'createProject' | 'updateProject' | 'deleteProject' | 'attribute' | 'setAttributes'
>

/** How copies of the logs are said to be kept; Weir keeps what its disk keeps. */
export type DataRedundancy = 'LRS' | 'ZRS'

export interface NewProject {
  readonly name: string
  readonly description: string
  readonly resourceGroup?: string
  readonly dataRedundancy?: DataRedundancy
}

export interface ServiceProject extends Project {
  readonly resourceGroup: string
  readonly dataRedundancy: DataRedundancy
}

interface Settings {
  readonly dataRedundancy: DataRedundancy
}

/** Project names are labels of host names, so they have no underscore (§1.2). */
const namePattern = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/
const descriptionLengthMax = 256
/** Each is read at a start and listed whole. */
const projectsMax = 1000
/** Of an account that made no groups. */
const defaultResourceGroup = 'rg-default'
/** A policy is read with every question about the project. */
const policyLengthMax = 64 * 1024

export class Projects {
  readonly #store: ProjectStore

  constructor(store: ProjectStore) {
    this.#store = store
  }

  /** Throws ParameterInvalid, ProjectAlreadyExist, ProjectQuotaExceed. */
  create({ name, description, resourceGroup, dataRedundancy = 'LRS' }: NewProject): void {
    if (!namePattern.test(name)) throw invalid(`project name ${name} is invalid`)
    checkDescription(description)
    const projects = this.#store.projects()
    if (projects.some((each) => each.name === name))
      throw new WeirError('ProjectAlreadyExist', `Project ${name} already exist.`)
    if (projects.length >= projectsMax)
      throw new WeirError('ProjectQuotaExceed', 'Project Quota Exceed.')
    if (resourceGroup !== undefined) checkResourceGroup(resourceGroup)
    this.#store.createProject(name, { description })
    const settings: Settings = { dataRedundancy }
    this.#set(name, 'settings', settings)
    if (resourceGroup !== undefined) this.#set(name, 'resourceGroup', resourceGroup)
  }

  /** Throws ProjectNotExist. */
  get(name: string): ServiceProject {
    const found = this.#store.projects().find((each) => each.name === name)
    if (found === undefined)
      throw new WeirError('ProjectNotExist', `The Project does not exist : ${name}`)
    return this.#served(found)
  }

  /** By name. */
  list(): readonly ServiceProject[] {
    return this.#store.projects().map((each) => this.#served(each))
  }

  /** Throws ProjectNotExist, ParameterInvalid. */
  describe(name: string, description: string): void {
    checkDescription(description)
    this.#store.updateProject(name, { description })
  }

  /** With all that it holds. Throws ProjectNotExist. */
  async delete(name: string): Promise<void> {
    await this.#store.deleteProject(name)
  }

  /** Throws ProjectNotExist, ParameterInvalid. */
  moveTo(name: string, resourceGroup: string): void {
    checkResourceGroup(resourceGroup)
    this.#set(name, 'resourceGroup', resourceGroup)
  }

  /** The text as it was sent; undefined when there is none. Throws ProjectNotExist. */
  policy(name: string): string | undefined {
    return this.#store.attribute(name, undefined, 'policy') as string | undefined
  }

  /** Throws ProjectNotExist, ParameterInvalid. */
  setPolicy(name: string, policy: string | undefined): void {
    if (policy !== undefined && policy.length > policyLengthMax)
      throw invalid(`a policy has at most ${policyLengthMax} characters`)
    this.#set(name, 'policy', policy)
  }

  #served(project: Project): ServiceProject {
    const { name } = project
    const settings = this.#store.attribute(name, undefined, 'settings') as Settings | undefined
    const group = this.#store.attribute(name, undefined, 'resourceGroup') as string | undefined
    return {
      ...project,
      resourceGroup: group ?? defaultResourceGroup,
      dataRedundancy: settings?.dataRedundancy ?? 'LRS',
    }
  }

  #set(name: string, key: string, value: unknown): void {
    this.#store.setAttributes(name, undefined, new Map([[key, value]]))
  }
}

function checkDescription(description: string): void {
  if (description.length > descriptionLengthMax)
    throw invalid(`description has at most ${descriptionLengthMax} characters`)
}

function checkResourceGroup(group: string): void {
  if (!/^rg-[a-z0-9]{1,61}$/.test(group)) throw invalid(`resource group id ${group} is invalid`)
}

const invalid = (message: string): WeirError => new WeirError('ParameterInvalid', message)
