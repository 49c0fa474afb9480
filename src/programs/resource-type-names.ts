import type { FlowLog } from '../flow-log/flow-log.ts'

/** What a flow log captures, in the words of the product page. */
export const resourceTypeNames: Readonly<Record<FlowLog['resourceType'], string>> = {
  VPC: 'VPC',
  VSwitch: 'vSwitch',
  NetworkInterface: 'ENI',
}
