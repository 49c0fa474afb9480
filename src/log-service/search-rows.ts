import type { ColumnSpec } from '../base/columns.ts'
import { flowRecordFields, notApplicable } from '../record/fields.ts'
import { restColumn, restFields } from '../base/rest-fields.ts'
import { holdsFlowLogs } from './fit-place.ts'

export type LogRow = Readonly<Record<string, string>>

type Values = readonly (string | null)[]

const hidden: ReadonlySet<string> = new Set([restColumn, '__receive_time__'])

/**
 * Rows of a search as the log service prints them: every value a text, what is absent left out, but "If a field is not
 * applicable, the field value is displayed as -." in a logstore of flow logs.
 * @param columns of the rows
 * @param specs the logstore's own
 */
export function rowPrinter(
  columns: readonly string[],
  specs: readonly ColumnSpec[],
): (values: Values) => LogRow {
  const dashes = holdsFlowLogs(specs)
    ? flowRecordFields.map(({ name }): [string, string] => [name, notApplicable])
    : []
  const rest = columns.indexOf(restColumn)
  const shown = [...columns.entries()].filter(([, name]) => !hidden.has(name))
  return (values) => {
    const fields = [...dashes, ...restFields(values[rest] ?? '{}')]
    for (const [index, name] of shown) {
      const value = values[index] ?? null
      if (value !== null) fields.push([name, value])
    }
    return Object.fromEntries(fields)
  }
}
