/**
 * Flow log records as flat columns: what a closed capture window hands on. Filled and reused chunk by
 * chunk, so a million records cost no objects. Text and log-store forms: `text.ts`, `columns.ts`.
 */

/** Records in one chunk. */
export const recordBatchRows = 4096

export const direction = { none: 0, in: 1, out: 2 } as const
export const directionText = ['-', 'in', 'out'] as const
export const action = { none: 0, accept: 1, reject: 2 } as const
export const actionText = ['-', 'ACCEPT', 'REJECT'] as const
export const logStatus = { ok: 0, noData: 1, skipData: 2 } as const
export const logStatusText = ['OK', 'NODATA', 'SKIPDATA'] as const
/** `path` of a record whose traffic path does not apply ("-"). */
export const noTrafficPath = 255

/** What the records of one ENI have in common. "-" where it does not apply. */
export interface EniIdentity {
  readonly accountId: string
  readonly eniId: string
  readonly vmId: string
  readonly vSwitchId: string
  readonly vpcId: string
}

export class FlowRecordBatch {
  rows = 0
  /** Index into the list of ENI identities that goes with the batch. */
  readonly eni = new Uint32Array(recordBatchRows)
  readonly status = new Uint8Array(recordBatchRows)
  readonly direction = new Uint8Array(recordBatchRows)
  readonly action = new Uint8Array(recordBatchRows)
  /** 4 or 6; 0 in NODATA and SKIPDATA records. */
  readonly family = new Uint8Array(recordBatchRows)
  readonly protocol = new Uint8Array(recordBatchRows)
  /** Four words a record, host order; IPv4 uses the first. */
  readonly source = new Int32Array(recordBatchRows * 4)
  readonly destination = new Int32Array(recordBatchRows * 4)
  readonly sourcePort = new Uint16Array(recordBatchRows)
  readonly destinationPort = new Uint16Array(recordBatchRows)
  readonly packets = new Float64Array(recordBatchRows)
  readonly bytes = new Float64Array(recordBatchRows)
  /** Unix seconds. */
  readonly start = new Float64Array(recordBatchRows)
  readonly end = new Float64Array(recordBatchRows)
  readonly tcpFlags = new Uint8Array(recordBatchRows)
  readonly path = new Uint8Array(recordBatchRows)
}
