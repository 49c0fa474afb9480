/** What one plain value has that another has not: texts, numbers, lists and objects, as JSON and YAML have them. */

/** Absent where there is nothing on that side. */
export interface Difference {
  /** Keys on the way, and ids of what is in lists. */
  readonly path: readonly string[]
  readonly before?: unknown
  readonly after?: unknown
}

type Fields = Readonly<Record<string, unknown>>

/**
 * In the order of `before`, what is new behind it. Entries of a list that have an `id` are told by it. Of other lists each
 * entry that is gone or new is one difference, however often the same is there; one that has only another order is a
 * difference as a whole.
 */
export function differencesOf(
  before: unknown,
  after: unknown,
  path: readonly string[] = [],
): Difference[] {
  if (before === undefined && after === undefined) return []
  if (isFields(before) && isFields(after)) return ofFields(before, after, path)
  if (Array.isArray(before) && Array.isArray(after)) {
    const [old, now] = [byId(before), byId(after)]
    if (old !== undefined && now !== undefined) return ofFields(old, now, path)
    return ofLists(before, after, path)
  }
  if (textOf(before) === textOf(after)) return []
  return [
    {
      path,
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    },
  ]
}

const ofFields = (before: Fields, after: Fields, path: readonly string[]): Difference[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) =>
    differencesOf(fieldOf(before, key), fieldOf(after, key), [...path, key]),
  )

function ofLists(
  before: readonly unknown[],
  after: readonly unknown[],
  path: readonly string[],
): Difference[] {
  const gone = without(before, after).map((each): Difference => ({ path, before: each }))
  const fresh = without(after, before).map((each): Difference => ({ path, after: each }))
  if (gone.length + fresh.length > 0) return [...gone, ...fresh]
  return textOf(before) === textOf(after) ? [] : [{ path, before, after }]
}

/** What is in the one list more often than in the other, as often. */
function without(list: readonly unknown[], others: readonly unknown[]): unknown[] {
  const counts = new Map<string, number>()
  for (const each of others) counts.set(textOf(each), (counts.get(textOf(each)) ?? 0) + 1)
  return list.filter((each) => {
    const left = counts.get(textOf(each)) ?? 0
    counts.set(textOf(each), left - 1)
    return left <= 0
  })
}

/** Undefined when an entry has no id, or two have the same. */
function byId(list: readonly unknown[]): Fields | undefined {
  const ids = list.map((each) => (isFields(each) ? fieldOf(each, 'id') : undefined))
  if (new Set(ids).size < list.length || !ids.every((id) => typeof id === 'string'))
    return undefined
  return Object.fromEntries(list.map((each, index) => [ids[index], each]))
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const fieldOf = (fields: Fields, key: string): unknown =>
  Object.hasOwn(fields, key) ? fields[key] : undefined

/** The same for equal values, whatever the order of their keys. */
const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) =>
    isFields(each)
      ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  ) ?? ''
