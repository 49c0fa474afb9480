/** The shape of every action of the cloud's APIs. */
import type { Fields } from './answer.ts'
import { type Given, readAll, type Shape, type Values } from './parameters.ts'

/** The products that have actions here, by the version that a request names. */
export const products = {
  '2016-04-28': 'vpc',
  '2021-12-16': 'nis',
  '2014-05-26': 'ecs',
} as const
export type Version = keyof typeof products

export interface Asked {
  readonly requestId: string
  /** Of the key that asks. */
  readonly keyId: string
  /** Nobody waits for the answer any more. */
  readonly signal: AbortSignal
}

export interface FurtherRight {
  /** As `log:PostLogStoreLogs`. */
  readonly action: string
  readonly resource: string
}

/** An action with what it was asked, ready to run. */
export interface Order {
  /** What a policy names, as `flowlog/fl-1`: each must be allowed. */
  readonly resources: readonly string[]
  /** Further rights that are needed, of other services. */
  readonly also: readonly FurtherRight[]
  run(asked: Asked): Promise<Fields> | Fields
}

export interface CloudAction {
  readonly version: Version
  readonly name: string
  /** Changes are written down. */
  readonly changes: boolean
  /** Throws MissingParameter, ParameterInvalid. */
  prepare(given: Given): Order
}

interface ActionParts<S extends Shape> {
  readonly parameters: S
  readonly resources: (values: Values<S>) => readonly string[]
  readonly also?: (values: Values<S>) => readonly FurtherRight[]
  readonly changes?: boolean
  /** @returns what the answer has besides RequestId */
  readonly run: (values: Values<S>, asked: Asked) => Promise<Fields> | Fields
}

export const actionOf = <const S extends Shape>(
  version: Version,
  name: string,
  { parameters, resources, also = () => [], changes = false, run }: ActionParts<S>,
): CloudAction => ({
  version,
  name,
  changes,
  prepare(given) {
    const values = readAll(parameters, given)
    return { resources: resources(values), also: also(values), run: (asked) => run(values, asked) }
  },
})
