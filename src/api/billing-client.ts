/** The other side of the routes of bills, for commands. Errors come back as the WeirErrors they were. */
import type { Bill, BillRequest, Estimate, Standing, TrafficCosts } from '../billing/billing.ts'
import type { EstimateRequest, TopUpRequest, TrafficRequest } from './billing-contract.ts'
import { call, withBody } from './client.ts'

const path = '/weir/v1/bill'

const queryOf = (request: object): string =>
  new URLSearchParams(
    Object.entries(request).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString()

/** A month's bill. Errors as `queryServer`, and ParameterInvalid. */
export const billOfServer = (server: string, request: BillRequest): Promise<Bill> =>
  call(server, `${path}?${queryOf(request)}`, {})

/** Pays into an account. Errors as `queryServer`, and ParameterInvalid. */
export const topUpAtServer = (server: string, request: TopUpRequest): Promise<Standing> =>
  call(server, `${path}/top-ups`, withBody('POST', request))

/** What a flow log would cost. Errors as `queryServer`. */
export const estimateAtServer = (server: string, request: EstimateRequest): Promise<Estimate> =>
  call(server, `${path}/estimate?${queryOf(request)}`, {})

/** What traffic cost. Errors as `queryServer`. */
export const trafficOfServer = (server: string, request: TrafficRequest): Promise<TrafficCosts> =>
  call(server, `${path}/traffic?${queryOf(request)}`, {})
