/** When a change of flow logs has come to where packets are seen. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../base/log.ts'

/** An agent asks each second, so it has its orders after two; one that has not may be away for long. */
const boundMilliseconds = 5000
const lookMilliseconds = 50

export interface OrderTakers {
  /** Resolves when this host captures what is ordered; undefined when it captures nothing at all. */
  readonly host: (() => Promise<void>) | undefined
  /** Agents that are there and do not yet have the orders in force. */
  readonly behind: () => readonly string[]
}

/** Resolves when all have the orders in force, or after 5 seconds: those who were away get them when they come. */
export function ordersTaken({ host, behind }: OrderTakers, log: Log): () => Promise<void> {
  return async () => {
    const end = Date.now() + boundMilliseconds
    const late = new AbortController()
    const waited = sleep(boundMilliseconds, undefined, { signal: late.signal, ref: false }).catch(
      () => {}, // nobody waits any more
    )
    // A tap that cannot be opened is told of by the capture itself.
    const opened = host?.().catch(() => {})
    await Promise.race([opened, waited])
    late.abort()
    while (behind().length > 0 && Date.now() < end)
      await sleep(lookMilliseconds, undefined, { ref: false })
    const away = behind()
    if (away.length > 0)
      log.warn('agents have not taken their orders yet', { agents: away.join(', ') })
  }
}
