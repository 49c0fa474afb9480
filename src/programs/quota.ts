/** `weir quota`: how much of a thing an account may have. */
import { quotasOfServer, setQuotaAtServer } from '../api/quota-client.ts'
import { WeirError } from '../base/errors.ts'
import type { Quota } from '../flow-log/flow-log.ts'
import { exitStatus } from './exit-status.ts'
import type { FlowLogOptions } from './flow-log-arguments.ts'
import { formatOf, writeRows } from './flow-log-output.ts'

export interface QuotaOptions extends FlowLogOptions {
  readonly account?: string
}

/** Each returns the exit status, and throws what the server answered or ServerUnreachable. */
export async function list(options: QuotaOptions): Promise<number> {
  const { quotas } = await quotasOfServer(options.server, options.account)
  await writeRows(quotas, quotas.map(columnsOf), formatOf(options))
  return exitStatus.ok
}

export async function set(name: string, value: string, options: QuotaOptions): Promise<number> {
  if (!/^\d{1,6}$/.test(value)) throw new WeirError('Usage', `${value} is no number of things`)
  const { account } = options
  const wanted = { value: Number(value), ...(account === undefined ? {} : { account }) }
  const quota = await setQuotaAtServer(options.server, name, wanted)
  await writeRows([quota], [columnsOf(quota)], formatOf(options))
  return exitStatus.ok
}

const columnsOf = ({ name, account, value, used, at, by }: Quota) => ({
  quota: name,
  account,
  value: String(value),
  used: String(used),
  changed: at === undefined ? 'never' : new Date(at * 1000).toISOString().replace('.000Z', 'Z'),
  by: by ?? '-',
})
