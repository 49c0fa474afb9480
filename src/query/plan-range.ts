import { WeirError } from '../base/errors.ts'

export interface QueryRange {
  /** Unix seconds; rows with `from <= __time__ < to`. */
  readonly from: number
  readonly to: number
}

export function checkRange({ from, to }: QueryRange): void {
  if (Number.isSafeInteger(from) && Number.isSafeInteger(to) && from < to) return
  throw new WeirError('InvalidTimeRange', `the range ${from} to ${to} is empty`, {
    hint: 'from and to are Unix seconds, and to is after from',
  })
}
