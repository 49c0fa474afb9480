/** The account of a port that routers send to: what came and is no ENI's, and what never came. */
import { randomUUID } from 'node:crypto'
import type { UnixSeconds } from '../base/time.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { FlowReceiverCounters } from '../sources/sources.ts'
import { emptyAmounts } from './export-eni.ts'
import type { FlowExportConfig } from './export-messages.ts'

type Left = Pick<Ledger, 'unassigned' | 'multicast' | 'nonIp' | 'malformed'>

export class ExportPort {
  /** Of no ENI, as records write it. */
  readonly eni = '-'
  readonly opening: string
  readonly #tap: string
  readonly #host: string
  readonly #openedAt: UnixSeconds
  /** Of processes before this one. */
  readonly #earlier: Left
  #left: Left = emptyAmounts
  /** Records that never came, or datagrams where only these are numbered. */
  #lost: number

  constructor(
    { listen, port, netns }: FlowExportConfig,
    host: string,
    now: UnixSeconds,
    before: Ledger | undefined,
  ) {
    this.#tap = `${netns === undefined ? '' : `${netns}/`}udp ${listen} ${port}`
    this.#host = host
    this.opening = before?.opening ?? randomUUID()
    this.#openedAt = before?.openedAt ?? now
    this.#earlier = before ?? emptyAmounts
    this.#lost = before?.lost.exporterGap?.frames ?? 0
  }

  /** @param own flows of no ENI, and multicast, since this process began */
  look(
    { nonIp, malformed, unknown }: FlowReceiverCounters,
    own: { readonly unassigned: number; readonly multicast: number },
  ): void {
    const { unassigned, multicast } = own
    this.#left = { unassigned, multicast, nonIp, malformed: malformed + unknown }
  }

  lose(records: number): void {
    this.#lost += records
  }

  ledger(asOf: UnixSeconds): Ledger {
    const left = (what: keyof Left): number => this.#earlier[what] + this.#left[what]
    const counts = {
      unassigned: left('unassigned'),
      multicast: left('multicast'),
      nonIp: left('nonIp'),
      malformed: left('malformed'),
    }
    const frames = Object.values(counts).reduce((sum, count) => sum + count, this.#lost)
    return {
      ...emptyAmounts,
      ...counts,
      interface: { frames, bytes: 0, exact: true },
      frameBytes: 0,
      records: { frames: 0, packets: 0, bytes: 0 },
      open: { frames: 0, packets: 0, bytes: 0 },
      lost: this.#lost === 0 ? {} : { exporterGap: { frames: this.#lost, bytes: 0 } },
      eni: this.eni,
      tap: this.#tap,
      host: this.#host,
      opening: this.opening,
      openedAt: this.#openedAt,
      asOf,
    }
  }
}
