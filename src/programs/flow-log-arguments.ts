/** What the command line of `weir flow-log` says, in the words of its routes. */
import type { FlowLogFilter, FlowLogPatch, FlowLogRequest } from '../api/contract.ts'
import { WeirError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { type Scope, scopes } from '../flow-log/flow-log.ts'

export interface FlowLogOptions {
  readonly server: string
  readonly format: string
  readonly json?: boolean
}

export interface FlowLogValueOptions extends FlowLogOptions {
  readonly name?: string
  readonly description?: string
  readonly vpc?: string
  readonly vswitch?: string
  readonly eni?: string
  readonly traffic?: string
  readonly ipVersion?: string
  readonly window?: string
  /** Scopes with commas between. */
  readonly path?: string
  readonly project?: string
  readonly logstore?: string
  readonly analyzer?: string
  readonly create?: boolean
  readonly analysisReport?: boolean
  readonly status?: string
}

type Values = Partial<Omit<FlowLogRequest, 'createMissing' | 'analysisReport'>>

const trafficTypes = { all: 'All', allow: 'Allow', drop: 'Drop' } as const
const ipVersions = { ipv4: 'IPv4', dualstack: 'DualStack' } as const
const windows = { '60': 60, '300': 300, '600': 600 } as const
const statuses = { active: 'Active', inactive: 'Inactive' } as const

/** Throws Usage. */
export function valuesOf(options: FlowLogValueOptions): Values {
  const { name, description, traffic, ipVersion, window, path, project, logstore } = options
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...targetOf(options),
    ...(traffic === undefined ? {} : { trafficType: oneOf('--traffic', traffic, trafficTypes) }),
    ...(ipVersion === undefined ? {} : { ipVersion: oneOf('--ip-version', ipVersion, ipVersions) }),
    ...(window === undefined ? {} : { windowSeconds: oneOf('--window', window, windows) }),
    ...(path === undefined ? {} : { scope: path.split(',').map(scopeOf) }),
    ...(project === undefined ? {} : { project }),
    ...(logstore === undefined ? {} : { logstore }),
  }
}

/** All that is said, also what cannot be changed: the server says so, in one place for all callers. */
export const changesOf = (options: FlowLogValueOptions): FlowLogPatch => valuesOf(options)

/** Throws Usage. */
export function filterOf(options: FlowLogValueOptions): FlowLogFilter {
  const { project, logstore, status } = options
  return {
    ...targetOf(options),
    ...(status === undefined ? {} : { status: oneOf('--status', status, statuses) }),
    ...(project === undefined ? {} : { project }),
    ...(logstore === undefined ? {} : { logstore }),
  }
}

function targetOf({
  vpc,
  vswitch,
  eni,
}: FlowLogValueOptions): Pick<Values, 'resourceType' | 'resourceId'> {
  const given = Object.entries({ VPC: vpc, VSwitch: vswitch, NetworkInterface: eni } as const)
  const [target, second] = given.filter(([, id]) => id !== undefined)
  if (target === undefined) return {}
  if (second !== undefined)
    throw new WeirError('Usage', 'a flow log is about one thing', {
      hint: 'One of --vpc ID, --vswitch ID, --eni ID',
    })
  const [resourceType, resourceId] = target as [FlowLogRequest['resourceType'], string]
  return { resourceType, resourceId }
}

function oneOf<T>(option: string, written: string, known: Readonly<Record<string, T>>): T {
  const key = written.toLowerCase()
  const value = Object.hasOwn(known, key) ? known[key] : undefined
  if (value !== undefined) return value
  throw new WeirError(
    'Usage',
    `${option} is ${written}, not one of ${Object.keys(known).join(', ')}`,
  )
}

function scopeOf(written: string): Scope {
  const name = written.trim()
  const scope = scopes.find((each) => each.toLowerCase() === name.toLowerCase())
  if (scope !== undefined) return scope
  const near = nearest(name, scopes)
  throw new WeirError('Usage', `--path ${JSON.stringify(name)} is no path that can be chosen`, {
    hint: near === undefined ? `There are: ${scopes.join(', ')}` : `Did you mean ${near}?`,
  })
}
