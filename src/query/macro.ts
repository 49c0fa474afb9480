/** A macro of the engine: its name with parameters, and its body. */
export type Macro = readonly [name: string, body: string]

/**
 * `body` with `name` standing for `value`: a macro copies its arguments, and copies of copies grow
 * without bound, where a lambda's parameter is computed once.
 */
export const once = (value: string, name: string, body: string): string =>
  `list_transform([${value}], lambda ${name}: ${body})[1]`
