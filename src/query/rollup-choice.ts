/** Sums over records of what conditions on keys choose, as sums over the rows of a rollup: `sum(CASE WHEN ...)`. */
import { rollupColumns } from '../logstore/logstore.ts'
import type { RollupTerms } from './rollup-terms.ts'
import type { BinaryOperator, Expression } from './sql-tree.ts'

/** Below it, a number times all records of a bucket is far from the end of a bigint. */
const factorMax = 1_000_000

/**
 * What a row of a rollup adds to the sum of an expression over its records; undefined where that is not known. A
 * condition on keys holds for all records of a row or for none. Whole numbers only: their sum has no order.
 */
export function chosenTotal(terms: RollupTerms, value: Expression): Expression | undefined {
  if (value.kind === 'case') return caseTotal(terms, value)
  if (value.kind !== 'call' || value.name !== 'if' || terms.parts(value) === undefined)
    return undefined
  const [condition, ...choices] = value.args
  if (condition === undefined || !terms.isKey(condition)) return undefined
  const totals = choices.map((each) => totalOf(terms, each))
  const args = totals.filter((each) => each !== undefined)
  if (args.length < totals.length || choices.every(isNull)) return undefined
  return { ...value, args: [condition, ...args] }
}

function caseTotal(
  terms: RollupTerms,
  value: Expression & { readonly kind: 'case' },
): Expression | undefined {
  const { operand, whens, otherwise } = value
  if (operand !== undefined && !terms.isKey(operand)) return undefined
  const totals: (readonly [Expression, Expression])[] = []
  for (const [condition, choice] of whens) {
    const total = totalOf(terms, choice)
    if (total === undefined || !terms.isKey(condition)) return undefined
    totals.push([condition, total])
  }
  const last = otherwise && totalOf(terms, otherwise)
  if (otherwise !== undefined && last === undefined) return undefined
  const choices = [...whens.map(([, choice]) => choice), ...(otherwise ? [otherwise] : [])]
  return choices.every(isNull) ? undefined : { ...value, whens: totals, otherwise: last }
}

function totalOf(terms: RollupTerms, value: Expression): Expression | undefined {
  if (isNull(value)) return value
  const { at } = value
  const index = terms.sumOf(value)
  if (index !== undefined && value.kind === 'column')
    return { ...value, name: rollupColumns.sum(index) }
  if (value.kind !== 'literal') return chosenTotal(terms, value)
  if (value.type !== 'bigint' || Number(value.text) > factorMax) return undefined
  const rows: Expression = { kind: 'column', table: undefined, name: rollupColumns.rows, at }
  return { kind: 'binary', operator: '*', left: value, right: rows, at }
}

const isNull = (value: Expression): boolean => value.kind === 'literal' && value.type === 'null'

const truths: ReadonlySet<Expression['kind']> = new Set([
  'not',
  'isNull',
  'isDistinct',
  'between',
  'in',
  'like',
])
const comparisons: ReadonlySet<BinaryOperator> = new Set(['=', '<>', '<', '<=', '>', '>='])

/** Whether it is a boolean by its form. */
export function isTruth(value: Expression): boolean {
  if (value.kind !== 'binary') return truths.has(value.kind)
  const { operator, left, right } = value
  if (operator === 'and' || operator === 'or') return isTruth(left) && isTruth(right)
  return comparisons.has(operator)
}

export function bothOf(left: Expression | undefined, right: Expression): Expression {
  if (left === undefined) return right
  return { kind: 'binary', operator: 'and', left, right, at: right.at }
}
