import type { ColumnSpec } from '../base/columns.ts'
import type { SqlField, StoreFields } from './fields.ts'
import { quoteName } from './quote.ts'
import { ScanSource } from './source.ts'
import type { Source } from './source.ts'

/** Both sides of a flow are compared within the longest capture window, in which all others fit. */
export const onceSeconds = 600

const tuple = ['vpc-id', 'srcaddr', 'dstaddr', 'srcport', 'dstport', 'protocol'] as const
const needed = [...tuple, 'eni-id', 'direction', 'packets', 'start']

/** Whether a logstore has what `count_once` looks at. */
export const hasOnceColumns = (columns: readonly ColumnSpec[]): boolean =>
  needed.every((name) => columns.some((column) => column.name === name))

/**
 * `count_once`: the records, less one side of traffic that two ENIs of one VPC saw.
 *
 * Records of one VPC with the same five-tuple, whose `start` lies in the same ten minutes, tell of the
 * same packets when one ENI sent them and another received them. Of all those sides (an ENI and a
 * direction) the one with most packets is kept; of equal ones a sender's, before the sender's one of
 * an ENI that only forwards (it has the flow in both directions). Whatever has no other side stays: a
 * peer outside or without a flow log, addresses that NAT changes in between, NODATA.
 */
export class OnceSource implements Source {
  readonly cte: string
  readonly fields: StoreFields
  readonly #all: ScanSource

  constructor(cte: string, fields: StoreFields, from: string) {
    this.cte = cte
    this.fields = fields
    this.#all = new ScanSource(`${cte}_all`, fields, from)
    for (const [index, name] of tuple.entries()) this.#all.use(hidden(`__k${index}`, name))
    this.#all.use({ ...hidden('__slot', 'start'), sql: `"start" // ${onceSeconds}` })
    this.#all.use(hidden('__eni', 'eni-id'))
    this.#all.use(hidden('__out', 'direction'))
    this.#all.use({ ...hidden('__packets', 'packets'), sql: 'coalesce("packets", 0)' })
  }

  use(field: SqlField): void {
    this.#all.use(field)
  }

  print(): string[] {
    const keys = [...tuple.map((_, index) => `__k${index}`), '__slot']
    const same = keys.map((key) => `r.${key} = p.${key}`).join(' AND ')
    const there = keys.map((key) => `${key} IS NOT NULL`).join(' AND ')
    const list = keys.join(', ')
    const sides =
      `SELECT ${list}, __eni, __out, sum(__packets) AS __seen, ` +
      `count(*) OVER (PARTITION BY ${list}, __eni) AS __ways FROM ${this.#all.cte} ` +
      `WHERE ${there} AND __eni IS NOT NULL AND __out IN ('in', 'out') GROUP BY ${list}, __eni, __out`
    const order = "__seen DESC, CASE WHEN __out = 'in' THEN 3 ELSE __ways END, __eni"
    const ranked =
      `SELECT ${list}, __eni, __out, row_number() OVER (PARTITION BY ${list} ORDER BY ${order}) AS __rank, ` +
      `min(__eni) OVER (PARTITION BY ${list}) AS __first, max(__eni) OVER (PARTITION BY ${list}) AS __last, ` +
      `min(__out) OVER (PARTITION BY ${list}) AS __low, max(__out) OVER (PARTITION BY ${list}) AS __high ` +
      `FROM (${sides}) AS sides`
    const kept =
      `SELECT ${list}, __eni, __out FROM (${ranked}) AS ranked ` +
      'WHERE __rank = 1 AND __first <> __last AND __low <> __high'
    return [
      ...this.#all.print(),
      `${this.cte}_kept AS (${kept})`,
      `${this.cte} AS (SELECT r.* FROM ${this.#all.cte} AS r LEFT JOIN ${this.cte}_kept AS p ON ${same} ` +
        'WHERE p.__eni IS NULL OR (p.__eni = r.__eni AND p.__out = r.__out))',
    ]
  }
}

const hidden = (name: string, column: string): SqlField => ({
  name,
  type: 'varchar',
  sql: quoteName(column),
})
