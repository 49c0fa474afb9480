/**
 * Azure flow logs: of network security groups (versions 1 and 2) and of virtual networks (version 4), as JSON objects
 * of an interface and a minute with tuples of flows in them.
 * Source: Azure Network Watcher documentation, "NSG flow logs" and "Virtual network flow logs", log format.
 *
 * | field | from | why |
 * | --- | --- | --- |
 * | account-id | the subscription in resourceId or targetResourceID | what is billed |
 * | eni-id | the interface in targetResourceID, else the MAC address | Azure names an interface by no other id here |
 * | vswitch-id, vpc-id | the subnet and the virtual network in targetResourceID | absent in NSG flow logs |
 * | start, end | the tuple's time, both | the time of its event; how long it lasted is not told |
 * | protocol | T 6, U 17; in version 4 the number | |
 * | direction | I in, O out | of the connection, as seen from the interface |
 * | action | A ACCEPT, D REJECT; in version 4 the state D is REJECT | |
 * | packets, bytes | as they are | absent in version 1, and where a tuple tells only that a flow began or was denied |
 * | vm-id, tcp-flags, traffic_path | absent | Azure does not tell |
 *
 * A tuple counts both directions of a connection, a record one: a tuple with packets back gives a second record
 * with the addresses, ports and direction turned round, so that sums are right.
 */
import type { FormatReader, Taker } from './format-reader.ts'
import { at, type JsonObject, listAt, objectOf, scalarAt } from './json-value.ts'
import { type FlowRecord, Malformed, shown } from './record-rows.ts'

export const azureReader = (): FormatReader => (text, taker) => {
  const object = objectOf(text)
  const groups = at(object, 'flowRecords') === undefined ? nsgGroups(object) : vnetGroups(object)
  if (groups === undefined)
    throw new Malformed('it has neither "flowRecords" nor "properties.flows"')
  for (const { tuples, identity, read } of groups)
    for (const tuple of tuples) readTuple(tuple, identity, read, taker)
}

interface Group {
  readonly tuples: readonly unknown[]
  readonly identity: FlowRecord
  readonly read: (values: readonly string[]) => Tuple
}

interface Tuple {
  readonly common: FlowRecord
  readonly isAccepted: boolean
  /** Where its four counts begin. */
  readonly counts: number
}

function nsgGroups(object: JsonObject): Group[] | undefined {
  if (!Array.isArray(at(object, 'properties', 'flows'))) return undefined
  return listAt(object, 'properties', 'flows').flatMap((rule) =>
    listAt(rule, 'flows').map((flow) => ({
      tuples: listAt(flow, 'flowTuples'),
      identity: {
        ...identityOf(scalarAt(object, 'resourceId')),
        'eni-id': scalarAt(flow, 'mac') ?? scalarAt(object, 'macAddress'),
      },
      read: nsgTuple,
    })),
  )
}

function vnetGroups(object: JsonObject): Group[] {
  const identity = identityOf(scalarAt(object, 'targetResourceID'))
  identity['eni-id'] ??= scalarAt(object, 'macAddress')
  return listAt(object, 'flowRecords', 'flows').flatMap((flow) =>
    listAt(flow, 'flowGroups').map((group) => ({
      tuples: listAt(group, 'flowTuples'),
      identity,
      read: vnetTuple,
    })),
  )
}

/** `/subscriptions/S/resourceGroups/G/providers/Microsoft.Network/virtualNetworks/V/subnets/N` */
function identityOf(resource: string | number | undefined): FlowRecord {
  const parts = String(resource ?? '').split('/')
  const named = (kind: string): string | undefined => {
    const found = parts.findIndex((part) => part.toLowerCase() === kind)
    return found < 0 ? undefined : parts[found + 1]
  }
  return {
    'account-id': named('subscriptions')?.toLowerCase(),
    'vpc-id': named('virtualnetworks'),
    'vswitch-id': named('subnets'),
    'eni-id': named('networkinterfaces'),
  }
}

const protocols: Readonly<Record<string, number>> = { T: 6, U: 17 }
const directions: Readonly<Record<string, string>> = { I: 'in', O: 'out' }
const turned: Readonly<Record<string, string>> = { in: 'out', out: 'in' }

/** time, source, destination, ports, T or U, I or O, A or D; from version 2 on state and counts. */
function nsgTuple(values: readonly string[]): Tuple {
  if (values.length !== 8 && values.length !== 13)
    throw new Malformed(`it has ${values.length} values, not 8 or 13`)
  const isAccepted = values[7] === 'A'
  if (!isAccepted && values[7] !== 'D') throw new Malformed(`its decision is ${shown(values[7])}`)
  const protocol = protocols[values[5]!]
  if (protocol === undefined) throw new Malformed(`its protocol is ${shown(values[5])}`)
  return { common: commonOf(values, Number(values[0]), protocol), isAccepted, counts: 9 }
}

const states = ['B', 'C', 'E', 'D']

/** time in milliseconds, source, destination, ports, protocol, I or O, state, encryption, counts. */
function vnetTuple(values: readonly string[]): Tuple {
  if (values.length !== 13) throw new Malformed(`it has ${values.length} values, not 13`)
  if (!states.includes(values[7]!)) throw new Malformed(`its state is ${shown(values[7])}`)
  const second = Math.floor(Number(values[0]) / 1000)
  const common = commonOf(values, second, values[5]!)
  return { common, isAccepted: values[7] !== 'D', counts: 9 }
}

function commonOf(
  values: readonly string[],
  second: number,
  protocol: number | string,
): FlowRecord {
  const direction = directions[values[6]!]
  if (direction === undefined) throw new Malformed(`its direction is ${shown(values[6])}`)
  const [, srcaddr, dstaddr, srcport, dstport] = values
  return { start: second, end: second, srcaddr, dstaddr, srcport, dstport, protocol, direction }
}

/** One that is malformed does not take those beside it along. */
function readTuple(tuple: unknown, identity: FlowRecord, read: Group['read'], taker: Taker): void {
  try {
    if (typeof tuple !== 'string') throw new Malformed('it is no text')
    const values = tuple.split(',').map((value) => value.trim())
    const { common, isAccepted, counts } = read(values)
    const [packets, bytes, packetsBack, bytesBack] = values.slice(counts)
    const action = isAccepted ? 'ACCEPT' : 'REJECT'
    const record = { ...identity, ...common, action, 'log-status': 'OK', packets, bytes }
    taker.record(record)
    if (packetsBack === undefined || packetsBack === '' || packetsBack === '0') return
    taker.record({
      ...record,
      srcaddr: record.dstaddr,
      srcport: record.dstport,
      dstaddr: record.srcaddr,
      dstport: record.srcport,
      direction: turned[String(record.direction)],
      packets: packetsBack,
      bytes: bytesBack,
    })
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    taker.fault(`the tuple ${shown(tuple)}: ${error.message}`)
  }
}
