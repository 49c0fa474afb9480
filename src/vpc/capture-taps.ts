/**
 * Where frames were read: the ENI whose tap a capture interface is, if it is one. "A file (its base name)
 * and interface that match the `tap: { capture: GLOB, interface: NAME }` of one ENI ... belong to that ENI
 * alone" (records.md 3).
 */
import { matchesGlob } from 'node:path'
import type { Eni, Topology } from './topology.ts'
import { TopologyInvalid } from './topology-problems.ts'

/** What an interface is: an ENI's index, or one of these. */
export const byAddress = -1
/** A live interface that is no ENI's: "an ENI without a tap is known but not captured live". */
export const nobodys = -2

export class CaptureTaps {
  readonly #enis: readonly Eni[]
  /** By capture interface. */
  readonly #owner: number[] = []

  constructor(topology: Topology) {
    this.#enis = topology.enis
  }

  /** Throws TopologyInvalid when the taps of two ENIs match: "Two ENIs that match: load error." */
  add(index: number, file: string | undefined, name: string | undefined): void {
    const matching = this.#enis.flatMap((eni, i) => (matches(eni, file, name) ? [i] : []))
    if (matching.length > 1) {
      const [first, second] = matching.map((i) => this.#enis[i]!)
      const what = [file, name].filter((part) => part !== undefined).join(', interface ')
      throw new TopologyInvalid([
        {
          place: second!.place,
          message: `the taps of ${first!.id} and ${second!.id} both match ${what}`,
          hint: 'Name the interface, or a narrower file pattern, in one of them.',
        },
      ])
    }
    this.#owner[index] = matching[0] ?? (file === undefined ? nobodys : byAddress)
  }

  /** The index of the ENI whose tap interface `index` is, `byAddress` or `nobodys`. */
  owner(index: number): number {
    return this.#owner[index] ?? byAddress
  }

  /**
   * "Covered = named by a capture tap that matches a file read, or, as soon as one file or interface is
   * assigned by address, every ENI of the topology" (56).
   */
  covered(): number[] {
    if (this.#owner.includes(byAddress)) return this.#enis.map((_, i) => i)
    return [...new Set(this.#owner)].filter((eni) => eni >= 0).sort((a, b) => a - b)
  }
}

function matches({ tap }: Eni, file: string | undefined, name: string | undefined): boolean {
  if (tap === undefined) return false
  if (file === undefined)
    return tap.capture === undefined && tap.interface !== undefined && tap.interface === name
  if (tap.capture === undefined || !matchesGlob(file, tap.capture)) return false
  return tap.interface === undefined || tap.interface === name
}
