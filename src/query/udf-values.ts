import { jsFunction } from './udf-kinds.ts'
import type { JsFunction } from './udf-kinds.ts'

interface Bucket {
  readonly value: number
  readonly weight: number
}

/**
 * At most `most` buckets of values and their weights: the two neighbours whose merge costs the least
 * (in squared distance to the common mean) become one, again and again, as in Presto's
 * numeric_histogram. Presto does so in parts as rows come; here over all of them, so that the order
 * of rows does not matter.
 */
export function numericHistogram(
  most: bigint,
  weights: ReadonlyMap<number, number>,
): Map<number, number> {
  if (most < 2n || most > 10_000n) throw new Error('numeric_histogram has 2 to 10000 buckets')
  if (![...weights.keys()].every(Number.isFinite)) {
    throw new Error('numeric_histogram takes finite numbers')
  }
  const buckets: Bucket[] = [...weights]
    .map(([value, weight]) => ({ value, weight }))
    .sort((a, b) => a.value - b.value)
  const merged = mergeNearest(buckets, Number(most))
  return new Map(merged.map(({ value, weight }) => [value, weight]))
}

/** Pairs of values and weights, added up by value. */
function addedUp(pairs: readonly (readonly [number, number])[]): Map<number, number> {
  const weights = new Map<number, number>()
  for (const [value, weight] of pairs) weights.set(value, (weights.get(value) ?? 0) + weight)
  return weights
}

/** The smallest value below which, and with which, lies the fraction of all weight. */
function weightedPercentile(
  pairs: readonly (readonly [number, number])[],
  fraction: number,
): number | null {
  if (!(fraction >= 0 && fraction <= 1)) throw new Error('a percentile is a fraction from 0 to 1')
  if (pairs.some(([, weight]) => !(weight >= 0))) throw new Error('a weight cannot be negative')
  const sorted = pairs.filter(([, weight]) => weight > 0).sort(([a], [b]) => a - b)
  const total = sorted.reduce((sum, [, weight]) => sum + weight, 0)
  let below = 0
  const found = sorted.find(([, weight]) => {
    below += weight
    return below >= fraction * total
  })
  return found?.[0] ?? null
}

const cost = (a: Bucket, b: Bucket): number =>
  ((a.value - b.value) ** 2 * a.weight * b.weight) / (a.weight + b.weight)

/** A sorted list in links, and a heap of the costs of its neighbours; stale costs are skipped. */
function mergeNearest(buckets: Bucket[], most: number): Bucket[] {
  const next = buckets.map((_, index) => index + 1)
  const previous = buckets.map((_, index) => index - 1)
  const versions = buckets.map(() => 0)
  const heap = new CostHeap()
  const offer = (at: number): void => {
    const right = next[at]!
    if (at < 0 || right >= buckets.length) return
    heap.push({ cost: cost(buckets[at]!, buckets[right]!), at, version: versions[at]! })
  }
  for (const index of buckets.keys()) offer(index)
  for (let left = buckets.length; left > most; left--) {
    let cheapest = heap.pop()
    while (cheapest.version !== versions[cheapest.at]) cheapest = heap.pop()
    const { at } = cheapest
    const right = next[at]!
    const [a, b] = [buckets[at]!, buckets[right]!]
    const weight = a.weight + b.weight
    buckets[at] = { value: (a.value * a.weight + b.value * b.weight) / weight, weight }
    versions[right] = -1
    versions[at] = versions[at]! + 1
    next[at] = next[right]!
    if (next[at] < buckets.length) previous[next[at]] = at
    const before = previous[at]!
    if (before >= 0) {
      versions[before] = versions[before]! + 1
      offer(before)
    }
    offer(at)
  }
  return buckets.filter((_, index) => versions[index] !== -1)
}

interface Cost {
  readonly cost: number
  readonly at: number
  readonly version: number
}

const isLess = (a: Cost, b: Cost): boolean => a.cost < b.cost || (a.cost === b.cost && a.at < b.at)

class CostHeap {
  readonly #items: Cost[] = []

