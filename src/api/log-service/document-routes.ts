import {
  dashboards,
  type DocumentKind,
  Documents,
  type DocumentStore,
  savedSearches,
} from '../../log-service/log-service.ts'
import { objectOf, pageOf } from './read-body.ts'
import type { LogServiceRequest, LogServiceRoute } from './route.ts'

interface Wire {
  readonly kind: DocumentKind
  /** The folder of its paths, and the field of a list that has the names. */
  readonly plural: string
  /** The action's noun. */
  readonly action: string
  readonly itemsField: string
  /** Fields of an item in a list. */
  readonly items: readonly string[]
  /** Parameters that choose what a list holds. */
  readonly filters: readonly string[]
}

const wires: readonly Wire[] = [
  {
    kind: dashboards,
    plural: 'dashboards',
    action: 'Dashboard',
    itemsField: 'dashboardItems',
    items: ['dashboardName', 'displayName', 'description'],
    filters: ['dashboardName', 'displayName'],
  },
  {
    kind: savedSearches,
    plural: 'savedsearches',
    action: 'SavedSearch',
    itemsField: 'savedsearchItems',
    items: ['savedsearchName', 'displayName'],
    filters: ['savedsearchName'],
  },
]

/** Dashboards and saved searches (alibaba-api.md 3.8). */
export const documentRoutes = (store: DocumentStore): LogServiceRoute[] =>
  wires.flatMap((wire) => routesOf(new Documents(store, wire.kind), wire))

function routesOf(documents: Documents, wire: Wire): LogServiceRoute[] {
  const { kind, plural, action } = wire
  const path = `/${plural}/:name`
  const name = ({ params }: LogServiceRequest): string => params['name']!
  const project = (request: LogServiceRequest): string => request.project!
  const host = 'project'
  const resource = (request: LogServiceRequest): string =>
    `project/${project(request)}/${kind.noun}/${request.params['name'] ?? '*'}`
  return [
    {
      method: 'POST',
      path: `/${plural}`,
      host,
      action: `log:Create${action}`,
      resource,
      handle(request) {
        documents.create(project(request), objectOf(request))
        return {}
      },
    },
    {
      method: 'GET',
      path: `/${plural}`,
      host,
      action: `log:List${action}`,
      resource,
      handle: (request) => ({ json: listOf(documents, wire, request) }),
    },
    {
      method: 'GET',
      path,
      host,
      action: `log:Get${action}`,
      resource,
      handle: (request) => ({ json: documents.get(project(request), name(request)) }),
    },
    {
      method: 'PUT',
      path,
      host,
      action: `log:Update${action}`,
      resource,
      handle(request) {
        documents.update(project(request), name(request), objectOf(request))
        return {}
      },
    },
    {
      method: 'DELETE',
      path,
      host,
      action: `log:Delete${action}`,
      resource,
      handle(request) {
        documents.delete(project(request), name(request))
        return {}
      },
    },
  ]
}

const sizeDefault = 100
const sizeMax = 500

function listOf(documents: Documents, wire: Wire, request: LogServiceRequest): unknown {
  const wanted = wire.filters.map((field) => [field, request.query.get(field) ?? ''] as const)
  const filter = Object.fromEntries(wanted.filter(([, text]) => text !== ''))
  const page = pageOf(request, sizeDefault, sizeMax)
  const { total, documents: found } = documents.list(request.project!, page, filter)
  return {
    count: found.length,
    total,
    [wire.plural]: found.map((each) => each[wire.kind.nameField]),
    [wire.itemsField]: found.map((each) =>
      Object.fromEntries(wire.items.map((field) => [field, each[field] ?? ''])),
    ),
  }
}
