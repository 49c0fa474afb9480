/** The body of an index, as clients send it and as it is kept and sent back (alibaba-api.md §3.4). */
import { WeirError } from '../base/errors.ts'

/** Names in snake case, defaults filled in: what GetIndex answers. */
export interface IndexBody {
  readonly line?: LineBody
  readonly keys?: Readonly<Record<string, KeyBody>>
  readonly max_text_len: number
  readonly log_reduce: boolean
  readonly log_reduce_white_list?: readonly string[]
  readonly log_reduce_black_list?: readonly string[]
}

interface WordsBody {
  readonly token: readonly string[]
  readonly caseSensitive: boolean
  readonly chn: boolean
}

export interface LineBody extends WordsBody {
  readonly include_keys?: readonly string[]
  readonly exclude_keys?: readonly string[]
}

export interface AnalysedBody {
  readonly alias: string
  readonly doc_value: boolean
}

export type KeyBody =
  | (WordsBody & AnalysedBody & { readonly type: 'text' })
  | (AnalysedBody & { readonly type: 'long' | 'double' })
  | (WordsBody &
      AnalysedBody & {
        readonly type: 'json'
        readonly index_all: boolean
        readonly max_depth: number
        readonly json_keys: Readonly<Record<string, LeafBody>>
      })

export type LeafBody = AnalysedBody & { readonly type: 'text' | 'long' | 'double' }

type Fields = Readonly<Record<string, unknown>>

/** What cuts texts into words unless told. */
export const defaultTokens: readonly string[] = Array.from(', \'";=()[]{}?@&<>/:\n\t\r')
/** Beyond them planning a query takes longer than running it; a logstore has as many columns. */
const keysMax = 500
const keyBytesMax = 128
const textLengths = { min: 64, max: 16_384, default: 2048 } as const

/** Throws IndexInfoInvalid, ParameterInvalid. */
export function readIndex(body: Fields): IndexBody {
  const { line, keys } = body
  if ((line ?? undefined) === undefined && (keys ?? undefined) === undefined)
    throw wrong('required fields line/keys are lacking')
  const white = textsOf(body, 'log_reduce_white_list')
  const black = textsOf(body, 'log_reduce_black_list')
  return {
    ...(line === undefined || line === null ? {} : { line: readLine(objectOf(line, 'line')) }),
    ...(keys === undefined || keys === null ? {} : { keys: readKeys(objectOf(keys, 'keys')) }),
    max_text_len: textLength(body),
    log_reduce: flagOf(body, 'log_reduce'),
    ...(white === undefined ? {} : { log_reduce_white_list: white }),
    ...(black === undefined ? {} : { log_reduce_black_list: black }),
  }
}

function textLength(body: Fields): number {
  const { min, max } = textLengths
  const length = wholeOf(body, 'max_text_len', textLengths.default)
  if (length === 0) return textLengths.default // a Go client sends it for none
  if (length < min || length > max) throw wrong(`max_text_len must be from ${min} to ${max}`)
  return length
}

function readLine(line: Fields): LineBody {
  const include = textsOf(line, 'include_keys', 'includeKeys')
  const exclude = textsOf(line, 'exclude_keys', 'excludeKeys')
  if ((include?.length ?? 0) > 0 && (exclude?.length ?? 0) > 0)
    throw wrong('line has both include_keys and exclude_keys')
  return {
    ...wordsOf(line, undefined),
    ...(include === undefined ? {} : { include_keys: include }),
    ...(exclude === undefined ? {} : { exclude_keys: exclude }),
  }
}

function readKeys(keys: Fields): Readonly<Record<string, KeyBody>> {
  const entries = Object.entries(keys)
  if (entries.length > keysMax) throw wrong(`an index has at most ${keysMax} keys`)
  const read = entries.map(([name, key]) => {
    checkName(name)
    return [name, readKey(objectOf(key, `key ${name}`), name)] as const
  })
  checkAliases(new Map(read))
  return Object.fromEntries(read)
}

function readKey(key: Fields, name: string): KeyBody {
  const type = typeOf(key)
  const analysed = analysedOf(key)
  if (type === 'long' || type === 'double') return { type, ...analysed }
  if (type === 'text') return { type, ...wordsOf(key, undefined), ...analysed }
  if (type !== 'json') throw wrong(`type ${type} of key ${name} is invalid`)
  const leaves = valueOf(key, 'json_keys', 'jsonKeys')
  return {
    type,
    ...wordsOf(key, defaultTokens),
    ...analysed,
    index_all: flagOf(key, 'index_all', 'indexAll'),
    max_depth: wholeOf(key, 'max_depth', -1, 'maxDepth'),
    json_keys: leaves === undefined ? {} : readLeaves(objectOf(leaves, 'json_keys'), name),
  }
}

