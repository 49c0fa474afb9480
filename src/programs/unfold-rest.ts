import type { QueryAnswer } from '../api/contract.ts'
import { restColumn, restFields } from '../base/rest-fields.ts'

/**
 * Records as they were sent: fields that had no place in the columns of their logstore are kept together in one, and
 * become columns of the answer again, behind the others. An answer of SQL is as it was asked for.
 */
export function unfoldRest(answer: QueryAnswer): QueryAnswer {
  const rest = answer.columns.findIndex(({ name }) => name === restColumn)
  if (answer.hasSql || rest < 0) return answer
  const fields = answer.rows.map((row) => new Map(restFields(row[rest] ?? '{}')))
  const names = [...new Set(fields.flatMap((each) => [...each.keys()]))]
  const columnOf = new Map(answer.columns.map(({ name }, index) => [name, index]))
  const added = names.filter((name) => !columnOf.has(name))
  const rows = answer.rows.map((row, index) => {
    const values = row.map(
      (value, at) => value ?? fields[index]!.get(answer.columns[at]!.name) ?? null,
    )
    const all = [...values, ...added.map((name) => fields[index]!.get(name) ?? null)]
    return all.toSpliced(rest, 1)
  })
  const columns = [...answer.columns, ...added.map((name) => ({ name, type: 'varchar' }))]
  return { ...answer, columns: columns.toSpliced(rest, 1), rows }
}