  push(item: Cost): void {
    const items = this.#items
    let at = items.push(item) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isLess(item, items[parent]!)) break
      items[at] = items[parent]!
      at = parent
    }
    items[at] = item
  }

  /** The cheapest; there must be one. */
  pop(): Cost {
    const items = this.#items
    const first = items[0]!
    const last = items.pop()!
    if (items.length === 0) return first
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child + 1 < items.length && isLess(items[child + 1]!, items[child]!)) child++
      if (child >= items.length || !isLess(items[child]!, last)) break
      items[at] = items[child]!
      at = child
    }
    items[at] = last
    return first
  }
}

/** The cosine of the angle between two sparse vectors; null when one has no length. */
function cosineSimilarity(
  a: ReadonlyMap<string, number>,
  b: ReadonlyMap<string, number>,
): number | null {
  const length = (vector: ReadonlyMap<string, number>) =>
    Math.sqrt([...vector.values()].reduce((sum, value) => sum + value * value, 0))
  const product = length(a) * length(b)
  if (product === 0) return null
  let dot = 0
  for (const [key, value] of a) dot += value * (b.get(key) ?? 0)
  return dot / product
}

const geohashLetters = '0123456789bcdefghjkmnpqrstuvwxyz'

/** 12 letters, which is the whole precision of the code: 5 bits a letter, longitude first. */
function geohash(latitude: number, longitude: number): string | null {
  if (!(Math.abs(latitude) <= 90) || !(Math.abs(longitude) <= 180)) return null
  const ranges = [
    { at: longitude, low: -180, high: 180 },
    { at: latitude, low: -90, high: 90 },
  ]
  let text = ''
  let letter = 0
  for (let bit = 0; bit < 60; bit++) {
    const range = ranges[bit % 2]!
    const middle = (range.low + range.high) / 2
    const isHigh = range.at >= middle
    if (isHigh) range.low = middle
    else range.high = middle
    letter = letter * 2 + Number(isHigh)
    if (bit % 5 === 4) {
      text += geohashLetters[letter]!
      letter = 0
    }
  }
  return text
}

/** Of a text `latitude,longitude`, as ip_to_geo gives it. */
function geohashOfText(text: string): string | null {
  const found = /^\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*$/.exec(text)
  return found === null ? null : geohash(Number(found[1]), Number(found[2]))
}

const barWidthMax = 1000n

/**
 * Blocks from red to green in colours of a terminal, padded with blanks to `width`: Presto's bar. The
 * hue goes from 0 to 120 degrees; each colour is one of the 6 x 6 x 6 cube.
 */
function bar(fraction: number, width: bigint): string {
  if (width < 1n || width > barWidthMax) throw new Error(`a bar is 1 to ${barWidthMax} wide`)
  const cells = Number(width)
  const count = Math.max(0, Math.min(cells, Math.trunc(fraction * cells) || 0))
  const blocks = Array.from({ length: count }, (_, index) => {
    const hue = Math.fround(index / (cells - 1) || 0) * 2
    const red = Math.min(1, 2 - hue)
    const green = Math.min(1, hue)
    const level = (part: number) => Math.floor((Math.floor(part * 255 + 0.5) * 6) / 256)
    return `\u001b[38;5;${16 + level(red) * 36 + level(green) * 6}m\u2588`
  })
  return `${blocks.join('')}\u001b[0m${' '.repeat(cells - count)}`
}

export const valueFunctions: readonly JsFunction[] = [
  jsFunction('sls_js_numeric_histogram', ['bigint', 'weights'], 'weights', numericHistogram),
  jsFunction('sls_js_weighted_histogram', ['bigint', 'pairs'], 'weights', (most, pairs) =>
    numericHistogram(most, addedUp(pairs)),
  ),
  jsFunction('sls_js_weighted_percentile', ['pairs', 'double'], 'double', weightedPercentile),
  jsFunction('sls_js_cosine_similarity', ['vector', 'vector'], 'double', cosineSimilarity),
  jsFunction('sls_js_geohash', ['double', 'double'], 'text', geohash),
  jsFunction('sls_js_geohash_text', ['text'], 'text', geohashOfText),
  jsFunction('sls_js_bar', ['double', 'bigint'], 'text', bar),
]
