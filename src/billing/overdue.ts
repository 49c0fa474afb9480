/**
 * What becomes of an account that owes money, as the product page has it ("Overdue payment policy"). Knows no
 * clock and does nothing: it says which state comes next, and what is to be done then.
 */

const daySeconds = 86_400
/** "If the outstanding amount is not paid within 7 days after the service is stopped" */
export const releaseAfterSeconds = 7 * daySeconds

export interface OverdueRules {
  /** "If your overdue payment is within the suspension protection limit, your service continues" */
  readonly protectionLimit: bigint
  /** "for a specific period or up to a certain amount": seconds that a debt of any size may last; undefined: for ever. */
  readonly graceSeconds: number | undefined
}

export type OverdueState =
  | { readonly name: 'normal' }
  /** Owes, and goes on: "You are billed as normal during this grace period." */
  | { readonly name: 'grace'; readonly since: number }
  | { readonly name: 'suspended'; readonly since: number }
  /** What it had is gone; it begins anew when it is paid. */
  | { readonly name: 'released'; readonly since: number }

export type OverdueEffect = 'suspend' | 'resume' | 'release'

export interface OverdueStep {
  readonly state: OverdueState
  readonly effect?: OverdueEffect
}

/** @param balance what the account has; below 0 it owes */
export function nextOverdue(
  rules: OverdueRules,
  state: OverdueState,
  balance: bigint,
  now: number,
): OverdueStep {
  const paid = balance >= 0n
  switch (state.name) {
    case 'normal':
      return paid ? { state } : nextOverdue(rules, { name: 'grace', since: now }, balance, now)
    case 'grace': {
      if (paid) return { state: { name: 'normal' } }
      const tooLong = rules.graceSeconds !== undefined && now >= state.since + rules.graceSeconds
      if (-balance <= rules.protectionLimit && !tooLong) return { state }
      return { state: { name: 'suspended', since: now }, effect: 'suspend' }
    }
    case 'suspended':
      if (now >= state.since + releaseAfterSeconds)
        return { state: { name: 'released', since: now }, effect: 'release' }
      return paid ? { state: { name: 'normal' }, effect: 'resume' } : { state }
    case 'released':
      return paid ? { state: { name: 'normal' } } : { state }
  }
}

/** When the next step comes by itself, Unix seconds; undefined: none does. */
export function nextStepAt(
  { graceSeconds }: OverdueRules,
  state: OverdueState,
): number | undefined {
  if (state.name === 'suspended') return state.since + releaseAfterSeconds
  if (state.name === 'grace' && graceSeconds !== undefined) return state.since + graceSeconds
  return undefined
}
