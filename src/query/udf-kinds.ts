/** What crosses between the engine and a function in JavaScript: one row, one type of value each. */
export interface JsValues {
  readonly text: string
  readonly bigint: bigint
  readonly double: number
  readonly boolean: boolean
  readonly bytes: Uint8Array
  readonly texts: readonly (string | null)[]
  /** A map of numbers; entries without a value are left out. */
  readonly weights: ReadonlyMap<number, number>
  /** Values and their weights, in no order; NULLs are left out. */
  readonly pairs: readonly (readonly [value: number, weight: number])[]
  /** A map of names to numbers. */
  readonly vector: ReadonlyMap<string, number>
}

export type JsKind = keyof JsValues
type Arguments<K extends readonly JsKind[]> = { [I in keyof K]: JsValues[K[I]] }

/** A function that the engine lacks, in JavaScript. A NULL argument gives NULL without a call. */
export interface JsFunction {
  /** As the engine calls it. */
  readonly name: string
  readonly takes: readonly JsKind[]
  readonly returns: JsKind
  readonly run: (args: readonly unknown[]) => unknown
}

/** `run` is called with one value for each kind of `takes`; null is NULL. Errors end the query. */
export function jsFunction<const K extends readonly JsKind[], R extends JsKind>(
  name: string,
  takes: K,
  returns: R,
  run: (...args: Arguments<K>) => JsValues[R] | null,
): JsFunction {
  // The engine hands over values of the kinds that are declared to it.
  return { name, takes, returns, run: (args) => run(...(args as Arguments<K>)) }
}

/** The first prime of xxHash64, by which Presto multiplies in checksums. */
export const prime1 = 0x9e3779b185ebca87n

/** What a NULL adds to a checksum, as signed 64 bits. */
export const checksumOfNull: bigint = BigInt.asIntN(64, prime1)
