import { WeirError } from '../../base/errors.ts'
import { Projects, type ServiceProject } from '../../log-service/log-service.ts'
import { readProjectPolicy } from './project-policy.ts'
import { nameIn, objectOf, pageOf } from './read-body.ts'
import type { LogServiceAnswer, LogServiceRequest, LogServiceRoute } from './route.ts'
import type { LogServiceThings } from './things.ts'

type ProjectThings = Pick<LogServiceThings, 'store' | 'region' | 'account' | 'endpoints'>

/** Projects, their policies and resource groups, and what the service says of itself (alibaba-api.md §3.3, §4.1). */
export function projectRoutes(things: ProjectThings): LogServiceRoute[] {
  const projects = new Projects(things.store)
  return [...ownRoutes(projects, things), ...policyRoutes(projects), ...serviceRoutes(things)]
}

const path = '/'
const host = 'project'

function ownRoutes(projects: Projects, things: ProjectThings): LogServiceRoute[] {
  return [
    {
      method: 'POST',
      path,
      host: 'any',
      action: 'log:CreateProject',
      resource: (request) => `project/${nameIn(request, 'projectName')}`,
      handle(request) {
        projects.create(newProject(request))
        return {}
      },
    },
    {
      method: 'GET',
      path,
      host: 'bare',
      action: 'log:ListProject',
      asksEach: true,
      handle: (request) => ({ json: listed(projects, things, request) }),
    },
    {
      method: 'GET',
      path,
      host,
      action: 'log:GetProject',
      handle: ({ project }) => ({ json: served(projects.get(project!), things) }),
    },
    {
      method: 'PUT',
      path,
      host,
      action: 'log:UpdateProject',
      handle(request) {
        const body = objectOf(request)
        refuseRecycleBin(body)
        const description = textIn(body, 'description')
        if (description !== undefined) projects.describe(request.project!, description)
        return {}
      },
    },
    {
      method: 'DELETE',
      path,
      host,
      action: 'log:DeleteProject',
      async handle({ project }) {
        await projects.delete(project!)
        return {}
      },
    },
    {
      method: 'PUT',
      path: '/resourcegroup',
      host,
      action: 'log:ChangeResourceGroup',
      handle(request) {
        const body = objectOf(request)
        const type = textIn(body, 'resourceType') ?? 'PROJECT'
        if (type.toUpperCase() !== 'PROJECT') throw invalid(`resourceType ${type} is invalid`)
        const id = textIn(body, 'resourceId') ?? request.project
        if (id !== request.project) throw invalid('resourceId is another project than the host’s')
        projects.moveTo(request.project!, textIn(body, 'resourceGroupId') ?? '')
        return {}
      },
    },
  ]
}

function newProject(request: LogServiceRequest): Parameters<Projects['create']>[0] {
  const body = objectOf(request)
  refuseRecycleBin(body)
  const name = textIn(body, 'projectName')
  if (name === undefined) throw invalid('projectName is missing')
  if (request.project !== undefined && request.project !== name)
    throw invalid('projectName is another project than the host’s')
  const group = textIn(body, 'resourceGroupId') ?? ''
  const redundancy = textIn(body, 'dataRedundancyType') ?? ''
  if (redundancy !== '' && redundancy !== 'LRS' && redundancy !== 'ZRS')
    throw invalid(`dataRedundancyType ${redundancy} is invalid`)
  return {
    name,
    description: textIn(body, 'description') ?? '',
    ...(group === '' ? {} : { resourceGroup: group }),
    ...(redundancy === '' ? {} : { dataRedundancy: redundancy }),
  }
}

function refuseRecycleBin(body: Readonly<Record<string, unknown>>): void {
  if (body['recycleBinEnabled'] === true)
    throw invalid('recycleBinEnabled is not supported: a project that is deleted is gone')
}

const sizeDefault = 100
const sizeMax = 500

/** Those that the caller may see. */
function listed(projects: Projects, things: ProjectThings, request: LogServiceRequest): unknown {
  const { query, caller } = request
  const { offset, size } = pageOf(request, sizeDefault, sizeMax)
  const part = query.get('projectName') ?? ''
  const group = query.get('resourceGroupId') ?? ''
  const found = projects
    .list()
    .filter(({ name }) => name.includes(part) && caller!.may('log:ListProject', `project/${name}`))
    .filter(({ resourceGroup }) => group === '' || resourceGroup === group)
  const page = found.slice(offset, offset + size)
  return {
    count: page.length,
    total: found.length,
    projects: page.map((each) => served(each, things)),
  }
}

/** Python looks each of these up without asking whether it is there. */
const served = (project: ServiceProject, { region, account }: ProjectThings): unknown => ({
  projectName: project.name,
  description: project.description,
  status: 'Normal',
  region,
  location: region,
  owner: account,
  createTime: timeText(project.createdAt),
  lastModifyTime: timeText(project.updatedAt),
  resourceGroupId: project.resourceGroup,
  dataRedundancyType: project.dataRedundancy,
  recycleBinEnabled: false,
  quota: {},
})

/** `2020-11-18 16:55:57`, in UTC. */
const timeText = (seconds: number): string =>
  new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')

function policyRoutes(projects: Projects): LogServiceRoute[] {
  const own = { path: '/policy', host } as const
  return [
    {
      ...own,
      method: 'GET',
      action: 'log:GetProjectPolicy',
      handle: ({ project }) => policyAnswer(projects.policy(project!)),
    },
    {
      ...own,
      method: 'POST',
      action: 'log:PutProjectPolicy',
      handle(request) {
        const text = request.body.toString('utf8')
        readProjectPolicy(text)
        projects.setPolicy(request.project!, text)
        return {}
      },
    },
    {
      ...own,
      method: 'DELETE',
      action: 'log:DeleteProjectPolicy',
      handle({ project }) {
        projects.setPolicy(project!, undefined)
        return {}
      },
    },
  ]
}

const policyAnswer = (policy: string | undefined): LogServiceAnswer =>
  policy === undefined ? {} : { body: Buffer.from(policy), contentType: 'application/json' }

function serviceRoutes({ region, endpoints }: ProjectThings): LogServiceRoute[] {
  const own = { host: 'any', resource: () => '*' } as const
  const [endpoint = 'localhost'] = endpoints
  const regions = [
    {
      region,
      localName: region,
      internetEndpoint: endpoint,
      intranetEndpoint: endpoint,
      dataRedundancyType: ['LRS'],
    },
  ]
  return [
    {
      ...own,
      method: 'GET',
      path: '/slsservice',
      action: 'log:GetSlsService',
      handle: () => ({
        json: {
          enabled: true,
          status: 'Opened',
        },
      }),
    },
    {
      ...own,
      method: 'POST',
      path: '/slsservice',
      action: 'log:OpenSlsService',
      handle: () => ({}),
    },
    {
      ...own,
      method: 'GET',
      path: '/regions',
      action: 'log:DescribeRegions',
      handle: () => ({ json: { regions } }),
    },
  ]
}

/** Undefined when it is not there. Throws ParameterInvalid when it is no text. */
function textIn(body: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return value
  throw invalid(`${name} must be a text`)
}

const invalid = (message: string): WeirError => new WeirError('ParameterInvalid', message)
