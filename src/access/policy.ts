/**
 * What a key may do: a document of statements as the cloud's access control writes them. A statement that denies wins;
 * what no statement allows is denied.
 */
import { z } from 'zod'
import { WeirError } from '../base/errors.ts'

const pattern = z.string().min(1).max(512)
const action = pattern.regex(
  /^(\*$|(log|weir|vpc|ecs|nis|\*):)/i,
  'an action is *, or begins with log:, vpc:, ecs:, nis: or weir:, as log:Get*',
)
const resource = pattern.regex(
  /^(?!acs:)|^acs:(log|vpc|ecs|nis|\*):[^:]*:[^:]*:./,
  'a resource is *, project/NAME/*, flowlog/ID, or acs:log:REGION:ACCOUNT: and one of them',
)
/** One need not be a list. */
const oneOrMore = (each: z.ZodString) =>
  z.preprocess(
    (value) => (typeof value === 'string' ? [value] : value),
    z.array(each, 'a text, or a list of texts').min(1).max(500),
  )
const statement = z.strictObject({
  Effect: z.enum(['Allow', 'Deny']),
  Action: oneOrMore(action),
  Resource: oneOrMore(resource),
})
const schema = z.strictObject({
  Version: z.literal('1'),
  Statement: z.array(statement).max(500),
})

export interface Policy {
  readonly Version: '1'
  readonly Statement: readonly Statement[]
}

export interface Statement {
  readonly Effect: 'Allow' | 'Deny'
  readonly Action: readonly string[]
  readonly Resource: readonly string[]
}

/** As one writes it: one pattern need not be a list. */
export interface PolicyDocument {
  readonly Version: '1'
  readonly Statement: readonly {
    readonly Effect: 'Allow' | 'Deny'
    readonly Action: string | readonly string[]
    readonly Resource: string | readonly string[]
  }[]
}

/** @throws WeirError ParameterInvalid with the path of the first thing that is wrong */
export function parsePolicy(document: unknown): Policy {
  const checked = schema.safeParse(document)
  if (checked.success) return checked.data
  const [issue] = checked.error.issues
  const place = ['policy', ...issue!.path.map(String)].join('.')
  throw new WeirError('ParameterInvalid', `${place}: ${issue!.message}`, {
    place,
    hint: '{"Version":"1","Statement":[{"Effect":"Allow","Action":"log:Get*","Resource":"acs:log:*:*:project/NAME/*"}]}',
  })
}

export const permissionLevels = ['read', 'write', 'admin'] as const
export type PermissionLevel = (typeof permissionLevels)[number]

export interface Permission {
  /** A project's name; `*` for all. */
  readonly project: string
  readonly level: PermissionLevel
}

const reading = ['log:Get*', 'log:List*', 'log:Pull*', 'weir:Query', 'weir:GetProjects']
const writing = [
  'log:Post*',
  'log:PutLogs',
  'log:PutWebtracking',
  'log:CreateConsumerGroup',
  'log:UpdateConsumerGroup',
  'log:DeleteConsumerGroup',
  'log:ConsumerGroup*',
  'weir:PutRecords',
]
/** Of the server as a whole, for who may do so with all projects. */
const seeing = [
  'weir:ListFlowLogs',
  'weir:ListAnalyzers',
  'weir:Explain',
  'weir:ListTopologyVersions',
  'weir:GetTopologyVersion',
  'weir:Ledger',
  'weir:ListAgents',
  'weir:Check',
  'vpc:Describe*',
  'vpc:Get*',
  'vpc:List*',
  'ecs:Describe*',
  'nis:Describe*',
  'nis:Get*',
  'nis:Start*',
]

/** The short form: read, write (and read) or admin of projects. */
export function policyOf(permissions: readonly Permission[]): Policy {
  const Statement = permissions.flatMap(({ project, level }): Statement[] => {
    const Resource = project === '*' ? ['*'] : [`project/${project}`, `project/${project}/*`]
    const own = project === '*' ? seeing : []
    const actions = {
      read: [...reading, ...own],
      write: [...reading, ...writing, ...own],
      admin: ['*'],
    }
    return [{ Effect: 'Allow', Action: actions[level], Resource }]
  })
  return { Version: '1', Statement }
}

/** @param account whose the key is; undefined: the server's, which an account in a resource does not keep out */
export function allows(
  { Statement }: Policy,
  action: string,
  resource: string,
  account?: string,
): boolean {
  const isOf = (wanted: string): boolean =>
    account === undefined || wanted === '' || fits(wanted, account)
  const applies = ({ Action, Resource }: Statement): boolean =>
    Action.some((each) => fits(each.toLowerCase(), action.toLowerCase())) &&
    Resource.some((each) => {
      const named = /^acs:[^:]*:[^:]*:([^:]*):/.exec(each)
      if (named === null) return fits(each, resource)
      return isOf(named[1]!) && fits(each.slice(named[0].length), resource)
    })
  const applying = Statement.filter(applies)
  return applying.length > 0 && applying.every(({ Effect }) => Effect === 'Allow')
}

/** `*` is any text, `?` a character. In time of both lengths' product at most. */
function fits(wanted: string, text: string): boolean {
  let at = 0
  let star = -1
  let starAt = 0
  let next = 0
  while (at < text.length) {
    if (wanted[next] === '*') {
      star = next++
      starAt = at
    } else if (next < wanted.length && (wanted[next] === '?' || wanted[next] === text[at])) {
      next++
      at++
    } else if (star !== -1) {
      next = star + 1
      at = ++starAt
    } else return false
  }
  while (wanted[next] === '*') next++
  return next === wanted.length
}
