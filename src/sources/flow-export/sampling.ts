/**
 * How many packets one metered packet stands for, as the options of an exporter or the record itself say: NetFlow
 * v9 elements 34 and 48 to 50, IPFIX 302 to 311 (RFC 5476).
 */
import { type RecordValues, slot } from './information-elements.ts'

/** Samplers or interfaces remembered for one source id or domain. */
const samplersMax = 1024
/** A rate beyond this is no rate: the largest of NetFlow v5 is 2^14, of routers 2^16 or so. */
const rateMax = 2 ** 24

export class Sampling {
  readonly #bySampler = new Map<number, number>()
  readonly #byInterface = new Map<number, number>()
  /** Said of the whole exporter or process. */
  #whole = 0

  /** A record of options data: its scope is a sampler, an interface, or everything. */
  learn(values: RecordValues, ofInterface: boolean): void {
    const rate = rateIn(values)
    if (rate === 0) return
    const sampler = values.firstOf(slot.samplerId, slot.selectorId)
    if (!Number.isNaN(sampler)) remember(this.#bySampler, sampler, rate)
    else if (ofInterface) remember(this.#byInterface, values.get(slot.ingress), rate)
    else this.#whole = rate
  }

  /** 1: every packet. 0: the record names a sampler that nobody has told the rate of. */
  rateOf(values: RecordValues, input: number, output: number, direction: number): number {
    const own = rateIn(values)
    if (own !== 0) return own
    const sampler = values.firstOf(slot.samplerId, slot.selectorId)
    // Sampler 0 is none.
    if (!Number.isNaN(sampler) && sampler !== 0) {
      const told = this.#bySampler.get(sampler) ?? this.#whole
      if (told !== 0 || this.#byInterface.size === 0) return told
    }
    if (this.#byInterface.size > 0)
      return this.#byInterface.get(direction === 1 ? output : input) ?? Math.max(1, this.#whole)
    return Math.max(1, this.#whole)
  }
}

function remember(rates: Map<number, number>, id: number, rate: number): void {
  if (rates.size >= samplersMax && !rates.has(id)) rates.clear()
  rates.set(id, rate)
}

/** The rate that a record says, 0 when it says none. */
function rateIn(values: RecordValues): number {
  const interval = values.firstOf(slot.everyNth, slot.samplerInterval)
  if (!Number.isNaN(interval)) return checked(Math.max(1, interval))
  const taken = values.get(slot.packetInterval)
  if (taken > 0) return checked((taken + values.get(slot.packetSpace)) / taken)
  const size = values.get(slot.samplingSize)
  if (size > 0) return checked(values.get(slot.samplingPopulation) / size)
  const probability = values.get(slot.samplingProbability)
  return probability > 0 ? checked(1 / probability) : 0
}

const checked = (rate: number): number => (rate >= 1 && rate <= rateMax ? rate : 0)
