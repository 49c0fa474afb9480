/**
 * Where frames were read: the ENI whose tap a capture interface is, if it is one. "A file (its base name)
 * and interface that match the `tap: { capture: GLOB, interface: NAME }` of one ENI ... belong to that ENI
 * alone" (records.md 3). A router's interface is that of the ENI whose tap names it, else by address.
 */
import { matchesGlob } from 'node:path'
import { assert } from '../base/assert.ts'
import { type Address, addressKey, parseAddress } from './address.ts'
import type { CaptureInterface } from './observations.ts'
import type { Eni, Topology } from './topology.ts'
import { TopologyInvalid } from './topology-problems.ts'

/** What an interface is: an ENI's index, or one of these. */
export const byAddress = -1
/** A live interface that is no ENI's: "an ENI without a tap is known but not captured live". */
export const nobodys = -2

export class CaptureTaps {
  readonly #enis: readonly Eni[]
  /** ENIs by exporter and ifIndex. */
  readonly #atRouters: ReadonlyMap<string, readonly number[]>
  /** By capture interface. */
  readonly #told: CaptureInterface[] = []
  readonly #owner: number[] = []

  constructor(topology: Topology) {
    this.#enis = topology.enis
    const numbered = topology.enis.flatMap(({ tap }, i) =>
      tap?.exporter === undefined ? [] : [{ key: routerKey(tap.exporter, tap.ifIndex), i }],
    )
    const byKey = Map.groupBy(numbered, ({ key }) => key)
    this.#atRouters = new Map([...byKey].map(([key, all]) => [key, all.map(({ i }) => i)]))
  }

  /** The taps of another version, which knows the interfaces that this one was told of. Throws as `add` does. */
  of(topology: Topology): CaptureTaps {
    const taps = new CaptureTaps(topology)
    this.#told.forEach((from, index) => taps.add(index, from))
    return taps
  }

  /** Throws TopologyInvalid when the taps of two ENIs match: "Two ENIs that match: load error." */
  add(index: number, from: CaptureInterface): void {
    const matching = this.#matching(from)
    if (matching.length > 1) {
      const [first, second] = matching.map((i) => this.#enis[i]!)
      throw new TopologyInvalid([
        {
          place: second!.place,
          message: `the taps of ${first!.id} and ${second!.id} both match ${whatOf(from)}`,
          hint: 'Name the interface, or a narrower file pattern, in one of them.',
        },
      ])
    }
    const isLive = from.file === undefined && from.exporter === undefined
    this.#told[index] = from
    this.#owner[index] = matching[0] ?? (isLive ? nobodys : byAddress)
  }

  /** A router has as many taps as ENIs: they are looked up. */
  #matching(from: CaptureInterface): readonly number[] {
    const { exporter } = from
    if (exporter === undefined)
      return this.#enis.flatMap((eni, i) => (matches(eni, from) ? [i] : []))
    const address = parseAddress(exporter.address)
    assert(address !== undefined, `${exporter.address} is no address of an exporter`)
    return this.#atRouters.get(routerKey(address, exporter.ifIndex)) ?? []
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

const routerKey = (address: Address, ifIndex: number | undefined): string =>
  `${addressKey(address)} ${ifIndex}`

function matches({ tap }: Eni, { file, name }: CaptureInterface): boolean {
  if (tap === undefined) return false
  if (file === undefined)
    return tap.capture === undefined && tap.interface !== undefined && tap.interface === name
  if (tap.capture === undefined || !matchesGlob(file, tap.capture)) return false
  return tap.interface === undefined || tap.interface === name
}

const whatOf = ({ file, name, exporter }: CaptureInterface): string =>
  exporter === undefined
    ? [file, name].filter((part) => part !== undefined).join(', interface ')
    : `exporter ${exporter.address}, interface ${exporter.ifIndex}`
