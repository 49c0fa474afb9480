/** Do records agree with a table of the flow-table oracle? What `compare-flows` asks, and more exactly. */
import { addressBytes } from '../src/packet/packet.ts'
import type { TextRecord } from './replayed.ts'

export interface FlowTableFile {
  readonly capture: string
  readonly complete: boolean
  readonly frames: number
  readonly counted: number
  readonly skipped: {
    readonly nonIp: number
    readonly truncatedIp: number
    readonly malformedIp: number
  }
  readonly flows: readonly ExpectedFlow[]
}

export interface ExpectedFlow {
  readonly type: string
  readonly protocol: number
  readonly srcaddr: string
  readonly srcport: number
  readonly dstaddr: string
  readonly dstport: number
  readonly packets: number
  readonly bytes: number
  readonly 'tcp-flags': number
  readonly start: number | null
  readonly end: number | null
  readonly multicast: boolean
}

interface Sum {
  packets: number
  bytes: number
  flags: number
  start: number
  end: number
}

/**
 * The differences, as lines; none means that OK records, added up over windows, are the table's flows that are
 * not multicast: packets, bytes, flags and the second of the first packet; that `end` is not before the last
 * packet; and that no record leaves its window.
 */
export function differencesOf(
  table: FlowTableFile,
  records: Iterable<TextRecord>,
  windowSeconds: number,
): string[] {
  const problems: string[] = []
  const sums = new Map<string, Sum>()
  for (const record of records) {
    if (record['log-status'] === 'NODATA') continue
    if (record['log-status'] !== 'OK') problems.push(`a ${record['log-status']} record`)
    const key = keyOf(record)
    const start = Number(record.start)
    const end = Number(record.end)
    if (end < start || end > start - (start % windowSeconds) + windowSeconds)
      problems.push(`${key}: ${start} to ${end} is not in one window`)
    const sum = sums.get(key) ?? { packets: 0, bytes: 0, flags: 0, start, end }
    sum.packets += Number(record.packets)
    sum.bytes += Number(record.bytes)
    sum.flags |= Number(record['tcp-flags'])
    sum.start = Math.min(sum.start, start)
    sum.end = Math.max(sum.end, end)
    sums.set(key, sum)
  }
  for (const flow of table.flows) {
    if (flow.multicast) continue
    const key = keyOf(flow)
    const sum = sums.get(key)
    sums.delete(key)
    if (sum === undefined) problems.push(`missing ${key}`)
    else problems.push(...differencesOfFlow(key, flow, sum))
  }
  return [...problems, ...[...sums.keys()].map((key) => `extra ${key}`)]
}

function differencesOfFlow(key: string, flow: ExpectedFlow, sum: Sum): string[] {
  const problems: string[] = []
  const compare = (name: string, got: number, expected: number): void => {
    if (got !== expected) problems.push(`${key}: ${name} ${got}, expected ${expected}`)
  }
  compare('packets', sum.packets, flow.packets)
  compare('bytes', sum.bytes, flow.bytes)
  compare('tcp-flags', sum.flags, flow['tcp-flags'])
  if (flow.start === null || flow.end === null) return problems
  compare('start', sum.start, flow.start)
  if (sum.end < flow.end) problems.push(`${key}: end ${sum.end} before the last packet ${flow.end}`)
  return problems
}

/** Values may be strings or numbers; addresses are compared by their bytes. */
const keyOf = (flow: {
  readonly type: string
  readonly protocol: string | number
  readonly srcaddr: string
  readonly srcport: string | number
  readonly dstaddr: string
  readonly dstport: string | number
}): string => {
  const address = (text: string): string => Buffer.from(addressBytes(text)).toString('hex')
  const { type, protocol, srcaddr, srcport, dstaddr, dstport } = flow
  return `${type} ${protocol} ${address(srcaddr)}:${srcport} > ${address(dstaddr)}:${dstport}`
}
