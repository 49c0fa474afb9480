/** The capture of one host, from its taps to a sink: what `weir start` and `weir agent` have in common. */
import { join } from 'node:path'
import { type AgentConfig, CaptureAgent } from '../agent/agent.ts'
import { describeError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import {
  openSpool,
  type RecordSink,
  type Spool,
  SpooledDelivery,
  type SpooledParcel,
} from '../delivery/delivery.ts'

export interface HostCapture {
  readonly agent: CaptureAgent
  readonly delivery: SpooledDelivery
  readonly spool: Spool
  /** What is wrong, a sentence each. */
  problems(): string[]
  /**
   * Closes every window, and sends what is closed as long as it is taken. What is not stays in the spool for the
   * next start.
   */
  stop(): Promise<void>
}

export interface HostCaptureOptions {
  /** Its spool is DIR/spool. */
  readonly dataDir: string
  readonly spoolBytesMax: number
  readonly agent: AgentConfig
  readonly log: Log
  readonly onLost: (lost: SpooledParcel, error: Error) => void
}

export async function openHostCapture(
  sink: RecordSink,
  { dataDir, spoolBytesMax, agent: config, log, onLost }: HostCaptureOptions,
): Promise<HostCapture> {
  const spool = await openSpool(join(dataDir, 'spool'), { bytesMax: spoolBytesMax }, { log })
  const delivery = new SpooledDelivery(spool, sink, log, { onLost })
  const agent = new CaptureAgent(config, spool, log)
  return {
    agent,
    delivery,
    spool,
    problems: () => [
      ...agent.problems(),
      ...(delivery.waitsFor === undefined ? [] : [`records wait: ${delivery.waitsFor}`]),
      ...(spool.stats().full ? ['the spool is full: closed windows are refused'] : []),
    ],
    async stop() {
      await agent.stop()
      await deliverRest(delivery)
      const left = spool.stats().parcels
      if (left > 0)
        log.warn('records stay in the spool until the next start', {
          batches: left,
          why: delivery.waitsFor ?? 'they were not stored in time',
        })
      await delivery.stop()
      await spool.close()
    },
  }
}

/** Looks this often whether the sink still takes what is sent. */
const lookMilliseconds = 50

async function deliverRest(delivery: SpooledDelivery): Promise<void> {
  let drained = false
  const draining = delivery.drain().then(() => (drained = true))
  while (!drained && delivery.waitsFor === undefined)
    await Promise.race([
      draining,
      new Promise((resolve) => setTimeout(resolve, lookMilliseconds).unref()),
    ])
}

export const describeLost = ({ eni, parcel }: SpooledParcel, error: Error): string =>
  `${parcel.batch.rows} records of ${eni} were refused by ${parcel.project === '' ? 'an analyzer' : `${parcel.project}/${parcel.logstore}`}: ${describeError(error)}`
