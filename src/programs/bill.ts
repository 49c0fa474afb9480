/** `weir bill`: what flow logs cost, and what traffic does. */
import {
  billOfServer,
  estimateAtServer,
  topUpAtServer,
  trafficOfServer,
} from '../api/billing-client.ts'
import { billGroupings, trafficGroupings } from '../billing/billing.ts'
import { WeirError } from '../base/errors.ts'
import { billText, estimateText, standingText, trafficText } from './bill-output.ts'
import { exitStatus } from './exit-status.ts'
import { ownLogstore, ownProject } from './first-flow-logs.ts'
import { shown } from './plain-table.ts'
import { writeStandardOutput } from './standard-output.ts'
import { timeArgument } from './time-argument.ts'

interface Options {
  readonly server: string
  readonly format: string
  readonly json?: boolean
}

export interface BillOptions extends Options {
  readonly month?: string
  readonly by: string
  readonly flowLog?: string
  readonly account?: string
  readonly region?: string
}

export interface RecordOptions extends Options {
  readonly project?: string
  readonly logstore?: string
  readonly from?: string
  readonly to?: string
}

export interface EstimateOptions extends RecordOptions {
  readonly vpc?: string
  readonly vswitch?: string
  readonly eni?: string
}

export async function bill(options: BillOptions): Promise<number> {
  const { server, month, flowLog, account, region } = options
  const by = known('--by', options.by, billGroupings)
  const only = given({ month, flowLog, account, region })
  return tell(options, await billOfServer(server, { ...only, by }), billText)
}

/** Without what was not said. */
const given = (options: Readonly<Record<string, string | undefined>>) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

export const topUp = async (
  amount: string,
  options: Options & { readonly account?: string },
): Promise<number> => {
  const { server, account } = options
  const request = account === undefined ? { amount } : { amount, account }
  return tell(options, await topUpAtServer(server, request), standingText)
}

export async function estimate(options: EstimateOptions): Promise<number> {
  const answer = await estimateAtServer(options.server, {
    ...recordsOf(options),
    ...resourceOf(options),
  })
  return tell(options, answer, estimateText)
}

export async function traffic(options: RecordOptions & { readonly by: string }): Promise<number> {
  const by = known('--by', options.by === 'item' ? 'path' : options.by, trafficGroupings)
  const answer = await trafficOfServer(options.server, { ...recordsOf(options), by })
  return tell(options, answer, trafficText)
}

async function tell<Answer extends object>(
  { format, json }: Options,
  answer: Answer,
  text: (answer: Answer) => Promise<string>,
): Promise<number> {
  const chosen = json === true ? 'json' : known('--format', format, ['table', 'json'] as const)
  writeStandardOutput(
    chosen === 'table'
      ? await text(answer)
      : `${JSON.stringify(answer, null, 2).split('\n').map(shown).join('\n')}\n`,
  )
  return exitStatus.ok
}

function known<Name extends string>(option: string, value: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === value)
  if (found !== undefined) return found
  throw new WeirError('Usage', `${option} is ${value}, not one of ${names.join(', ')}`)
}

function recordsOf({ project, logstore, from = '-1d', to = 'now' }: RecordOptions) {
  const now = Date.now() / 1000
  return {
    project: project ?? ownProject,
    logstore: logstore ?? ownLogstore,
    from: timeArgument('--from', from, 'UTC', now),
    to: timeArgument('--to', to, 'UTC', now),
  }
}

function resourceOf({ vpc, vswitch, eni }: EstimateOptions) {
  const given = [
    ['VPC', vpc],
    ['VSwitch', vswitch],
    ['NetworkInterface', eni],
  ] as const
  const chosen = given.filter(([, id]) => id !== undefined)
  if (chosen.length > 1) throw new WeirError('Usage', 'one of --vpc, --vswitch and --eni')
  const [first] = chosen
  return first?.[1] === undefined ? {} : { resourceType: first[0], resourceId: first[1] }
}
