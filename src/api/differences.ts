/** Routes that compare two versions of something. */
import type { Difference } from '../base/difference.ts'
import { WeirError } from '../base/errors.ts'

const number = { type: 'string', pattern: '^[1-9]\\d{0,8}$' } as const
export const differencesQuery = {
  type: 'object',
  additionalProperties: false,
  properties: { from: number, to: number },
} as const

/** Which versions are compared: the newest unless told, with the one before it unless told. */
export interface DifferencesQuery {
  readonly from?: string
  readonly to?: string
}

export interface DifferencesAnswer<Version> {
  readonly from: Version
  readonly to: Version
  readonly differences: readonly Difference[]
}

/** @param versions 1, 2, ... in order. Throws NotFound */
export function comparedOf<Version>(
  versions: readonly Version[],
  query: DifferencesQuery,
): { readonly from: Version; readonly to: Version } {
  const to = Number(query.to ?? versions.length)
  const from = Number(query.from ?? to - 1)
  const [old, now] = [versions[from - 1], versions[to - 1]]
  if (old !== undefined && now !== undefined) return { from: old, to: now }
  throw new WeirError('NotFound', `there is no version ${old === undefined ? from : to}`, {
    hint: versions.length === 0 ? 'There is none at all' : `There are 1 to ${versions.length}`,
  })
}
