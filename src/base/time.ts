import type { Brand } from './brand.ts'

/** Whole seconds since 1970-01-01T00:00:00Z. */
export type UnixSeconds = Brand<number, 'UnixSeconds'>

export const unixSeconds = (seconds: number): UnixSeconds => Math.floor(seconds) as UnixSeconds

/** The start of the aligned span of `lengthSeconds` that `at` falls in. */
export const alignedStart = (at: number, lengthSeconds: number): UnixSeconds =>
  (Math.floor(at / lengthSeconds) * lengthSeconds) as UnixSeconds
