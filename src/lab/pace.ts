/**
 * When the next packet is sent: by the clock, however late the process is woken, so that the count comes out
 * exactly; and never just before a second or a minute ends, so that sender and capture put it into the same one.
 */

/** Shorter than the pause between two packets of the slowest stream, longer than a way through the lab. */
const secondsEndMilliseconds = 50

/** Packets sent in a row by one that is late; then others have their turn. */
const burstMax = 64

export interface Pace {
  readonly count: number
  /** Unix milliseconds. */
  readonly beginAt: number
  readonly everySeconds: number
  /** How long before the end of a minute nothing is begun. */
  readonly minuteEndMilliseconds: number
}

/** Calls `send` once for each that is due, in time. Ends early when `signal` says so. */
export async function pace(
  { count, beginAt, everySeconds, minuteEndMilliseconds }: Pace,
  signal: AbortSignal,
  send: () => void,
): Promise<void> {
  for (let i = 0, burst = 0; i < count && !signal.aborted; i++, burst++) {
    const wait = beginAt + i * everySeconds * 1000 - Date.now()
    if (wait > 0 || burst >= burstMax) {
      await sleep(wait, signal)
      burst = 0
    }
    for (let late = untilQuiet(); late > 0 && !signal.aborted; late = untilQuiet())
      await sleep(late, signal)
    if (!signal.aborted) send()
  }

  /** Milliseconds until the second, or the minute, that is about to end is over; 0 when none is. */
  function untilQuiet(): number {
    const now = Date.now()
    const toMinute = 60_000 - (now % 60_000)
    if (toMinute <= minuteEndMilliseconds) return toMinute
    const toSecond = 1000 - (now % 1000)
    return toSecond <= secondsEndMilliseconds ? toSecond : 0
  }
}

/** Resolves after a while, at least at the next turn of the loop, or at once when `signal` says so. */
export async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, Math.max(0, milliseconds))
    signal.addEventListener('abort', end)
  })
}

/** Unix seconds of the minute that is now. */
export const minuteOf = (milliseconds: number): number => Math.floor(milliseconds / 60_000) * 60

/** The entry of the minute in which `milliseconds` lies; the last one or a new one. */
export function inMinute<T extends { readonly minute: number }>(
  minutes: T[],
  milliseconds: number,
  make: (minute: number) => T,
): T {
  const minute = minuteOf(milliseconds)
  const found = minutes.findLast((each) => each.minute === minute)
  if (found !== undefined) return found
  const made = make(minute)
  minutes.push(made)
  return made
}
