import { WeirError } from '../../base/errors.ts'
import { type TaggedThing, Tags, type TagStore } from '../../log-service/log-service.ts'
import type { LogStore } from '../../logstore/logstore.ts'
import { objectOf } from './read-body.ts'
import type { LogServiceRequest, LogServiceRoute } from './route.ts'

type Store = TagStore & Pick<LogStore, 'projects'>

/** As it was asked: `PROJECT` of Terraform, `project` of others. */
interface Named {
  readonly type: string
  readonly ids: readonly string[]
}

/** Tags of projects and logstores (alibaba-api.md §3.3, §4.1). */
export function tagRoutes(store: Store): LogServiceRoute[] {
  const tags = new Tags(store)
  const own = { host: 'any', asksEach: true, resource: askedFor } as const
  return [
    {
      ...own,
      method: 'GET',
      path: '/tags',
      action: 'log:ListTagResources',
      handle: (request) => ({
        json: {
          tagResources: listed(store, tags, request),
          nextToken: '',
        },
      }),
    },
    {
      ...own,
      method: 'POST',
      path: '/tag',
      action: 'log:TagResources',
      handle(request) {
        const body = objectOf(request)
        const added = pairsIn(body['tags'])
        const things = permitted(request, namedIn(body), 'log:TagResources')
        for (const { thing } of things) tags.of(thing)
        for (const { thing } of things) tags.set(thing, added)
        return {}
      },
    },
    {
      ...own,
      method: 'POST',
      path: '/untag',
      action: 'log:UntagResources',
      handle(request) {
        const body = objectOf(request)
        const keys = body['all'] === true ? 'all' : textsIn(body['tags'], 'tags')
        const things = permitted(request, namedIn(body), 'log:UntagResources')
        for (const { thing } of things) tags.of(thing)
        for (const { thing } of things) tags.remove(thing, keys)
        return {}
      },
    },
  ]
}

/** Without ids: of every project that the caller may see. */
function listed(store: Store, tags: Tags, request: LogServiceRequest): unknown[] {
  const { query, caller } = request
  const action = 'log:ListTagResources'
  const type = query.get('resourceType') ?? 'project'
  const asked = query.get('resourceId') ?? ''
  const visible = (): string[] =>
    store
      .projects()
      .map(({ name }) => name)
      .filter((name) => caller!.may(action, `project/${name}`))
  const ids = asked === '' ? visible() : textsIn(parsed(asked), 'resourceId')
  const filter = query.get('tags') ?? ''
  const wanted = filter === '' ? new Map<string, string>() : pairsIn(parsed(filter))
  return permitted(request, { type, ids }, action).flatMap(({ id, thing }) => {
    const found = tags.of(thing)
    const fits = [...wanted].every(([key, value]) => found.get(key) === value)
    return [...(fits ? found : [])].map(([tagKey, tagValue]) => ({
      resourceType: type,
      resourceId: id,
      tagKey,
      tagValue,
    }))
  })
}

/** Throws AccessDenied unless the caller may do so with each. */
function permitted({ caller }: LogServiceRequest, named: Named, action: string) {
  const things = named.ids.map((id) => ({ id, thing: thingOf(named.type, id) }))
  for (const { thing } of things) caller!.assertMay(action, resourceOf(thing))
  return things
}

/** For the audit log. */
function askedFor(request: LogServiceRequest): string {
  try {
    const { type, ids } = namedIn(objectOf(request))
    return ids.map((id) => resourceOf(thingOf(type, id))).join(' ')
  } catch (error) {
    if (error instanceof WeirError) return '*' // the handler says what is wrong with the body
    throw error
  }
}

const resourceOf = ({ project, logstore }: TaggedThing): string =>
  logstore === undefined ? `project/${project}` : `project/${project}/logstore/${logstore}`

/** The id of a logstore is `PROJECT#LOGSTORE`. */
function thingOf(type: string, id: string): TaggedThing {
  const kind = type.toLowerCase()
  if (kind === 'project') return { project: id, logstore: undefined }
  const [project = '', logstore = '', ...more] = id.split('#')
  if (kind === 'logstore' && logstore !== '' && more.length === 0) return { project, logstore }
  throw invalid(
    kind === 'logstore' ? `resourceId ${id} is invalid` : `resourceType ${type} is invalid`,
  )
}

const thingsMax = 50

function namedIn(body: Readonly<Record<string, unknown>>): Named {
  const { resourceType, resourceId } = body
  if (typeof resourceType !== 'string') throw invalid('resourceType must be a text')
  const ids = textsIn(resourceId, 'resourceId')
  if (ids.length === 0 || ids.length > thingsMax)
    throw invalid(`resourceId must be a list of 1 to ${thingsMax}`)
  return { type: resourceType, ids }
}

function pairsIn(value: unknown): Map<string, string> {
  if (!Array.isArray(value)) throw invalid('tags must be a list')
  return new Map(
    value.map((each) => {
      const { key, value: text = '' } = (each ?? {}) as Readonly<Record<string, unknown>>
      if (typeof key !== 'string' || typeof text !== 'string')
        throw invalid('a tag has a key and a value')
      return [key, text] as const
    }),
  )
}

function textsIn(value: unknown, name: string): readonly string[] {
  if (Array.isArray(value) && value.every((each) => typeof each === 'string'))
    return value as readonly string[]
  throw invalid(`${name} must be a list of texts`)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new WeirError('ParameterInvalid', `${text} is not valid json string`, { cause })
  }
}

const invalid = (message: string): WeirError => new WeirError('ParameterInvalid', message)
