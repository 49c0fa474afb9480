/** `weir key`: who may ask a server what. */
import { readFileSync } from 'node:fs'
import type { KeyLimits, LimitsChange, Permission, PermissionLevel } from '../access/access.ts'
import {
  auditOfServer,
  changeServerKey,
  changeServerMasterKey,
  createServerKey,
  deleteServerKey,
  keysOfServer,
} from '../api/client.ts'
import type { KeyAnswer } from '../api/contract.ts'
import { WeirError } from '../base/errors.ts'
import { replaceFile } from '../base/replace-file.ts'
import { exitStatus } from './exit-status.ts'
import { plainTable } from './plain-table.ts'
import { writeStandardOutput } from './standard-output.ts'
import { timeArgument } from './time-argument.ts'

interface RightOptions {
  readonly read?: readonly string[]
  readonly write?: readonly string[]
  readonly admin?: readonly string[]
  readonly policy?: string
}

interface LimitOptions {
  readonly requestsPerSecond?: string
  readonly bytesPerSecond?: string
  readonly bodyBytesMax?: string
}

export interface CreateOptions extends RightOptions, LimitOptions {
  readonly server: string
  readonly expires?: string
  readonly account?: string
  readonly file?: string
}

/** @returns the exit status, as all of these do */
export async function createKey(name: string, options: CreateOptions): Promise<number> {
  const rights = rightsOf(options)
  if (Object.keys(rights).length === 0)
    throw new WeirError('Usage', 'a key that may do nothing is no use', {
      hint: 'Say what it may: --read PROJECT, --write PROJECT, --admin PROJECT or --policy FILE',
    })
  const limits = limitsOf(options)
  const key = await createServerKey(options.server, {
    name,
    ...rights,
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
    ...(options.account === undefined ? {} : { account: options.account }),
    ...(options.expires === undefined
      ? {}
      : { expiresAt: timeArgument('--expires', options.expires, 'UTC', Date.now() / 1000) }),
  })
  const text = `${JSON.stringify(key)}\n`
  if (options.file === undefined) writeStandardOutput(text)
  else {
    replaceFile(options.file, text, 0o600)
    process.stderr.write(`Key ${key.id} is in ${options.file}.\n`)
  }
  return exitStatus.ok
}

export async function listKeys(options: {
  readonly server: string
  readonly json?: boolean
}): Promise<number> {
  const keys = await keysOfServer(options.server)
  if (options.json === true) writeStandardOutput(`${JSON.stringify(keys)}\n`)
  else {
    const rows = keys.map((key) => [
      key.id,
      key.name,
      key.enabled ? 'enabled' : 'disabled',
      key.account ?? 'all',
      dateOf(key.createdAt),
      key.usedAt === undefined ? 'never' : dateOf(key.usedAt),
      rightsText(key),
    ])
    const head = ['id', 'name', 'state', 'account', 'created (UTC)', 'used (UTC)', 'may']
    writeStandardOutput(await plainTable(head, rows))
  }
  return exitStatus.ok
}

export interface ChangeOptions extends RightOptions, LimitOptions {
  readonly server: string
  readonly name?: string
  readonly disable?: boolean
  readonly enable?: boolean
}

export async function changeKey(id: string, options: ChangeOptions): Promise<number> {
  if (options.disable === true && options.enable === true)
    throw new WeirError('Usage', '--disable and --enable are one too many')
  const limits = limitsChangeOf(options)
  const change = {
    ...rightsOf(options),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.disable === true ? { enabled: false } : {}),
    ...(options.enable === true ? { enabled: true } : {}),
  }
  if (Object.keys(change).length === 0)
    throw new WeirError('Usage', 'there is nothing to change', {
      hint: 'Say what: --name, --disable, --enable, --read, --write, --admin, --policy or a limit',
    })
  const { enabled } = await changeServerKey(options.server, id, change)
  process.stderr.write(`Key ${id} is changed; it is ${enabled ? 'enabled' : 'disabled'}.\n`)
  return exitStatus.ok
}

