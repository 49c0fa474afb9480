/** Random rules of security groups and network ACLs from a seed, and dice to throw for other things. */
import { Random } from '../src/sample/random.ts'

/** As a topology file writes it. */
export interface RandomRule {
  readonly policy: 'accept' | 'drop'
  readonly protocol?: string
  readonly ports?: string
  readonly peer?: string
}
export interface RandomGroupRule extends RandomRule {
  readonly direction: 'ingress' | 'egress'
  readonly priority?: number
}

export class Dice extends Random {
  of<T>(list: readonly T[]): T {
    return list[this.whole(0, list.length - 1)]!
  }

  times<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.whole(0, most) }, make)
  }

  chance(percent: number): boolean {
    return this.whole(0, 99) < percent
  }
}

export interface RuleChoices {
  /** Ranges of addresses, and groups where those may stand. */
  readonly peers: readonly string[]
  readonly protocols: readonly string[]
  readonly ports: readonly string[]
}

export const randomRule = (dice: Dice, { peers, protocols, ports }: RuleChoices): RandomRule => ({
  policy: dice.chance(65) ? 'accept' : 'drop',
  ...(dice.chance(80) && { protocol: dice.of(protocols) }),
  ...(dice.chance(60) && { ports: dice.of(ports) }),
  ...(dice.chance(60) && { peer: dice.of(peers) }),
})

export const randomGroupRule = (dice: Dice, choices: RuleChoices): RandomGroupRule => ({
  direction: dice.of(['ingress', 'egress']),
  ...(dice.chance(50) && { priority: dice.whole(1, 3) }),
  ...randomRule(dice, choices),
})
