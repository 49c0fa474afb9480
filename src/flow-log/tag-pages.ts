/** Pages of tags, as ListTagResources gives them (alibaba-api.md 1.7). */
import { WeirError } from '../base/errors.ts'
import type { FlowLogResource, Tag } from './resource.ts'

export interface TagEntry extends Tag {
  readonly flowLog: string
}

export interface TagPage {
  readonly entries: readonly TagEntry[]
  /** Where the next page begins; empty after the last. */
  readonly nextToken: string
}

export interface TagsWanted {
  /** Those with one of these ids; all unless told. */
  readonly ids?: readonly string[]
  /** Those with every one of these; without a value, any value of that key. */
  readonly tags?: readonly { readonly key: string; readonly value?: string }[]
  readonly nextToken?: string
  /** Those of this account; of all unless told. */
  readonly account?: string
  /** From 1 to 50; 50 unless told. */
  readonly maxResults?: number
}

const resultsMax = 50

/** In the order of flow logs and keys: what is added or removed meanwhile moves no other over the edge of a page. */
export function tagPage(flowLogs: readonly FlowLogResource[], wanted: TagsWanted): TagPage {
  const { ids, tags = [], account, nextToken = '', maxResults = resultsMax } = wanted
  if (!Number.isInteger(maxResults) || maxResults < 1 || maxResults > resultsMax)
    throw new WeirError('ParameterInvalid', `MaxResults is a number from 1 to ${resultsMax}`)
  const after = placeOf(nextToken)
  const rest = flowLogs
    .filter(
      (flowLog) =>
        (ids === undefined || ids.includes(flowLog.id)) &&
        (account === undefined || flowLog.account === account) &&
        tags.every(({ key, value }) =>
          flowLog.tags.some(
            (tag) => tag.key === key && (value === undefined || tag.value === value),
          ),
        ),
    )
    .flatMap(({ id, tags: own }) => own.map((tag) => ({ flowLog: id, ...tag })))
    .toSorted((a, b) => compared(textOf(a), textOf(b)))
    .filter((entry) => after === undefined || compared(textOf(entry), after) > 0)
  const entries = rest.slice(0, maxResults)
  const last = rest.length > maxResults ? entries.at(-1) : undefined
  return {
    entries,
    nextToken: last === undefined ? '' : Buffer.from(textOf(last)).toString('base64url'),
  }
}

const textOf = ({ flowLog, key }: TagEntry): string => `${flowLog}\n${key}`
const compared = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function placeOf(token: string): string | undefined {
  if (token === '') return undefined
  const text = Buffer.from(token, 'base64url').toString()
  if (!text.includes('\n') || Buffer.from(text).toString('base64url') !== token)
    throw new WeirError('ParameterInvalid', 'the NextToken is none of this list')
  return text
}
