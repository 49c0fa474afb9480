/**
 * What is under way with a flow log. It is on disk with the order itself, so a crash in the middle leaves one that the
 * next start brings to its end: orders are only ever carried out, never taken back.
 */
import type { DatabaseSync } from 'node:sqlite'
import { WeirError } from '../base/errors.ts'
import { type TransientState, transientStates } from './resource.ts'

export class Transitions {
  readonly #database: DatabaseSync
  readonly #ends = new Map<string, Promise<void>>()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  get(flowLog: string): TransientState | undefined {
    const row = this.#database
      .prepare('SELECT state FROM flow_log_transitions WHERE flow_log = ?')
      .get(flowLog)
    return transientStates.find((each) => each === row?.['state'])
  }

  all(): { readonly flowLog: string; readonly state: TransientState }[] {
    return this.#database
      .prepare('SELECT flow_log FROM flow_log_transitions')
      .all()
      .flatMap((row) => {
        const flowLog = String(row['flow_log'])
        const state = this.get(flowLog)
        return state === undefined ? [] : [{ flowLog, state }]
      })
  }

  /** Call it in the transaction of the order. Throws IncorrectStatus.flowlog while another is under way. */
  begin(flowLog: string, state: TransientState): void {
    this.checkFree(flowLog)
    this.#database
      .prepare('INSERT INTO flow_log_transitions (flow_log, state) VALUES (?, ?)')
      .run(flowLog, state)
  }

  end(flowLog: string): void {
    this.#database.prepare('DELETE FROM flow_log_transitions WHERE flow_log = ?').run(flowLog)
  }

  /** Throws IncorrectStatus.flowlog. */
  checkFree(flowLog: string): void {
    const state = this.get(flowLog)
    if (state !== undefined)
      throw new WeirError('IncorrectStatus.flowlog', `flow log ${flowLog} is ${state}`, {
        hint: 'Ask again in some seconds',
      })
  }

  /** Remembers what brings it to its end. */
  watch(flowLog: string, end: Promise<void>): void {
    this.#ends.set(flowLog, end)
    void end.finally(() => this.#ends.get(flowLog) === end && this.#ends.delete(flowLog))
  }

  /** Resolves when what is under way with it now has come to its end. */
  async settled(flowLog: string): Promise<void> {
    await this.#ends.get(flowLog)
  }

  async allSettled(): Promise<void> {
    await Promise.all(this.#ends.values())
  }
}
