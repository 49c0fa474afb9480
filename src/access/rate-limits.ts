import { z } from 'zod'
import { WeirError } from '../base/errors.ts'

const positive = z.number('a number above 0').positive()
const schema = z.strictObject({
  requestsPerSecond: positive.optional(),
  bytesPerSecond: positive.optional(),
  bodyBytesMax: positive.optional(),
})

export interface KeyLimits {
  readonly requestsPerSecond?: number | undefined
  readonly bytesPerSecond?: number | undefined
  /** Of one request, as it is sent. */
  readonly bodyBytesMax?: number | undefined
}

/** @throws WeirError ParameterInvalid with the limit that is none */
export function parseLimits(limits: unknown): KeyLimits {
  const checked = schema.safeParse(limits)
  if (checked.success) return checked.data
  const [issue] = checked.error.issues
  const place = ['limits', ...issue!.path.map(String)].join('.')
  throw new WeirError('ParameterInvalid', `${place}: ${issue!.message}`, { place })
}

/** One that is null is lifted. */
export type LimitsChange = { readonly [Name in keyof KeyLimits]: KeyLimits[Name] | null }

/** @throws WeirError ParameterInvalid with the limit that is none */
export function changedLimits(limits: KeyLimits, change: LimitsChange): KeyLimits {
  const all = Object.entries({ ...limits, ...change })
  return parseLimits(Object.fromEntries(all.filter(([, limit]) => limit !== null)))
}

interface Bucket {
  requests: number
  bytes: number
  /** Milliseconds. */
  at: number
}

/** What may be taken at once after a pause, in seconds of the rate. */
const burstSeconds = 2
const bucketsMax = 10_000

/** A bucket a key, filled at its rates. */
export class RateLimits {
  readonly #buckets = new Map<string, Bucket>()

  /**
   * Takes a request with a body of so many bytes. One that is larger than the bucket is let through when that is full.
   * @param now milliseconds of a clock that does not go back
   * @returns undefined when it may pass, else the seconds to wait
   */
  take(keyId: string, bytes: number, limits: KeyLimits, now: number): number | undefined {
    const { requestsPerSecond, bytesPerSecond } = limits
    if (requestsPerSecond === undefined && bytesPerSecond === undefined) return undefined
    const bucket = this.#bucketOf(keyId, limits, now)
    const waits = [
      waitFor(bucket.requests, 1, requestsPerSecond),
      waitFor(bucket.bytes, bytes, bytesPerSecond),
    ]
    const wait = Math.max(...waits)
    if (wait > 0) return wait
    bucket.requests -= 1
    bucket.bytes -= bytes
    return undefined
  }

  #bucketOf(keyId: string, limits: KeyLimits, now: number): Bucket {
    const full = (rate: number | undefined): number => (rate ?? 0) * burstSeconds
    const known = this.#buckets.get(keyId)
    this.#buckets.delete(keyId) // the one that was asked longest ago stands first
    const { requestsPerSecond, bytesPerSecond } = limits
    const bucket = known ?? {
      requests: full(requestsPerSecond),
      bytes: full(bytesPerSecond),
      at: now,
    }
    const seconds = Math.max(0, now - bucket.at) / 1000
    const filled = (level: number, rate: number | undefined): number =>
      Math.min(full(rate), level + seconds * (rate ?? 0))
    bucket.requests = filled(bucket.requests, requestsPerSecond)
    bucket.bytes = filled(bucket.bytes, bytesPerSecond)
    bucket.at = now
    if (this.#buckets.size >= bucketsMax) this.#buckets.delete(this.#buckets.keys().next().value!)
    this.#buckets.set(keyId, bucket)
    return bucket
  }
}

function waitFor(level: number, wanted: number, rate: number | undefined): number {
  if (rate === undefined) return 0
  const needed = Math.min(wanted, rate * burstSeconds)
  return level >= needed ? 0 : (needed - level) / rate
}
