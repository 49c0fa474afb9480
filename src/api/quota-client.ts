/** The other side of the routes of quotas and histories, for commands. Errors come back as the WeirErrors they were. */
import type { FlowLogEdit, Prerequisite, Quota } from '../flow-log/flow-log.ts'
import { call, withBody } from './client.ts'
import type { FlowLogHistoryAnswer } from './contract.ts'
import type { DifferencesAnswer, DifferencesQuery } from './differences.ts'

const ofAccount = (account: string | undefined): string =>
  account === undefined ? '' : `?${new URLSearchParams({ account }).toString()}`

/** Errors as `queryServer`. */
export const quotasOfServer = (
  server: string,
  account?: string,
): Promise<{ readonly quotas: readonly Quota[] }> =>
  call(server, `/weir/v1/quotas${ofAccount(account)}`, {})

/** Throws NotFound, ParameterInvalid; other errors as `queryServer`. */
export const setQuotaAtServer = (
  server: string,
  name: string,
  wanted: { readonly value: number; readonly account?: string },
): Promise<Quota> =>
  call(server, `/weir/v1/quotas/${encodeURIComponent(name)}`, withBody('PUT', wanted))

/** Throws FlowLogNotExist; other errors as `queryServer`. */
export const historyOfFlowLog = (server: string, id: string): Promise<FlowLogHistoryAnswer> =>
  call(server, `/weir/v1/flow-logs/${encodeURIComponent(id)}/history`, {})

/** Throws FlowLogNotExist, NotFound; other errors as `queryServer`. */
export function differencesOfFlowLog(
  server: string,
  id: string,
  asked: DifferencesQuery,
): Promise<DifferencesAnswer<FlowLogEdit>> {
  const query = new URLSearchParams({ ...asked }).toString()
  return call(server, `/weir/v1/flow-logs/${encodeURIComponent(id)}/differences?${query}`, {})
}

/** Errors as `queryServer`. */
export const prerequisitesOfServer = (
  server: string,
  account?: string,
): Promise<{ readonly prerequisites: readonly Prerequisite[] }> =>
  call(server, `/weir/v1/flow-log-prerequisites${ofAccount(account)}`, {})

/** Throws NotFound; other errors as `queryServer`. */
export const fulfilAtServer = (
  server: string,
  name: string,
  account?: string,
): Promise<{ readonly prerequisites: readonly Prerequisite[] }> =>
  call(server, `/weir/v1/flow-log-prerequisites/${encodeURIComponent(name)}${ofAccount(account)}`, {
    method: 'PUT',
  })
