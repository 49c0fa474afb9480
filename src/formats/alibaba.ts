/**
 * Alibaba Cloud VPC flow logs, as the log service gives them: JSON objects, CSV with a line of names, or values
 * with blanks between, with a line of names or in the order of the product page's table.
 * Source: the product page, "Flow log fields"; alibaba-api.md 6.1.
 *
 * Every field is ours by the same name. `TrafficPath` is the older name of traffic_path. What the log service or an
 * inter-domain analysis adds (`__time__`, `__topic__`, region, srctype) is read over.
 */
import { csvFields } from '../base/csv-line.ts'
import { type FlowRecordField, flowRecordFields } from '../record/fields.ts'
import type { FormatReader } from './format-reader.ts'
import { objectOf, scalarAt } from './json-value.ts'
import { type FlowRecord, Malformed } from './record-rows.ts'

const names: readonly FlowRecordField[] = flowRecordFields.map(({ name }) => name)
const older: Readonly<Record<string, FlowRecordField>> = { TrafficPath: 'traffic_path' }

export const alibabaJsonReader = (): FormatReader => (text, taker) => {
  const object = objectOf(text)
  taker.record(recordOf((name) => scalarAt(object, name)))
}

/** Lines of values, after a line that names them or in the table's order. */
export function alibabaLineReader(): FormatReader {
  let columns: readonly string[] | undefined
  let isCsv = false
  return (text, taker) => {
    const first = columns === undefined && text.includes(',')
    const values = isCsv || first ? csvFields(text) : text.split(/[ \t]+/)
    if (values === undefined) throw new Malformed('a quote is not closed')
    if (isAlibabaHeader(values)) {
      isCsv = text.includes(',')
      columns = values
      return
    }
    const known = columns ?? names
    if (values.length !== known.length)
      throw new Malformed(`it has ${values.length} values for ${known.length} fields`)
    const record = new Map(known.map((name, i) => [name, values[i]!]))
    taker.record(recordOf((name) => record.get(name)))
  }
}

export const isAlibabaHeader = (values: readonly string[]): boolean =>
  values.includes('eni-id') || (values.includes('srcaddr') && values.includes('dstaddr'))

function recordOf(value: (name: string) => string | number | undefined): FlowRecord {
  const record: FlowRecord = {}
  for (const name of names) record[name] = value(name)
  for (const [name, field] of Object.entries(older)) record[field] ??= value(name)
  if (Object.values(record).every((each) => each === undefined))
    throw new Malformed('it has no field of a flow log')
  record['log-status'] ??= 'OK'
  return unshifted(record)
}

/**
 * The page's four samples have the values behind traffic_path, by name, one place late: type's "-" in version, its "1"
 * in vm-id, its "-" in vpc-id, its "vpc-..." in vswitch-id. The field table of the page is right, the samples are not
 * (DESIGN.md, "Rules of a record"). What vswitch-id was is lost.
 */
function unshifted(record: FlowRecord): FlowRecord {
  const isShifted =
    record.version === '-' &&
    record['vm-id'] === '1' &&
    String(record['vswitch-id']).startsWith('vpc-')
  if (!isShifted) return record
  return {
    ...record,
    type: record.type ?? record.version,
    version: record['vm-id'],
    'vm-id': record['vpc-id'],
    'vpc-id': record['vswitch-id'],
    'vswitch-id': undefined,
  }
}
