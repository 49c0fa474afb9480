/**
 * A project's policy: what nobody may do with it, whatever the policy of a key allows. What a statement allows gives
 * nothing here, since there are no users besides the keys; a statement that Weir could not hold people to is refused.
 */
import { BlockList, isIP } from 'node:net'
import { z } from 'zod'
import { allows, parsePolicy, type Policy } from '../../access/access.ts'
import { WeirError } from '../../base/errors.ts'

const addresses = z.union([z.string().transform((one) => [one]), z.array(z.string()).min(1)])
const onAddress = z.strictObject({ 'acs:SourceIp': addresses })
const everybody = z.union([z.literal('*'), z.tuple([z.literal('*')])])
const statement = z.strictObject({
  Effect: z.enum(['Allow', 'Deny']),
  Action: z.unknown(),
  Resource: z.unknown(),
  Principal: everybody.optional(),
  Condition: z
    .strictObject({ IpAddress: onAddress.optional(), NotIpAddress: onAddress.optional() })
    .optional(),
})
const schema = z.strictObject({ Version: z.literal('1'), Statement: z.array(statement).max(100) })

interface Denial {
  /** Allows what is denied. */
  readonly what: Policy
  readonly from: BlockList | undefined
  readonly notFrom: BlockList | undefined
}

/** @throws WeirError ParameterInvalid with the path of the first thing that is wrong */
export function readProjectPolicy(text: string): readonly Denial[] {
  const checked = schema.safeParse(parsed(text))
  if (!checked.success) {
    const [issue] = checked.error.issues
    throw invalid(`${['policy', ...issue!.path.map(String)].join('.')}: ${issue!.message}`)
  }
  const read = checked.data.Statement.map(({ Effect, Action, Resource, Condition }) => ({
    Effect,
    what: parsePolicy({ Version: '1', Statement: [{ Effect: 'Allow', Action, Resource }] }),
    from: listOf(Condition?.IpAddress?.['acs:SourceIp']),
    notFrom: listOf(Condition?.NotIpAddress?.['acs:SourceIp']),
  }))
  return read.filter(({ Effect }) => Effect === 'Deny')
}

/** Nobody can lock themselves out: the policy itself is for the keys' own policies. */
const aboutPolicy = /^log:(Get|Put|Delete)ProjectPolicy$/

/**
 * @param source the peer's address
 * @throws WeirError AccessDenied
 */
export function assertNotDenied(
  policy: string,
  action: string,
  resource: string,
  source: string,
): void {
  if (aboutPolicy.test(action)) return
  const denied = denialsOf(policy).some(
    ({ what, from, notFrom }) =>
      allows(what, action, resource) &&
      (from === undefined || isIn(from, source)) &&
      (notFrom === undefined || !isIn(notFrom, source)),
  )
  if (denied)
    throw new WeirError('AccessDenied', `the project’s policy denies ${action} on ${resource}`)
}

const kept = new Map<string, readonly Denial[]>()
const keptMax = 1000

/** The policy of a project is looked at with each request and changes seldom. */
function denialsOf(policy: string): readonly Denial[] {
  const known = kept.get(policy)
  if (known !== undefined) return known
  const denials = readProjectPolicy(policy)
  if (kept.size >= keptMax) kept.clear()
  kept.set(policy, denials)
  return denials
}

function listOf(addresses: readonly string[] | undefined): BlockList | undefined {
  if (addresses === undefined) return undefined
  const list = new BlockList()
  for (const each of addresses) {
    const [address = '', bits, ...more] = each.split('/')
    const version = isIP(address)
    const width = version === 4 ? 32 : 128
    const prefix = bits === undefined ? width : /^\d{1,3}$/.test(bits) ? Number(bits) : Infinity
    if (version === 0 || prefix > width || more.length > 0)
      throw invalid(`policy: ${each} is no address and no CIDR block`)
    list.addSubnet(address, prefix, version === 4 ? 'ipv4' : 'ipv6')
  }
  return list
}

function isIn(list: BlockList, source: string): boolean {
  const address = source.replace(/^::ffff:(?=\d+\.)/i, '')
  const version = isIP(address)
  return version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new WeirError('ParameterInvalid', 'The body is not valid json string', { cause })
  }
}

const invalid = (message: string): WeirError => new WeirError('ParameterInvalid', message)
