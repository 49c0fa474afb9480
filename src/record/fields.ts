/**
 * The fields of a flow log record, once: the text form, the columns of a logstore, the search and
 * the documentation all read this table. Names, order and meanings are the product page's ("Flow log
 * fields"). "If a field is not applicable, the field value is displayed as -."
 */
import type { ColumnKind } from '../base/columns.ts'

export const flowRecordFields = [
  { name: 'version', kind: 'integer', says: 'the version of the flow log: 1' },
  { name: 'account-id', kind: 'text', says: 'the account' },
  { name: 'eni-id', kind: 'text', says: 'the elastic network interface' },
  { name: 'vm-id', kind: 'text', says: 'the instance the ENI is attached to' },
  { name: 'vswitch-id', kind: 'text', says: 'the vSwitch of the ENI' },
  { name: 'vpc-id', kind: 'text', says: 'the VPC of the ENI' },
  { name: 'type', kind: 'text', says: 'IPv4 or IPv6' },
  { name: 'protocol', kind: 'integer', says: 'the IANA protocol number' },
  { name: 'srcaddr', kind: 'text', says: 'the source address' },
  { name: 'srcport', kind: 'integer', says: 'the source port' },
  { name: 'dstaddr', kind: 'text', says: 'the destination address' },
  { name: 'dstport', kind: 'integer', says: 'the destination port' },
  { name: 'direction', kind: 'text', says: 'in or out, as seen from the ENI' },
  { name: 'action', kind: 'text', says: 'ACCEPT or REJECT' },
  { name: 'packets', kind: 'integer', says: 'the number of packets' },
  { name: 'bytes', kind: 'integer', says: 'the number of bytes at the IP layer' },
  { name: 'start', kind: 'integer', says: 'the second of the first packet in the capture window' },
  {
    name: 'end',
    kind: 'integer',
    says: 'the end of the window, or when the connection was closed',
  },
  { name: 'tcp-flags', kind: 'integer', says: 'all TCP flags seen, OR-ed' },
  { name: 'log-status', kind: 'text', says: 'OK, NODATA or SKIPDATA' },
  { name: 'traffic_path', kind: 'integer', says: 'the traffic path, 0 to 22' },
] as const satisfies readonly { name: string; kind: ColumnKind; says: string }[]

export type FlowRecordField = (typeof flowRecordFields)[number]['name']

/** What stands for a value that does not apply. */
export const notApplicable = '-'

export const flowRecordVersion = 1
