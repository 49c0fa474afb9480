/**
 * What an action may be asked with, as the cloud writes it in flat names (alibaba-api.md 1.1): `TrafficPath.1=all`,
 * `Tag.1.Key=k`. An action declares its parameters; what it does not declare is ignored, as the cloud ignores it.
 */
import { WeirError } from '../../base/errors.ts'

/** Query and form, merged. */
export type Given = ReadonlyMap<string, string>

export interface Parameter<T> {
  /** Throws MissingParameter, ParameterInvalid. */
  read(given: Given, name: string): T
}

export type Shape = Readonly<Record<string, Parameter<unknown>>>

export type Values<S extends Shape> = {
  readonly [Name in keyof S]: S[Name] extends Parameter<infer T> ? T : never
}

export function readAll<S extends Shape>(shape: S, given: Given): Values<S> {
  const values = Object.entries(shape).map(([name, each]) => [name, each.read(given, name)])
  return Object.fromEntries(values) as Values<S>
}

const textLengthMax = 4096

/** Undefined when it is left out or empty. */
export const text = (lengthMax = textLengthMax): Parameter<string | undefined> => ({
  read(given, name) {
    const value = given.get(name) ?? ''
    if (value.length > lengthMax) throw invalid(name, `it has at most ${lengthMax} characters`)
    return value === '' ? undefined : value
  },
})

/** Empty when it was given so: what stood there goes. */
export const clearable = (lengthMax = textLengthMax): Parameter<string | undefined> => ({
  read: (given, name) => (given.get(name) === '' ? '' : text(lengthMax).read(given, name)),
})

export const required = <T>(parameter: Parameter<T | undefined>): Parameter<T> => ({
  read(given, name) {
    const value = parameter.read(given, name)
    if (value !== undefined) return value
    throw missing(name)
  },
})

export const orElse = <T>(parameter: Parameter<T | undefined>, otherwise: T): Parameter<T> => ({
  read: (given, name) => parameter.read(given, name) ?? otherwise,
})

export const whole = (least: number, most: number): Parameter<number | undefined> => ({
  read(given, name) {
    const value = text().read(given, name)
    if (value === undefined) return undefined
    if (/^\d{1,15}$/.test(value) && Number(value) >= least && Number(value) <= most)
      return Number(value)
    throw invalid(name, `it is a number from ${least} to ${most}`)
  },
})

export const oneOf = <const T extends string>(
  known: readonly T[],
  isSame: (value: string, each: T) => boolean = (value, each) => value === each,
): Parameter<T | undefined> => ({
  read(given, name) {
    const value = text().read(given, name)
    if (value === undefined) return undefined
    const found = known.find((each) => isSame(value, each))
    if (found !== undefined) return found
    throw invalid(name, `it is one of ${known.join(', ')}`)
  },
})

export const flag: Parameter<boolean | undefined> = {
  read(given, name) {
    const value = oneOf(['true', 'false'], (each, known) => each.toLowerCase() === known).read(
      given,
      name,
    )
    return value === undefined ? undefined : value === 'true'
  },
}

/** What the cloud knows and Weir does not: left out or empty. @param why as `invalid` has it */
export const refused = (why: string): Parameter<undefined> => ({
  read(given, name) {
    if ((given.get(name) ?? '') !== '') throw invalid(name, why)
    return undefined
  },
})

/** `Name.1`, `Name.2` ...; one that has no number stands for the first. Empty when there is none. */
export const texts = (countMax: number): Parameter<readonly string[]> => ({
  read(given, name) {
    const single = text().read(given, name)
    const values = numbersOf(given, name, countMax).flatMap((number) => {
      const value = text().read(given, `${name}.${number}`)
      return value === undefined ? [] : [value]
    })
    return single === undefined ? values : [single, ...values]
  },
})

/** `Name.1.Key`, `Name.1.Value`, `Name.2.Key` ... */
export const structures = <S extends Shape>(
  shape: S,
  countMax: number,
): Parameter<readonly Values<S>[]> => ({
  read: (given, name) =>
    numbersOf(given, name, countMax).map((number) => {
      const fields = Object.entries(shape).map(([field, each]) => [
        field,
        each.read(given, `${name}.${number}.${field}`),
      ])
      return Object.fromEntries(fields) as Values<S>
    }),
})

/** The N of `name.N` and `name.N.FIELD`, in order, each once. */
function numbersOf(given: Given, name: string, countMax: number): number[] {
  const numbers = new Set<number>()
  for (const key of given.keys()) {
    if (!key.startsWith(`${name}.`)) continue
    const [, number] = /^([1-9]\d{0,5})(?:\.|$)/.exec(key.slice(name.length + 1)) ?? []
    if (number !== undefined) numbers.add(Number(number))
    if (numbers.size > countMax) throw invalid(name, `there are at most ${countMax} of them`)
  }
  return [...numbers].toSorted((a, b) => a - b)
}

/** With a rule that stands elsewhere: what that refuses is refused as a value of this parameter. */
export const checked = <T>(
  parameter: Parameter<T>,
  check: (value: NonNullable<T>) => void,
): Parameter<T> => ({
  read(given, name) {
    const value = parameter.read(given, name)
    if (value === undefined || value === null) return value
    try {
      check(value)
    } catch (error) {
      if (!(error instanceof WeirError) || error.code !== 'ParameterInvalid') throw error
      const { message, hint } = error
      throw new WeirError('ParameterInvalid', message, {
        place: name,
        ...(hint === undefined ? {} : { hint }),
      })
    }
    return value
  },
})

type Known<T> = {
  readonly [Name in keyof T as undefined extends T[Name] ? never : Name]: T[Name]
} & {
  readonly [Name in keyof T as undefined extends T[Name] ? Name : never]?: Exclude<
    T[Name],
    undefined
  >
}

/** Without what is undefined. */
export const known = <T extends object>(values: T): Known<T> =>
  Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as unknown as Known<T>

export const missing = (name: string): WeirError =>
  new WeirError(
    'MissingParameter',
    `The input parameter "${name}" that is mandatory for processing this request is not supplied.`,
  )

/** The answer names the parameter (`errors.ts`). @param why a sentence without its end, for people */
export const invalid = (name: string, why: string): WeirError =>
  new WeirError('ParameterInvalid', why, { place: name })

const notText = /[^\P{Cc}\t\n\r]/u
const quoted = (name: string): string => (name.length > 64 ? `${name.slice(0, 64)}...` : name)

/**
 * Query and form merged: a parameter may stand in both, or twice, but with one value.
 *
 * @throws WeirError ParameterInvalid
 */
export function merged(query: URLSearchParams, form: URLSearchParams): Given {
  const given = new Map<string, string>()
  for (const [name, value] of [...query, ...form]) {
    const known = given.get(name)
    if (known !== undefined && known !== value)
      throw invalid(quoted(name), 'it is given twice, with different values')
    if (notText.test(name) || notText.test(value))
      throw invalid(quoted(name).replaceAll(/\p{Cc}/gu, '?'), 'it holds a control character')
    given.set(name, value)
  }
  return given
}
