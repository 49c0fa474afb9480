import { setTimeout as sleep } from 'node:timers/promises'

const pauseMilliseconds = { first: 100, longest: 10_000 } as const

export interface Repeating {
  /** Whether the same attempt can succeed later. */
  readonly passes: (error: unknown) => boolean
  /** Told of an attempt that will be repeated. */
  readonly onWait: (error: unknown) => void
  /** Ends a pause at once; no attempt after the next one. */
  readonly signal: AbortSignal
}

/** Attempts until it succeeds, with growing pauses. Throws an error that does not pass, and any once told to stop. */
export async function repeat(
  attempt: () => Promise<void> | void,
  { passes, onWait, signal }: Repeating,
): Promise<void> {
  let pause: number = pauseMilliseconds.first
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!passes(error) || signal.aborted) throw error
      onWait(error)
      await pauseFor(pause, signal)
      pause = Math.min(pause * 2, pauseMilliseconds.longest)
    }
  }
}

async function pauseFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
