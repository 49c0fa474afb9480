/** Entry by entry: a list of the file's YAML to rows of the right shape, every fault noted at its place. */
import type { z } from 'zod'
import { suggest } from './topology-problems.ts'
import { entrySchemas, topLevelKeys, type Entry, type ListName } from './topology-schema.ts'
import type { Path, TopologyYaml, YamlList, YamlMap, YamlValue } from './topology-yaml.ts'

export interface Placed<T> {
  readonly row: T
  readonly path: Path
}

/** Notes keys of the file that are no list and not `account` or `region`. */
export function checkTopLevel(yaml: TopologyYaml): YamlMap {
  const top = yaml.value
  if (!isYamlMap(top)) {
    yaml.problem(
      [],
      top === undefined ? 'the topology file is empty' : 'a topology is a map of lists',
    )
    return {}
  }
  for (const key of Object.keys(top))
    if (!topLevelKeys.includes(key))
      yaml.keyProblem([key], `unknown key ${JSON.stringify(key)}`, suggest(key, topLevelKeys))
  for (const key of ['account', 'region'])
    if (top[key] !== undefined && typeof top[key] !== 'string')
      yaml.problem([key], `"${key}" must be a text`)
  return top
}

/** The entries of one list that are well-formed; the others are left out and noted. */
export function readEntries<Name extends ListName>(
  yaml: TopologyYaml,
  top: YamlMap,
  name: Name,
): Placed<Entry<Name>>[] {
  const list = top[name]
  if (list === undefined) return []
  if (!isYamlList(list)) {
    yaml.problem([name], `"${name}" must be a list`)
    return []
  }
  const rows: Placed<Entry<Name>>[] = []
  for (const [i, each] of list.entries()) {
    const path = [name, i]
    const result = entrySchemas[name].safeParse(each, { error: describeIssue })
    if (result.success) rows.push({ row: result.data as Entry<Name>, path })
    else for (const issue of result.error.issues) noteIssue(yaml, path, entrySchemas[name], issue)
  }
  return rows
}

export const isYamlMap = (value: YamlValue): value is YamlMap =>
  typeof value === 'object' && !Array.isArray(value)

export const isYamlList = (value: YamlValue): value is YamlList => Array.isArray(value)

type Issue = z.core.$ZodIssue

function noteIssue(yaml: TopologyYaml, path: Path, schema: z.core.$ZodType, issue: Issue): void {
  const inner = issue.path.filter((part) => typeof part !== 'symbol')
  const at = [...path, ...inner]
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, inner)
    for (const key of issue.keys)
      yaml.keyProblem([...at, key], `unknown key ${JSON.stringify(key)}`, suggest(key, known))
  } else if (issue.code === 'invalid_value') {
    const names = issue.values.map(String)
    const written = valueAt(yaml.value, at)
    if (written === undefined) yaml.problem(at, issue.message, suggest('', names))
    else {
      const what = String(at.findLast((part) => typeof part === 'string'))
      const hint = suggest(typeof written === 'string' ? written : '', names)
      yaml.problem(at, `unknown ${what} ${JSON.stringify(written)}`, hint)
    }
  } else yaml.problem(at, issue.message)
}

/** What zod would say in its own words, in ours. */
function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'invalid_type' && issue.code !== 'invalid_value') return undefined
  const key = issue.path?.at(-1)
  if (issue.input === undefined)
    return typeof key === 'string' ? `"${key}" is missing` : 'an empty entry'
  if (issue.code === 'invalid_value') return undefined
  const found = Array.isArray(issue.input)
    ? 'a list'
    : typeof issue.input === 'string'
      ? 'a text'
      : 'a map'
  const wanted = { array: 'a list', object: 'a map', string: 'a text' }[issue.expected as string]
  return `expected ${wanted ?? issue.expected}, found ${found}`
}

/** The keys a map may have at `path` within `schema`. */
function keysAt(schema: z.core.$ZodType, path: Path): string[] {
  const def = (schema as z.core.$ZodTypes)._zod.def
  if (def.type === 'optional' || def.type === 'default') return keysAt(def.innerType, path)
  if (def.type === 'pipe') return keysAt(def.in, path)
  const [step, ...rest] = path
  if (def.type === 'array') return step === undefined ? [] : keysAt(def.element, rest)
  if (def.type !== 'object') return []
  if (step === undefined) return Object.keys(def.shape)
  const inner = def.shape[String(step)]
  return inner ? keysAt(inner, rest) : []
}

export function valueAt(value: YamlValue, path: Path): YamlValue {
  let here = value
  for (const part of path) {
    if (isYamlList(here)) here = here[Number(part)]
    else if (isYamlMap(here)) here = here[String(part)]
    else return undefined
  }
  return here
}
