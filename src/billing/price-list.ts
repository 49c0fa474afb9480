/** Price lists: YAML files with a date and a currency. What things cost is never in code. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { IANAZone } from 'luxon'
import { parse } from 'yaml'
import { z } from 'zod'
import { describeError, WeirError } from '../base/errors.ts'
import { amountOfText, millionthsOf } from './money.ts'

/** What is measured: bytes of an hour, or bytes that are there in an hour. */
export const usageKinds = [
  'generated',
  'stored',
  'storedLong',
  'transformed',
  'analyzed',
  'analysisStored',
] as const
export type UsageKind = (typeof usageKinds)[number]

/** "Simple Log Service offers two billing methods: pay-by-data-volume and pay-by-feature." */
export const logServicePlans = ['byFeature', 'byDataVolume'] as const
export type LogServicePlan = (typeof logServicePlans)[number]

const units: Readonly<Record<string, bigint>> = {
  B: 1n,
  KB: 2n ** 10n,
  MB: 2n ** 20n,
  GB: 2n ** 30n,
  TB: 2n ** 40n,
}

/** Bytes of `5 GB`. */
const size = z.string().transform((text, context) => {
  const [, count, unit = ''] = /^(\d{1,9}) ?([KMGT]?B)$/.exec(text) ?? []
  if (count !== undefined) return BigInt(count) * units[unit]!
  context.addIssue({ code: 'custom', message: `${text} is no size such as 5 GB` })
  return z.NEVER
})

const decimal = (read: (text: string) => bigint) =>
  z.string().transform((text, context) => {
    try {
      return read(text)
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message })
      return z.NEVER
    }
  })

/** In millionths. */
export const price = decimal(millionthsOf)
/** In units of `amountOne`. */
export const amount = decimal(amountOfText)

export const day = z.iso.date()
export const zone = z.string().refine((name) => IANAZone.isValidZone(name), 'is no time zone')
export const currency = z.string().regex(/^[A-Z]{3}$/)

/** Up to `upTo` bytes of a month, that size included; the last tier has no end. No price: none is set. */
const tier = z.strictObject({ upTo: size.optional(), price: price.optional() })

const item = z.strictObject({
  item: z.string().min(1).max(64),
  of: z.enum(usageKinds),
  plan: z.enum(logServicePlans).optional(),
  /** Of the bytes that were measured, rounded down to a byte. */
  percent: z.int().min(1).max(100).default(100),
  per: z.enum(['GB', 'GB-day']),
  /** Of a month, of each account and region; of what is stored, at any moment. */
  free: size.default(0n),
  tiers: z.array(tier).min(1).refine(rises, 'each tier but the last ends, above the one before it'),
  source: z.string().optional(),
})

const list = z.strictObject({
  name: z.string().min(1),
  currency,
  date: day,
  zone,
  items: z.array(item).min(1).refine(areDistinct, 'an item is there twice'),
})

export type PriceItem = z.infer<typeof item>
export type PriceList = z.infer<typeof list>

function rises(tiers: readonly { readonly upTo?: bigint | undefined }[]): boolean {
  const ends = tiers.map(({ upTo }) => upTo)
  return ends.every((end, i) => {
    if (i === ends.length - 1) return end === undefined
    return end !== undefined && end > (ends[i - 1] ?? 0n)
  })
}

function areDistinct(items: readonly { item: string; plan?: string | undefined }[]): boolean {
  const taken = (a: (typeof items)[number], b: typeof a): boolean =>
    a.item === b.item && (a.plan === undefined || b.plan === undefined || a.plan === b.plan)
  return items.every((one, i) => items.slice(0, i).every((other) => !taken(one, other)))
}

/** The prices of the product page, and what is known of the other fees. */
export const cloudPrices = fileURLToPath(new URL('./prices/cloud-cny.yaml', import.meta.url))

/** @throws WeirError FileUnreadable, ConfigInvalid */
export const readPriceList = (path: string): PriceList => readYaml(path, list)

/** @throws WeirError FileUnreadable, ConfigInvalid */
export function readYaml<Value>(path: string, schema: z.ZodType<Value>): Value {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new WeirError('FileUnreadable', `${path} cannot be read: ${describeError(cause)}`, {
      cause,
    })
  }
  let document: unknown
  try {
    document = parse(text)
  } catch (cause) {
    throw new WeirError('ConfigInvalid', `not YAML: ${describeError(cause)}`, {
      place: path,
      cause,
    })
  }
  const checked = schema.safeParse(document)
  if (checked.success) return checked.data
  const problems = checked.error.issues.map(
    ({ path: keys, message }) => `${keys.join('.') || 'the file'}: ${message}`,
  )
  throw new WeirError('ConfigInvalid', problems.join('; '), { place: path })
}

/** Those that apply: of the log service the ones of one plan. */
export const itemsOf = ({ items }: PriceList, plan: LogServicePlan): PriceItem[] =>
  items.filter((each) => each.plan === undefined || each.plan === plan)
