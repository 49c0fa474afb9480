/** What readers of feeds hand on. */
import type { ThreatEntry } from './contract.ts'

/** What a feed says of an entry besides its network. */
export type Attributes = Omit<ThreatEntry, 'indicator' | 'feed'>

export interface FeedTaker {
  /** The feed's own name, from its header. */
  name(text: string): void
  /** @param place `line 7`, `attribute 3 of FILE` */
  entry(indicator: string, place: string, attributes: Attributes): void
  /** Something that is no entry. */
  fault(place: string, reason: string): void
}

type Maybe<T> = { readonly [K in keyof T]?: T[K] | undefined }

/** Attributes without those that are undefined. */
export function attributesOf(values: Maybe<Attributes>): Attributes {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

/** Unix seconds of `2026-11-22T10:00:00Z`, `2026-11-22 10:00:00` (UTC), `2026-11-22` or Unix seconds. */
export function secondsOf(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? Math.floor(value) : undefined
  if (typeof value !== 'string') return undefined
  const text = value.trim()
  if (/^\d{9,11}(\.\d+)?$/.test(text)) return Math.floor(Number(text))
  const parts = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?\s*(.*)$/.exec(text)
  if (parts === null) return undefined
  const zone = parts[3] === '' || parts[3] === 'UTC' ? 'Z' : parts[3]
  const milliseconds = Date.parse(`${parts[1]}T${parts[2] ?? '00:00:00'}${zone}`)
  return Number.isNaN(milliseconds) ? undefined : Math.floor(milliseconds / 1000)
}

/** 0 to 100. */
export function confidenceOf(value: unknown): number | undefined {
  const number =
    typeof value === 'number' || (typeof value === 'string' && value.trim() !== '')
      ? Number(value)
      : Number.NaN
  return number >= 0 && number <= 100 ? number : undefined
}

/** The lines of a text with their numbers, without their ends. */
export function* linesOf(text: string): Generator<readonly [line: string, number: number]> {
  let number = 0
  for (let at = text.startsWith('\uFEFF') ? 1 : 0; at < text.length;) {
    const found = text.indexOf('\n', at)
    const end = found < 0 ? text.length : found
    yield [text.slice(at, text[end - 1] === '\r' ? end - 1 : end), ++number]
    at = end + 1
  }
}

/** A value for a message, shortened. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 80)}...` : text
}