function readLeaves(leaves: Fields, name: string): Readonly<Record<string, LeafBody>> {
  const entries = Object.entries(leaves)
  if (entries.length > keysMax) throw wrong(`key ${name} has at most ${keysMax} json_keys`)
  return Object.fromEntries(
    entries.map(([path, leaf]) => {
      checkName(path)
      const fields = objectOf(leaf, `json key ${path}`)
      const type = typeOf(fields)
      if (type !== 'text' && type !== 'long' && type !== 'double')
        throw wrong(`type ${type} of json key ${path} is invalid`)
      return [path, { type, ...analysedOf(fields) }]
    }),
  )
}

function checkName(name: string): void {
  const bytes = Buffer.byteLength(name)
  if (bytes === 0 || bytes > keyBytesMax || /\p{Cc}/u.test(name) || name === '__proto__')
    throw wrong(`${JSON.stringify(name)} cannot be the name of a key`)
}

/** In SQL an alias and a name are the same thing, and the engine's names ignore case. */
function checkAliases(keys: ReadonlyMap<string, KeyBody>): void {
  const names = new Set([...keys.keys()].map((name) => name.toLowerCase()))
  for (const [name, key] of keys) {
    const leaves = key.type === 'json' ? Object.entries(key.json_keys) : []
    const all = [[name, key.alias], ...leaves.map(([path, leaf]) => [path, leaf.alias])]
    for (const [of, alias] of all as [string, string][]) {
      if (alias === '') continue
      checkName(alias)
      if (names.has(alias.toLowerCase()))
        throw wrong(`alias ${alias} of key ${of} is there already`)
      names.add(alias.toLowerCase())
    }
  }
}

function typeOf(key: Fields): string {
  const { type } = key
  if (typeof type === 'string' && type !== '') return type
  throw new WeirError('ParameterInvalid', 'key config must has type')
}

function wordsOf(fields: Fields, otherwise: readonly string[] | undefined): WordsBody {
  const { token } = fields
  const given = token === undefined || token === null ? otherwise : token
  const isTokens = Array.isArray(given) && given.every(isToken)
  if (!isTokens) throw wrong('required field token is lacking or of error format')
  return {
    token: given as readonly string[],
    caseSensitive: flagOf(fields, 'caseSensitive', 'case_sensitive'),
    chn: flagOf(fields, 'chn'),
  }
}

/** A character; an empty text stands for none. */
const isToken = (value: unknown): boolean => typeof value === 'string' && /^.?$/su.test(value)

const analysedOf = (fields: Fields): AnalysedBody => ({
  alias: textOf(fields, 'alias'),
  doc_value: flagOf(fields, 'doc_value', 'docValue'),
})

function objectOf(value: unknown, name: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw wrong(`${name} must be an object`)
}

/** Of the names that clients have for one field, the first that is there. */
function valueOf(fields: Fields, ...names: readonly string[]): unknown {
  const name = names.find((each) => fields[each] !== undefined && fields[each] !== null)
  return name === undefined ? undefined : fields[name]
}

function flagOf(fields: Fields, ...names: readonly string[]): boolean {
  const value = valueOf(fields, ...names) ?? false
  if (typeof value === 'boolean') return value
  throw wrong(`${names[0]} must be true or false`)
}

function wholeOf(fields: Fields, name: string, otherwise: number, other = name): number {
  const value = valueOf(fields, name, other) ?? otherwise
  if (typeof value === 'number' && Number.isInteger(value)) return value
  throw wrong(`${name} must be a whole number`)
}

function textOf(fields: Fields, name: string): string {
  const value = valueOf(fields, name) ?? ''
  if (typeof value === 'string') return value
  throw wrong(`${name} must be a text`)
}

function textsOf(fields: Fields, ...names: readonly string[]): readonly string[] | undefined {
  const value = valueOf(fields, ...names)
  if (value === undefined) return undefined
  if (Array.isArray(value) && value.every((each) => typeof each === 'string'))
    return value as readonly string[]
  throw wrong(`${names[0]} must be a list of texts`)
}

const wrong = (message: string): WeirError => new WeirError('IndexInfoInvalid', message)
