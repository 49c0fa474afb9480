/** Flow log records as the typed columns a logstore takes: `-` is null, `__time__` is `start` (DESIGN.md). */
import type { Column, ColumnBatch, ColumnSpec } from '../base/columns.ts'
import { ipv4Text, ipv6Text } from '../base/ip.ts'
import {
  actionText,
  directionText,
  type EniIdentity,
  type FlowRecordBatch,
  logStatus,
  logStatusText,
  noTrafficPath,
} from './batch.ts'
import {
  type FlowRecordField,
  flowRecordFields,
  flowRecordVersion,
  notApplicable,
} from './fields.ts'

export const flowRecordColumns: readonly ColumnSpec[] = flowRecordFields.map(({ name, kind }) => ({
  name,
  kind,
}))

/** The topic flow logs are stored under. */
export const flowLogTopic = 'flow_log'

class TextColumnWriter {
  readonly kind = 'text'
  readonly codes: Uint32Array
  readonly dictionary: string[] = []
  readonly #known = new Map<string | number, number>()

  constructor(rows: number) {
    this.codes = new Uint32Array(rows)
  }

  /** @param key finds a text again without building it */
  set(row: number, key: string | number, text: () => string): void {
    let code = this.#known.get(key)
    if (code === undefined) {
      code = this.dictionary.push(text())
      this.#known.set(key, code)
    }
    this.codes[row] = code
  }

  setText(row: number, text: string): void {
    if (text !== notApplicable) this.set(row, text, () => text)
  }
}

/**
 * @param rows which records to take, the first `count` of them
 * @param enis the identities that `batch.eni` points into
 */
export function toColumns(
  batch: FlowRecordBatch,
  enis: readonly EniIdentity[],
  rows: Uint32Array,
  count: number,
): ColumnBatch {
  const texts = new Map<string, TextColumnWriter>()
  const numbers = new Map<string, Float64Array>()
  for (const { name, kind } of flowRecordFields)
    if (kind === 'text') texts.set(name, new TextColumnWriter(count))
    else numbers.set(name, new Float64Array(count).fill(Number.NaN))
  const times = new Float64Array(count)
  const text = (name: FlowRecordField): TextColumnWriter => texts.get(name)!
  const number = (name: FlowRecordField): Float64Array => numbers.get(name)!

  for (let i = 0; i < count; i++) {
    const row = rows[i]!
    const eni = enis[batch.eni[row]!]!
    text('account-id').setText(i, eni.accountId)
    text('eni-id').setText(i, eni.eniId)
    text('vm-id').setText(i, eni.vmId)
    text('vswitch-id').setText(i, eni.vSwitchId)
    text('vpc-id').setText(i, eni.vpcId)
    text('log-status').setText(i, logStatusText[batch.status[row]!]!)
    number('version')[i] = flowRecordVersion
    times[i] = number('start')[i] = batch.start[row]!
    number('end')[i] = batch.end[row]!
  }
  for (let i = 0; i < count; i++) {
    const row = rows[i]!
    if (batch.status[row] !== logStatus.ok) continue
    const ipv6 = batch.family[row] === 6
    text('type').setText(i, ipv6 ? 'IPv6' : 'IPv4')
    setAddress(text('srcaddr'), i, batch.source, row * 4, ipv6)
    setAddress(text('dstaddr'), i, batch.destination, row * 4, ipv6)
    text('direction').setText(i, directionText[batch.direction[row]!]!)
    text('action').setText(i, actionText[batch.action[row]!]!)
    number('protocol')[i] = batch.protocol[row]!
    number('srcport')[i] = batch.sourcePort[row]!
    number('dstport')[i] = batch.destinationPort[row]!
    number('packets')[i] = batch.packets[row]!
    number('bytes')[i] = batch.bytes[row]!
    number('tcp-flags')[i] = batch.tcpFlags[row]!
    if (batch.path[row] !== noTrafficPath) number('traffic_path')[i] = batch.path[row]!
  }

  const columns = new Map<string, Column>([['__time__', { kind: 'integer', values: times }]])
  for (const { name, kind } of flowRecordFields)
    columns.set(
      name,
      kind === 'text' ? texts.get(name)! : { kind: 'integer', values: numbers.get(name)! },
    )
  return { rows: count, columns }
}

function setAddress(
  column: TextColumnWriter,
  row: number,
  words: Int32Array,
  at: number,
  ipv6: boolean,
): void {
  const first = words[at]!
  if (!ipv6) return column.set(row, first, () => ipv4Text(first))
  column.set(row, `${first},${words[at + 1]},${words[at + 2]},${words[at + 3]}`, () =>
    ipv6Text(words, at),
  )
}
