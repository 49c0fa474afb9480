/** Rows that have the same values, numbered, column by column. */

/** Texts are codes; numbers may be NaN, which is a value of its own here. */
export type Values = Uint32Array | Float64Array

export interface Groups {
  /** The group of each place in `rows`, numbered in the order in which they begin. */
  readonly of: Uint32Array
  readonly count: number
}

export const oneGroup = (places: number): Groups => ({ of: new Uint32Array(places), count: 1 })

/** Groups taken apart by the value that each row has. */
export function splitBy(groups: Groups, rows: Uint32Array, values: Values): Groups {
  const places = rows.length
  const bits = 1 + Math.ceil(Math.log2(Math.max(2, places)))
  const mask = 2 ** bits - 1
  /** The first place of the group that lies there, plus 1. */
  const slots = new Uint32Array(mask + 1)
  const of = new Uint32Array(places)
  let count = 0
  for (let place = 0; place < places; place++) {
    const group = groups.of[place]!
    const value = values[rows[place]!]!
    let slot = mixed(group, value) & mask
    for (;;) {
      const first = slots[slot]!
      if (first === 0) {
        slots[slot] = place + 1
        of[place] = count++
        break
      }
      if (groups.of[first - 1] === group && isSame(values[rows[first - 1]!]!, value)) {
        of[place] = of[first - 1]!
        break
      }
      slot = (slot + 1) & mask
    }
  }
  return { of, count }
}

const isSame = (a: number, b: number): boolean => a === b || (Number.isNaN(a) && Number.isNaN(b))

/** Two numbers as 32 bits that are all of both: the last step of MurmurHash3 (Appleby), which is in the public domain. */
function mixed(group: number, value: number): number {
  let hash = Math.imul(group, 0x9e37_79b1) ^ Math.imul(value | 0, 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
  return hash ^ (hash >>> 16)
}
