/**
 * flow/: the running totals of flows. A flow is one five-tuple at one ENI, in one direction, with one
 * action, inside one capture window: "Each flow log record captures a specific 5-tuple network flow
 * within a capture window."
 *
 * `flow-table.ts` is the table, `closings.ts` finds out when connections close, `less-rejected.ts` takes
 * off what a firewall rejected behind the tap. Nothing here reads a clock or knows how long a window is;
 * what a packet means at an ENI is `vpc/`, cutting time is `window/`.
 */
import { Closings } from './closings.ts'
import { FlowTable } from './flow-table.ts'

/** The flows of every open window of one capture, and the connections that run through them. */
export class OpenFlows {
  readonly #closings = new Closings()
  readonly #flowsMax: number

  /** @param flowsMax flows one window may hold; packets of further flows are refused and counted */
  constructor(flowsMax = Number.MAX_SAFE_INTEGER) {
    this.#flowsMax = flowsMax
  }

  /** @param flowsExpected flows of the last window, so that the table need not grow */
  open(flowsExpected: number): FlowTable {
    const table = new FlowTable(this.#closings, flowsExpected, this.#flowsMax)
    this.#closings.open(table)
    return table
  }

  /** The second an entry's connection was closed in its window, or NaN (records.md 47). */
  closedAt(table: FlowTable, entry: number): number {
    return this.#closings.closedAt(table, entry)
  }

  /** The table's flows have been handed on; connections idle at `second` may be forgotten. */
  close(table: FlowTable, second: number): void {
    this.#closings.close(table)
    this.#closings.sweep(second)
  }
}

export { entryIpv6, entryWords, FlowTable, unitWords } from './flow-table.ts'
export { LessRejected } from './less-rejected.ts'
