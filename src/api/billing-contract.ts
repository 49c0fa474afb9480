/** What travels between the routes of bills and their callers. */
import type {
  Bill,
  BillRequest,
  Estimate,
  Standing,
  TrafficCosts,
  TrafficGrouping,
} from '../billing/billing.ts'

/** Records of a time, Unix seconds, `from <= __time__ < to`. */
export interface RecordsOf {
  readonly project: string
  readonly logstore: string
  readonly from: number
  readonly to: number
}

/** What a flow log would be about; without a resource, all that the logstore has. */
export interface EstimateRequest extends RecordsOf {
  readonly resourceType?: 'VPC' | 'VSwitch' | 'NetworkInterface'
  readonly resourceId?: string
}

export interface TrafficRequest extends RecordsOf {
  readonly by: TrafficGrouping
}

export interface TopUpRequest {
  /** The server's own unless told. */
  readonly account?: string
  /** Such as `100` or `12.50`. */
  readonly amount: string
}

/** What flow logs cost. */
export interface BillKeeper {
  /** Throws ParameterInvalid. */
  bill(request: BillRequest): Promise<Bill>
  /** Throws ParameterInvalid. */
  topUp(request: TopUpRequest): Promise<Standing>
  /** Throws as a query does. */
  estimate(request: EstimateRequest): Promise<Estimate>
  /** Throws as a query does. */
  traffic(request: TrafficRequest): Promise<TrafficCosts>
}
