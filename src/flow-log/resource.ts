/** What a flow log is as a resource of the cloud, beside what it captures. */
import { WeirError } from '../base/errors.ts'
import type { FlowLog, NewFlowLog } from './instance.ts'

export const transientStates = ['Activating', 'Deactivating', 'Modifying', 'Deleting'] as const
/** While an order is under way; it ends when capture has taken it (alibaba-api.md 1.8). */
export type TransientState = (typeof transientStates)[number]

export interface Tag {
  readonly key: string
  readonly value: string
}

export interface FlowLogResource extends Omit<FlowLog, 'status'> {
  /** What is ordered, or under way. */
  readonly status: FlowLog['status'] | TransientState
  readonly region: string
  readonly account: string
  readonly resourceGroup: string
  /** By key. */
  readonly tags: readonly Tag[]
  /** `FinancialLocked` while its account owes too much. */
  readonly businessStatus: 'Normal' | 'FinancialLocked'
  /** False where there is no logstore, or delivery to it was switched off, for good. */
  readonly delivers: boolean
  readonly deliverStatus: 'SUCCESS' | 'FAILED'
  /** Empty while records arrive. */
  readonly deliverError: string
  /** The traffic analyzer that gets its records, alone unless it delivers. */
  readonly analyzer?: string
  /** Who runs it: nobody but its owner. */
  readonly serviceType: ''
}

export interface NewFlowLogResource extends NewFlowLog {
  /** That of its target unless told. */
  readonly region?: string
  readonly resourceGroup?: string
  readonly tags?: readonly Tag[]
  readonly analyzer?: string
}

/** Of each account: what is made without a group is in it. */
export const defaultResourceGroup = 'rg-default'

/** Throws ParameterInvalid. */
export function checkResourceGroup(id: string): void {
  if (!/^rg-[A-Za-z0-9]{1,60}$/.test(id))
    throw new WeirError('ParameterInvalid', `${JSON.stringify(id)} is no id of a resource group`, {
      hint: 'rg- and letters or digits',
    })
}

/** "N ≤ 20" (alibaba-api.md 1.2). */
const tagsMax = 20
/** Characters of a key and of a value. */
const lengthMax = 128

/** By key, the last one of a key. Throws ParameterInvalid. */
export function checkedTags(tags: readonly Tag[]): Tag[] {
  const byKey = new Map(tags.map((tag) => [tag.key, tag]))
  if (byKey.size > tagsMax) throw invalid(`a flow log has at most ${tagsMax} tags`)
  for (const { key, value } of byKey.values()) {
    if (key === '') throw invalid('the key of a tag is empty')
    for (const text of [key, value]) checkTagText(text)
  }
  return [...byKey.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1))
}

function checkTagText(text: string): void {
  if (Array.from(text).length > lengthMax)
    throw invalid(`the key and the value of a tag have at most ${lengthMax} characters`)
  if (/^(aliyun|acs:)/.test(text) || /https?:\/\//.test(text))
    throw invalid(
      'the key and the value of a tag do not begin with aliyun or acs: and do not hold http:// or https://',
    )
}

const invalid = (message: string): WeirError => new WeirError('ParameterInvalid', message)
