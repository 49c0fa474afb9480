/**
 * AWS VPC flow logs: lines of values with blanks between, versions 2 to 10.
 * Source: Amazon VPC User Guide, "Flow log records", table of available fields.
 */
import type { FlowRecordField } from '../record/fields.ts'
import type { FormatReader } from './format-reader.ts'
import { type FlowRecord, Malformed, shown } from './record-rows.ts'

/**
 * The fields in the guide's order, and what each becomes. "" is read over: the record has no such field.
 *
 * | decision | why |
 * | --- | --- |
 * | srcaddr and dstaddr, not pkt-srcaddr and pkt-dstaddr | those of the interface, as the ENI's record has them; pkt-* stands in where a custom format lacks them |
 * | instance-id is vm-id, subnet-id is vswitch-id, interface-id is eni-id | the same thing by another name |
 * | version is 1 | it is the version of our record |
 * | tcp-flags as they are | the same bits; AWS leaves ACK out when it stands alone |
 * | type EFA is left out, and told by the addresses | only IPv4 and IPv6 are types here |
 */
const fields: Readonly<Record<string, FlowRecordField | ''>> = {
  // version 2: the default format
  version: '',
  'account-id': 'account-id',
  'interface-id': 'eni-id',
  srcaddr: 'srcaddr',
  dstaddr: 'dstaddr',
  srcport: 'srcport',
  dstport: 'dstport',
  protocol: 'protocol',
  packets: 'packets',
  bytes: 'bytes',
  start: 'start',
  end: 'end',
  action: 'action',
  'log-status': 'log-status',
  // version 3
  'vpc-id': 'vpc-id',
  'subnet-id': 'vswitch-id',
  'instance-id': 'vm-id',
  'tcp-flags': 'tcp-flags',
  type: 'type',
  'pkt-srcaddr': '',
  'pkt-dstaddr': '',
  // version 4
  region: '',
  'az-id': '',
  'sublocation-type': '',
  'sublocation-id': '',
  // version 5
  'pkt-src-aws-service': '',
  'pkt-dst-aws-service': '',
  'flow-direction': 'direction',
  'traffic-path': 'traffic_path',
  // version 7
  'ecs-cluster-arn': '',
  'ecs-cluster-name': '',
  'ecs-container-instance-arn': '',
  'ecs-container-instance-id': '',
  'ecs-container-id': '',
  'ecs-second-container-id': '',
  'ecs-service-name': '',
  'ecs-task-definition-arn': '',
  'ecs-task-arn': '',
  'ecs-task-id': '',
  // versions 8, 9, 10
  'reject-reason': '',
  'resource-id': '',
  'encryption-status': '',
}

const names = Object.keys(fields)
/** How many fields there are up to and with a version. Without a header a line of so many has them in order. */
const fieldsOfVersion = [14, 21, 25, 29, 39, 40, 41, 42] as const

const directions: Readonly<Record<string, string>> = { ingress: 'in', egress: 'out' }

/** The path of egress traffic (version 5) as our codes; two where IPv4 and IPv6 differ. */
const trafficPaths: Readonly<Record<string, readonly [ipv4: number, ipv6: number]>> = {
  1: [1, 1], // another resource in the same VPC
  2: [0, 0], // an internet gateway or a gateway endpoint: it does not tell which
  3: [9, 9], // a virtual private gateway
  4: [17, 17], // VPC peering in the region
  5: [17, 17], // VPC peering between regions
  6: [0, 0], // a local gateway
  7: [6, 6], // a gateway VPC endpoint
  8: [13, 14], // an internet gateway
}

/** What each value of a line becomes. */
interface Layout {
  readonly targets: readonly (FlowRecordField | '')[]
  readonly packetSource: number
  readonly packetDestination: number
}

/** @param header names of the fields, for files without a line of them */
export function awsReader(header?: readonly string[]): FormatReader {
  let layout = header === undefined ? undefined : layoutOf(header)
  let counted: Layout | undefined
  return (text, taker) => {
    let values = text.split(blanks)
    // CloudWatch Logs puts the time of arrival before each line it exports.
    if (values[0]!.length > 19 && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(values[0]!))
      values = values.slice(1)
    if (isHeader(values)) {
      layout = layoutOf(values)
      return
    }
    if (layout === undefined && counted?.targets.length !== values.length)
      counted = layoutByCount(values)
    const known = layout ?? counted!
    if (known.targets.length !== values.length)
      throw new Malformed(`it has ${values.length} values for ${known.targets.length} fields`)
    taker.record(recordOf(known, values))
  }
}

const blanks = /[ \t]+/

/** True of a line that names fields: no value looks like two of them. */
export const isAwsHeader = (line: string): boolean => isHeader(line.trim().split(/[ \t]+/))

const isHeader = (values: readonly string[]): boolean =>
  values.length > 1 && values.slice(0, 2).every((value) => Object.hasOwn(fields, bare(value)))

/** `${srcaddr}`, as the custom format is written in the console, is `srcaddr`. */
const bare = (name: string): string => /^\$\{(.*)\}$/.exec(name)?.[1] ?? name

/** A field that came after version 10 is read over. */
function layoutOf(header: readonly string[]): Layout {
  const written = header.map(bare)
  return {
    targets: written.map((name) => fields[name] ?? ''),
    packetSource: written.indexOf('pkt-srcaddr'),
    packetDestination: written.indexOf('pkt-dstaddr'),
  }
}

function layoutByCount(values: readonly string[]): Layout {
  if (!/^\d{1,2}$/.test(values[0]!)) throw new Malformed('its first value is not a version')
  if (fieldsOfVersion.some((count) => count === values.length))
    return layoutOf(names.slice(0, values.length))
  throw new Malformed(
    `it has ${values.length} values, and no line before it names the fields; say them with --fields`,
  )
}

function recordOf(layout: Layout, values: readonly string[]): FlowRecord {
  const record: FlowRecord = {}
  for (let i = 0; i < values.length; i++) {
    const field = layout.targets[i]!
    if (field !== '' && values[i] !== '-') record[field] = values[i]
  }
  record.srcaddr ??= values[layout.packetSource]
  record.dstaddr ??= values[layout.packetDestination]
  record['log-status'] ??= 'OK'
  if (record.type === 'EFA') record.type = undefined
  if (record.direction !== undefined) record.direction = directionOf(record.direction)
  if (record.traffic_path !== undefined) {
    const ipv6 = record.srcaddr !== undefined && String(record.srcaddr).includes(':')
    const paths = trafficPaths[record.traffic_path]
    if (paths === undefined) throw new Malformed(`"traffic-path" is ${shown(record.traffic_path)}`)
    record.traffic_path = paths[ipv6 ? 1 : 0]
  }
  return record
}

function directionOf(value: string | number): string {
  const direction = directions[value]
  if (direction === undefined) throw new Malformed(`"flow-direction" is ${shown(value)}`)
  return direction
}
