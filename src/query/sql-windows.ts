import type { NodeReader } from './sql-node.ts'
import { isGiven, isTrue } from './sql-node.ts'
import type { Expression, Frame, FrameBound, OrderItem, Window } from './sql-tree.ts'

/** What windows and orders are read with. */
interface OrderReader extends NodeReader {
  expression(value: unknown): Expression
  expressions(value: unknown): Expression[]
}

export function readWindow(reader: OrderReader, value: unknown): Window {
  const fields = reader.fields(value)
  reader.only(fields, 'window_name partition_by order_by frame', 'a window')
  return {
    base: reader.optional(fields['window_name'], (name) => reader.name(name).text),
    partitionBy: reader.expressions(fields['partition_by']),
    orderBy: readOrder(reader, fields['order_by']),
    frame: reader.optional(fields['frame'], (frame) => readFrame(reader, frame)),
  }
}

function readFrame(reader: OrderReader, value: unknown): Frame {
  const fields = reader.fields(value)
  reader.only(fields, 'kind start end', 'a window frame')
  const unit = String(fields['kind']).toUpperCase()
  if (unit !== 'ROWS' && unit !== 'RANGE') throw reader.refused(`${unit} frames are not supported`)
  const end = reader.optional(fields['end'], (bound) => readBound(reader, bound))
  return { unit, start: readBound(reader, fields['start']), end }
}

function readBound(reader: OrderReader, value: unknown): FrameBound {
  if (value === 'UnboundedPreceding') return 'UNBOUNDED PRECEDING'
  if (value === 'UnboundedFollowing') return 'UNBOUNDED FOLLOWING'
  if (value === 'CurrentRow') return 'CURRENT ROW'
  const fields = reader.fields(value)
  reader.only(fields, 'Preceding Following', 'a window frame')
  const direction = isGiven(fields, 'Preceding') ? 'Preceding' : 'Following'
  const offset = reader.expression(fields[direction])
  return { offset, direction: direction === 'Preceding' ? 'PRECEDING' : 'FOLLOWING' }
}

export function readOrder(reader: OrderReader, value: unknown): OrderItem[] {
  return reader.list(value).map((each) => {
    const fields = reader.fields(each)
    reader.only(fields, 'this desc nulls_first', 'ORDER BY')
    return {
      value: reader.expression(fields['this']),
      descending: isTrue(fields, 'desc'),
      nullsFirst: isTrue(fields, 'nulls_first'),
    }
  })
}
