/** `weir flow-log`: the flow logs of a running server. */
import {
  attachAnalyzer,
  createFlowLog,
  deleteFlowLog,
  flowLogOfServer,
  flowLogsOfServer,
  modifyFlowLog,
  switchFlowLog,
} from '../api/client.ts'
import {
  differencesOfFlowLog,
  fulfilAtServer,
  historyOfFlowLog,
  prerequisitesOfServer,
} from '../api/quota-client.ts'
import type { FlowLogEntry } from '../api/contract.ts'
import { WeirError } from '../base/errors.ts'
import { versionsAsked, writeDifferences } from './difference-output.ts'
import { exitStatus } from './exit-status.ts'
import {
  changesOf,
  filterOf,
  type FlowLogOptions,
  type FlowLogValueOptions,
  valuesOf,
} from './flow-log-arguments.ts'
import { formatOf, timeOf, writeFlowLog, writeFlowLogs, writeRows } from './flow-log-output.ts'

/** Each returns the exit status, and throws what the server answered or ServerUnreachable. */
export async function create(options: FlowLogValueOptions): Promise<number> {
  const format = formatOf(options)
  const { resourceType, resourceId, project, logstore, ...values } = valuesOf(options)
  const { analyzer } = options
  if (resourceType === undefined || resourceId === undefined)
    throw usage('say what the flow log is about', 'One of --vpc ID, --vswitch ID, --eni ID')
  const isAlone = analyzer !== undefined && project === undefined && logstore === undefined
  if ((project === undefined || logstore === undefined) && !isAlone)
    throw usage(
      'say where the records go',
      '--project NAME and --logstore NAME, with --create they are made; or --analyzer ID',
    )
  const wanted = {
    ...values,
    resourceType,
    resourceId,
    ...(project === undefined ? {} : { project }),
    ...(logstore === undefined ? {} : { logstore }),
    ...(analyzer === undefined ? {} : { analyzer }),
    ...(options.create === true ? { createMissing: true } : {}),
    ...(options.analysisReport === true ? { analysisReport: true } : {}),
  }
  await writeFlowLog(await createFlowLog(options.server, wanted), format)
  return exitStatus.ok
}

export async function list(options: FlowLogValueOptions): Promise<number> {
  const format = formatOf(options)
  const filter = filterOf(options)
  const flowLogs = await flowLogsOfServer(options.server, filter)
  await writeFlowLogs(flowLogs, format)
  if (flowLogs.length === 0 && format === 'table') {
    const which = Object.keys(filter).length === 0 ? '' : ' like that'
    process.stderr.write(
      `There is no flow log${which}. Make one: weir flow-log create --vpc ID --project NAME --logstore NAME --create\n`,
    )
  }
  return exitStatus.ok
}

export async function modify(id: string, options: FlowLogValueOptions): Promise<number> {
  const format = formatOf(options)
  const change = changesOf(options)
  if (Object.keys(change).length === 0)
    throw usage(
      'say what to change',
      '--name, --description, --window and --ip-version can be changed',
    )
  await writeFlowLog(await modifyFlowLog(options.server, id, change), format)
  return exitStatus.ok
}

export const show = (id: string, options: FlowLogOptions): Promise<number> =>
  tell(options, () => flowLogOfServer(options.server, id))

export const start = (id: string, options: FlowLogOptions): Promise<number> =>
  tell(options, () => switchFlowLog(options.server, id, 'start'))

export const stop = (id: string, options: FlowLogOptions): Promise<number> =>
  tell(options, () => switchFlowLog(options.server, id, 'stop'))

export const attach = (id: string, analyzer: string, options: FlowLogOptions): Promise<number> =>
  tell(options, () => attachAnalyzer(options.server, id, analyzer))

export const detach = (id: string, options: FlowLogOptions): Promise<number> =>
  tell(options, () => attachAnalyzer(options.server, id, null))

export const disableDelivery = (id: string, options: FlowLogOptions): Promise<number> =>
  tell(options, () => switchFlowLog(options.server, id, 'disable-delivery'))

/** The program's own name of a word that is taken. */
export async function remove(id: string, options: FlowLogOptions): Promise<number> {
  await deleteFlowLog(options.server, id)
  process.stderr.write(`Flow log ${id} is deleted. Its records stay in their logstore.\n`)
  return exitStatus.ok
}

export async function history(id: string, options: FlowLogOptions): Promise<number> {
  const format = formatOf(options)
  const { edits } = await historyOfFlowLog(options.server, id)
  const rows = edits.map(({ version, at, by, did, before, after }) => ({
    version: String(version),
    at: timeOf(at),
    by,
    did,
    before: JSON.stringify(before),
    after: JSON.stringify(after),
  }))
  await writeRows(edits, rows, format)
  return exitStatus.ok
}

export async function diff(
  id: string,
  from: string | undefined,
  to: string | undefined,
  options: FlowLogOptions,
): Promise<number> {
  const format = formatOf(options)
  const answer = await differencesOfFlowLog(options.server, id, versionsAsked(from, to))
  writeDifferences(answer, ({ version, at, by }) => `${version}, ${timeOf(at)}, by ${by}`, format)
  return exitStatus.ok
}

/** Shows what an account does before its first flow log, having done one of it. */
export async function prerequisites(
  options: FlowLogOptions & { readonly fulfil?: string; readonly account?: string },
): Promise<number> {
  const format = formatOf(options)
  const { server, fulfil, account } = options
  const { prerequisites: all } =
    fulfil === undefined
      ? await prerequisitesOfServer(server, account)
      : await fulfilAtServer(server, fulfil, account)
  const rows = all.map(({ name, done, by }) => ({
    prerequisite: name,
    done: done ? 'yes' : 'no',
    by: by ?? '-',
  }))
  await writeRows(all, rows, format)
  return exitStatus.ok
}

async function tell(options: FlowLogOptions, ask: () => Promise<FlowLogEntry>): Promise<number> {
  const format = formatOf(options)
  await writeFlowLog(await ask(), format)
  return exitStatus.ok
}

const usage = (message: string, hint: string): WeirError =>
  new WeirError('Usage', message, { hint })
