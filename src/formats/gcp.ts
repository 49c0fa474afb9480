/**
 * Google Cloud VPC flow logs: log entries as JSON, from Cloud Storage (a line each) or `gcloud logging read` (an array).
 * Source: Google Cloud documentation, "VPC Flow Logs records", record format.
 *
 * The side that reported it is the one whose interface the record is about: SRC sent it, DEST received it.
 *
 * | field | from | why |
 * | --- | --- | --- |
 * | account-id | project_id of the side's VPC or instance, else of the entry's resource | what is billed |
 * | vm-id, vswitch-id, vpc-id | vm_name, subnetwork_name, vpc_name of the side | Google names them by name; the resource's subnetwork stands in |
 * | direction | reporter SRC and SRC_GATEWAY out, DEST and DEST_GATEWAY in | |
 * | packets, bytes | packets_sent, bytes_sent | from source to destination |
 * | start, end | start_time, end_time, rounded down | whole seconds here |
 * | ports | 0 where the protocol has none | Google leaves them out then |
 * | eni-id, action, tcp-flags, traffic_path | absent | Google does not tell; egress is logged before firewall rules |
 */
import type { FormatReader } from './format-reader.ts'
import { at, objectOf, scalarAt, secondsAt } from './json-value.ts'
import { Malformed, shown } from './record-rows.ts'

const sides: Readonly<Record<string, readonly [side: string, direction: string]>> = {
  SRC: ['src', 'out'],
  SRC_GATEWAY: ['src', 'out'],
  DEST: ['dest', 'in'],
  DEST_GATEWAY: ['dest', 'in'],
}

/** TCP, UDP, DCCP, SCTP and UDP-Lite. */
const protocolsWithPorts = [6, 17, 33, 132, 136]

export const gcpReader = (): FormatReader => (text, taker) => {
  const entry = objectOf(text)
  const payload = at(entry, 'jsonPayload') ?? entry
  const connection = at(payload, 'connection')
  if (connection === undefined) throw new Malformed('it has no "connection"')
  const reporter = scalarAt(payload, 'reporter')
  const [side, direction] = sides[String(reporter)] ?? []
  if (side === undefined) throw new Malformed(`"reporter" is ${shown(reporter)}`)
  const protocol = scalarAt(connection, 'protocol')
  const port = (name: string): string | number | undefined =>
    scalarAt(connection, name) ??
    (protocol === undefined || protocolsWithPorts.includes(Number(protocol)) ? undefined : 0)
  taker.record({
    'account-id':
      scalarAt(payload, `${side}_vpc`, 'project_id') ??
      scalarAt(payload, `${side}_instance`, 'project_id') ??
      scalarAt(entry, 'resource', 'labels', 'project_id'),
    'vm-id': scalarAt(payload, `${side}_instance`, 'vm_name'),
    'vswitch-id':
      scalarAt(payload, `${side}_vpc`, 'subnetwork_name') ??
      scalarAt(entry, 'resource', 'labels', 'subnetwork_name'),
    'vpc-id': scalarAt(payload, `${side}_vpc`, 'vpc_name'),
    protocol,
    srcaddr: scalarAt(connection, 'src_ip'),
    srcport: port('src_port'),
    dstaddr: scalarAt(connection, 'dest_ip'),
    dstport: port('dest_port'),
    direction,
    packets: scalarAt(payload, 'packets_sent'),
    bytes: scalarAt(payload, 'bytes_sent'),
    start: secondsAt(payload, 'start_time'),
    end: secondsAt(payload, 'end_time'),
    'log-status': 'OK',
  })
}
