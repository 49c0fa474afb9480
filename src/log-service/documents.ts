/** What a project keeps by name, as it was sent: dashboards and saved searches (alibaba-api.md 3.8). */
import { WeirError } from '../base/errors.ts'
import type { ErrorCode } from '../base/errors.ts'
import type { LogStore } from '../logstore/logstore.ts'

export type Document = Readonly<Record<string, unknown>>

export interface DocumentKind {
  /** In the catalogue and in messages. */
  readonly noun: string
  /** The field that names it. */
  readonly nameField: string
  readonly exists: ErrorCode
  readonly missing: ErrorCode
  /** Fields that must be there, with the type of each. */
  readonly required: Readonly<Record<string, 'string' | 'array'>>
}

export const dashboards: DocumentKind = {
  noun: 'dashboard',
  nameField: 'dashboardName',
  exists: 'DashboardAlreadyExist',
  missing: 'DashboardNotExist',
  required: { displayName: 'string', charts: 'array' },
}

export const savedSearches: DocumentKind = {
  noun: 'savedsearch',
  nameField: 'savedsearchName',
  exists: 'SavedSearchAlreadyExist',
  missing: 'SavedSearchNotExist',
  required: { displayName: 'string', logstore: 'string', searchQuery: 'string' },
}

export type DocumentStore = Pick<LogStore, 'attribute' | 'attributes' | 'setAttributes'>

export interface Page {
  readonly offset: number
  readonly size: number
}

const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const countMax = 1000

export class Documents {
  readonly #store: DocumentStore
  readonly #kind: DocumentKind

  constructor(store: DocumentStore, kind: DocumentKind) {
    this.#store = store
    this.#kind = kind
  }

  /** Throws ParameterInvalid, the kind's `exists`, ProjectNotExist. */
  create(project: string, document: Document): void {
    const name = this.#check(document)
    if (this.#find(project, name) !== undefined)
      throw new WeirError(this.#kind.exists, `${this.#kind.noun} ${name} already exists`)
    if (this.#all(project).length >= countMax)
      throw invalid(`a project has at most ${countMax} of ${this.#kind.noun}`)
    this.#set(project, name, document)
  }

  /** Throws as `create`, but for what is there already. */
  createUnlessThere(project: string, document: Document): void {
    if (this.#find(project, this.#check(document)) === undefined) this.create(project, document)
  }

  /** Throws the kind's `missing`. */
  get(project: string, name: string): Document {
    const found = this.#find(project, name)
    if (found !== undefined) return found
    throw new WeirError(this.#kind.missing, `${this.#kind.noun} ${name} does not exist`)
  }

  /** All of it is replaced. Throws ParameterInvalid, the kind's `missing`. */
  update(project: string, name: string, document: Document): void {
    this.get(project, name)
    const named = { [this.#kind.nameField]: name, ...document }
    if (this.#check(named) !== name)
      throw invalid(`the body is about another ${this.#kind.noun} than ${name}`)
    this.#set(project, name, named)
  }

  /** Throws the kind's `missing`. */
  delete(project: string, name: string): void {
    this.get(project, name)
    this.#set(project, name, undefined)
  }

  /** A page of those whose fields hold the given texts, by name; and how many there are in all. */
  list(
    project: string,
    { offset, size }: Page,
    filter: Readonly<Record<string, string>>,
  ): { readonly total: number; readonly documents: readonly Document[] } {
    const holds = (document: Document): boolean =>
      Object.entries(filter).every(([field, text]) => {
        const value = document[field]
        return typeof value === 'string' && value.includes(text)
      })
    const all = this.#all(project).filter(holds)
    return { total: all.length, documents: all.slice(offset, offset + size) }
  }

  #all(project: string): Document[] {
    return this.#store
      .attributes(project, undefined, `${this.#kind.noun}/`)
      .map(({ value }) => value as Document)
  }

  #find(project: string, name: string): Document | undefined {
    const key = `${this.#kind.noun}/${name}`
    return this.#store.attribute(project, undefined, key) as Document | undefined
  }

  #set(project: string, name: string, document: Document | undefined): void {
    const key = `${this.#kind.noun}/${name}`
    this.#store.setAttributes(project, undefined, new Map([[key, document]]))
  }

  /** @returns its name */
  #check(document: Document): string {
    const { nameField, noun, required } = this.#kind
    const name = document[nameField]
    if (typeof name !== 'string' || !namePattern.test(name))
      throw invalid(`${nameField} ${JSON.stringify(name)} is no name of a ${noun}`)
    for (const [field, type] of Object.entries(required)) {
      const value = document[field]
      if (type === 'array' ? !Array.isArray(value) : typeof value !== type)
        throw invalid(`${field} of a ${noun} must be ${type === 'array' ? 'a list' : 'a text'}`)
    }
    return name
  }
}

const invalid = (message: string): WeirError => new WeirError('ParameterInvalid', message)