export async function deleteKey(id: string, options: { readonly server: string }): Promise<number> {
  await deleteServerKey(options.server, id)
  process.stderr.write(`Key ${id} is deleted.\n`)
  return exitStatus.ok
}

export async function rewrapKeys(options: { readonly server: string }): Promise<number> {
  const { kept } = await changeServerMasterKey(options.server)
  process.stderr.write(
    `The secrets of all keys are encrypted with a new master key. The old one is in ${kept}: remove it when no backup from before is left.\n`,
  )
  return exitStatus.ok
}

export interface AuditOptions {
  readonly server: string
  readonly from?: string
  readonly to?: string
  readonly key?: string
  readonly limit?: string
  readonly json?: boolean
}

export async function showAudit(options: AuditOptions): Promise<number> {
  const now = Date.now() / 1000
  const time = (name: 'from' | 'to') =>
    options[name] === undefined
      ? {}
      : { [name]: timeArgument(`--${name}`, options[name], 'UTC', now) }
  const entries = await auditOfServer(options.server, {
    ...time('from'),
    ...time('to'),
    ...(options.key === undefined ? {} : { key: options.key }),
    limit: options.limit === undefined ? 100 : wholeOf('--limit', options.limit),
  })
  if (options.json === true) writeStandardOutput(`${JSON.stringify(entries)}\n`)
  else {
    const rows = entries.map(({ at, keyId, source, action, resource, outcome }) => [
      dateOf(at / 1000),
      keyId,
      source,
      action,
      resource,
      outcome,
    ])
    const head = ['time (UTC)', 'key', 'from', 'action', 'on', 'outcome']
    writeStandardOutput(await plainTable(head, rows))
  }
  return exitStatus.ok
}

function rightsOf({ policy, ...options }: RightOptions) {
  const levels: readonly PermissionLevel[] = ['read', 'write', 'admin']
  const permissions: Permission[] = levels.flatMap((level) =>
    (options[level] ?? []).map((project) => ({ project, level })),
  )
  if (policy !== undefined && permissions.length > 0)
    throw new WeirError('Usage', '--policy says all: no --read, --write or --admin beside it')
  if (policy !== undefined) return { policy: readPolicy(policy) }
  return permissions.length === 0 ? {} : { permissions }
}

function readPolicy(path: string): object {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof value === 'object' && value !== null) return value
  } catch (cause) {
    throw new WeirError('FileUnreadable', `no policy: ${(cause as Error).message}`, {
      place: path,
      cause,
    })
  }
  throw new WeirError('Usage', 'a policy is a JSON object', { place: path })
}

const limitNames = {
  requestsPerSecond: '--requests-per-second',
  bytesPerSecond: '--bytes-per-second',
  bodyBytesMax: '--body-bytes-max',
} as const

const limitsOf = (options: LimitOptions): KeyLimits => limitsBy(options, wholeOf)

/** `none` lifts a limit. */
const limitsChangeOf = (options: LimitOptions): LimitsChange =>
  limitsBy(options, (option, text) => (text === 'none' ? null : wholeOf(option, text)))

function limitsBy<Value>(options: LimitOptions, read: (option: string, text: string) => Value) {
  const limits: { -readonly [Name in keyof KeyLimits]: Value } = {}
  for (const name of ['requestsPerSecond', 'bytesPerSecond', 'bodyBytesMax'] as const) {
    const text = options[name]
    if (text !== undefined) limits[name] = read(limitNames[name], text)
  }
  return limits
}

function wholeOf(option: string, text: string): number {
  const value = /^\d{1,12}$/.test(text) ? Number(text) : 0
  if (value > 0) return value
  throw new WeirError('Usage', `${option} is ${text}, not a whole number from 1 on`)
}

const dateOf = (seconds: number): string =>
  new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')

/** Of each statement the first words. */
const rightsText = ({ policy }: KeyAnswer): string =>
  policy.Statement.map(
    ({ Effect, Action, Resource }) =>
      `${Effect === 'Deny' ? 'not ' : ''}${shortened(Action)} on ${shortened(Resource)}`,
  ).join('; ')

const shortened = ([first, ...rest]: readonly string[]): string =>
  rest.length === 0 ? first! : `${first}, +${rest.length}`
