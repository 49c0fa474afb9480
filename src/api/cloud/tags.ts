import { checkedTags, type Tag } from '../../flow-log/flow-log.ts'
import type { Fields } from './answer.ts'
import { checked, type Parameter, required, structures, text } from './parameters.ts'

const countMax = 20
const pairs = structures({ Key: required(text()), Value: text() }, countMax)

/** `Tag.1.Key=k&Tag.1.Value=v`; a value may be empty. */
export const tagList: Parameter<readonly Tag[]> = checked(
  {
    read: (given, name) =>
      pairs.read(given, name).map(({ Key, Value = '' }) => ({ key: Key, value: Value })),
  },
  (tags) => void checkedTags(tags),
)

type TagFilter = Pick<Tag, 'key'> & Partial<Tag>

/** The same as a filter: a tag without a value is any with that key. */
export const tagFilter: Parameter<readonly TagFilter[]> = {
  read: (given, name) =>
    pairs
      .read(given, name)
      .map(({ Key, Value }) => (Value === undefined ? { key: Key } : { key: Key, value: Value })),
}

export const hasTags = (
  { tags }: { readonly tags: readonly Tag[] },
  wanted: readonly TagFilter[],
): boolean =>
  wanted.every(({ key, value }) =>
    tags.some((each) => each.key === key && (value === undefined || each.value === value)),
  )

export const tagFields = (tags: readonly Tag[]): Fields[] =>
  tags.map(({ key, value }) => ({ Key: key, Value: value }))
