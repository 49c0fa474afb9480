import type { RollupSpec } from '../logstore/logstore.ts'
import type { StoreFields } from './fields.ts'
import { isFixedToHours, isKnownUnit } from './rollup-time.ts'
import type { QueryRange } from './plan-range.ts'
import { quoteName } from './quote.ts'
import type { BinaryOperator, Expression } from './sql-tree.ts'

/** Before it, zones were seconds apart from UTC: Monrovia until 1972. */
const wholeMinutesSince = 100_000_000

/** Without side effects and chance, and of their arguments alone. */
const plainFunctions = new Set(
  (
    'coalesce if nullif concat lower upper length substr split_part replace trim abs mod round floor ceil ' +
    'greatest least regexp_like from_unixtime date_trunc date_format ip_prefix is_subnet_of ip_to_domain'
  ).split(' '),
)

/**
 * What is the same for all records that a row of a rollup stands for: its columns, what is made of them, and
 * the time as long as it does not tell moments of one bucket apart.
 */
export class RollupTerms {
  readonly rollup: RollupSpec
  readonly #fields: StoreFields
  readonly #zone: string
  readonly #range: QueryRange

  constructor(rollup: RollupSpec, fields: StoreFields, zone: string, range: QueryRange) {
    this.rollup = rollup
    this.#fields = fields
    this.#zone = zone
    this.#range = range
  }

  isKey(value: Expression): boolean {
    if (this.#isBucket(value)) return true
    if (value.kind === 'literal') return true
    if (value.kind === 'column') return this.#columnOf(value, this.rollup.by) !== undefined
    return this.parts(value)?.every((each) => this.isKey(each)) ?? false
  }

  /** A condition on records: on keys, and on the time as far as it takes whole buckets. */
  isCondition(value: Expression): boolean {
    if (this.isKey(value) || this.#isBound(value)) return true
    if (value.kind === 'not') return this.isCondition(value.of)
    if (value.kind !== 'binary') return false
    const joins = value.operator === 'and' || value.operator === 'or'
    return joins && this.isCondition(value.left) && this.isCondition(value.right)
  }

  /** Which of the sums a column is. */
  sumOf(value: Expression): number | undefined {
    return value.kind === 'column' ? this.#columnOf(value, this.rollup.sums) : undefined
  }

  /** What an expression is made of where its value depends on nothing else; undefined where that is not known. */
  parts(value: Expression): readonly Expression[] | undefined {
    switch (value.kind) {
      case 'call': {
        const { args, star, distinct, orderBy, filter, over, ignoreNulls } = value
        const plain = !star && !distinct && orderBy.length === 0 && !ignoreNulls
        const whole = plain && filter === undefined && over === undefined
        return whole && plainFunctions.has(value.name) ? args : undefined
      }
      case 'not':
      case 'negate':
      case 'isNull':
        return [value.of]
      case 'binary':
      case 'isDistinct':
        return [value.left, value.right]
      case 'case': {
        const { operand, whens, otherwise } = value
        return [operand, ...whens.flat(), otherwise].filter((each) => each !== undefined)
      }
      case 'cast':
        return value.to.name === 'varchar' || value.to.name === 'double' ? [value.of] : undefined
      case 'between':
        return [value.of, value.low, value.high]
      case 'in':
        return value.query === undefined ? [value.of, ...value.list] : undefined
      case 'like':
        return [value.of, value.pattern, ...(value.escape === undefined ? [] : [value.escape])]
      default:
        return undefined
    }
  }

  #columnOf(value: Expression & { kind: 'column' }, names: readonly string[]): number | undefined {
    const field = this.#fields.sqlField(value.name)
    const index = names.findIndex((name) => field?.sql === quoteName(name))
    return index === -1 ? undefined : index
  }

  #isTime(value: Expression | undefined): boolean {
    return value?.kind === 'column' && this.#fields.sqlField(value.name)?.sql === '"__time__"'
  }

  #isSteps(value: Expression): boolean {
    const seconds = secondsOf(value)
    return seconds !== undefined && seconds > 0 && seconds % this.rollup.bucketSeconds === 0
  }

  /** `__time__ - __time__ % 60`, `__time__ / 60`, `date_trunc('hour', from_unixtime(__time__))` */
  #isBucket(value: Expression): boolean {
    if (value.kind === 'call') return this.#isTruncated(value)
    if (value.kind !== 'binary' || !this.#isTime(value.left)) return false
    if (value.operator === '/') return this.#isSteps(value.right)
    const { operator, right } = value
    if (operator !== '-' || right.kind !== 'binary' || right.operator !== '%') return false
    return this.#isTime(right.left) && this.#isSteps(right.right)
  }

  #isTruncated({ name, args, filter, over }: Expression & { kind: 'call' }): boolean {
    if (name !== 'date_trunc' || filter !== undefined || over !== undefined) return false
    const [unit, time] = args
    if (args.length !== 2 || unit?.kind !== 'literal' || unit.type !== 'varchar') return false
    const converted =
      time?.kind === 'call' && time.name === 'from_unixtime' && time.args.length === 1
    if (!this.#isTime(converted ? time.args[0] : time)) return false
    if (this.#range.from < wholeMinutesSince) return false
    const hourly = this.rollup.bucketSeconds === 3600
    return isKnownUnit(unit.text, hourly) && (!hourly || isFixedToHours(this.#zone))
  }

  /** `__time__ >= 60`: true of all of a bucket or of nothing. */
  #isBound(value: Expression): boolean {
    if (value.kind === 'between') {
      const { low, high, of } = value
      return this.#isTime(of) && this.#begins(low, 0) && this.#begins(high, 1)
    }
    if (value.kind !== 'binary') return false
    const { operator, left, right } = value
    if (this.#isTime(left)) return this.#begins(right, after[operator])
    return this.#isTime(right) && this.#begins(left, after[mirrored[operator] ?? operator])
  }

  /** Whether a bucket begins so many seconds after. */
  #begins(value: Expression, seconds: number | undefined): boolean {
    const at = secondsOf(value)
    if (at === undefined || seconds === undefined) return false
    return (at + seconds) % this.rollup.bucketSeconds === 0
  }
}

/** A comparison with a time tells buckets apart at that many seconds after it. */
const after: Partial<Record<BinaryOperator, number>> = { '<': 0, '>=': 0, '<=': 1, '>': 1 }
const mirrored: Partial<Record<BinaryOperator, BinaryOperator>> = {
  '<': '>',
  '>': '<',
  '<=': '>=',
  '>=': '<=',
}

function secondsOf(value: Expression): number | undefined {
  if (value.kind !== 'literal' || value.type !== 'bigint') return undefined
  const seconds = Number(value.text)
  return Number.isSafeInteger(seconds) && seconds >= 0 ? seconds : undefined
}

export interface TreeNode extends Readonly<Record<string, unknown>> {
  readonly kind: unknown
}

/** Calls `visit` with all that has a kind, whatever it is. */
export function walk(value: unknown, visit: (node: TreeNode) => void): void {
  if (typeof value !== 'object' || value === null) return
  if ('kind' in value) visit(value as TreeNode)
  for (const each of Object.values(value)) walk(each, visit)
}
