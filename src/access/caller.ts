import { WeirError } from '../base/errors.ts'
import { allows, type Policy } from './policy.ts'
import type { KeyLimits } from './rate-limits.ts'

/** Who asks: the key that signed. */
export interface Caller {
  readonly keyId: string
  /** The key's name, for people. */
  readonly name: string
  readonly limits: KeyLimits
  /** Whose things it may touch; undefined: those of every account. */
  readonly account: string | undefined
  /**
   * @param action such as `log:GetLogStore`
   * @param resource such as `project/shop/logstore/flow-log`; `*` for what is no project's
   */
  may(action: string, resource: string): boolean
  /** Throws AccessDenied. */
  assertMay(action: string, resource: string): void
}

export function callerOf(
  keyId: string,
  name: string,
  policy: Policy,
  limits: KeyLimits,
  account?: string,
): Caller {
  const may = (action: string, resource: string): boolean =>
    allows(policy, action, resource, account)
  return {
    keyId,
    name,
    limits,
    account,
    may,
    assertMay(action, resource) {
      if (may(action, resource)) return
      throw new WeirError('AccessDenied', `key ${keyId} may not do ${action} on ${resource}`, {
        hint: 'Its policy must allow it: weir key change',
      })
    },
  }
}
