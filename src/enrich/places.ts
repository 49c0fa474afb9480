/** Where an address is, by MMDB files of countries and cities. */
import { type Family, readPublic } from './address.ts'
import type { EnrichmentFiles, Language } from './contract.ts'
import { inside, Mmdb, type MmdbRecord, textOf } from './mmdb.ts'

type Names = Readonly<Record<Language, string>>

interface Place {
  readonly countryCode: string | undefined
  readonly province: Names | undefined
  readonly city: Names | undefined
  readonly geo: string | undefined
}

const nowhere: Place = {
  countryCode: undefined,
  province: undefined,
  city: undefined,
  geo: undefined,
}

export class Places {
  readonly #country: Mmdb | undefined
  readonly #city: Mmdb | undefined
  readonly #codes = new Remembered((family, words) => this.#codeOf(family, words))
  readonly #places = new Remembered((family, words) => this.#placeOf(family, words))

  constructor({ country, city }: Pick<EnrichmentFiles, 'country' | 'city'>) {
    this.#country = country === undefined ? undefined : new Mmdb(country)
    this.#city = city === undefined ? undefined : new Mmdb(city)
  }

  /** Without a look into the file of cities where the other knows. */
  countryCode(ip: string): string | undefined {
    return this.#codes.get(ip)
  }

  at(ip: string): Place {
    return this.#places.get(ip) ?? nowhere
  }

  #codeOf(family: Family, words: Uint32Array): string | undefined {
    return (
      placeOf(this.#country?.get(family, words)).countryCode ??
      placeOf(this.#city?.get(family, words)).countryCode
    )
  }

  #placeOf(family: Family, words: Uint32Array): Place {
    const found = placeOf(this.#city?.get(family, words))
    const { countryCode } = placeOf(this.#country?.get(family, words))
    // Two files that put an address into different countries: a city of the other would be wrong.
    const differ = countryCode !== undefined && found.countryCode !== undefined
    return differ && countryCode !== found.countryCode ? nowhere : found
  }
}

/** Flow logs name the same addresses again and again, and a query asks several things of each. */
const rememberedMax = 8192

class Remembered<T> {
  readonly #known = new Map<string, T | undefined>()
  readonly #words = new Uint32Array(4)
  readonly #find: (family: Family, words: Uint32Array) => T | undefined

  constructor(find: (family: Family, words: Uint32Array) => T | undefined) {
    this.#find = find
  }

  get(ip: string): T | undefined {
    const known = this.#known.get(ip)
    if (known !== undefined || this.#known.has(ip)) return known
    const family = readPublic(ip, this.#words)
    const found = family === 0 ? undefined : this.#find(family, this.#words)
    if (this.#known.size >= rememberedMax) this.#known.clear()
    this.#known.set(ip, found)
    return found
  }
}

/**
 * Both forms, told apart by the record, as `database_type` is free text: MaxMind's `country.iso_code`,
 * `city.names.en`; and flat `country_code`, `city`, `state1` (or `country` with a code).
 */
function placeOf(record: MmdbRecord | undefined): Place {
  if (record === undefined) return nowhere
  const nested = typeof record['country'] === 'object' || typeof record['location'] === 'object'
  if (nested)
    return {
      countryCode: codeOf(inside(record, 'country', 'iso_code')),
      province: namesOf(firstOf(record['subdivisions'])),
      city: namesOf(record['city']),
      geo: geoOf(inside(record, 'location', 'latitude'), inside(record, 'location', 'longitude')),
    }
  return {
    countryCode: codeOf(record['country_code']) ?? codeOf(record['country']),
    province: sameNames(record['state1'] ?? record['region']),
    city: sameNames(record['city']),
    geo: geoOf(record['latitude'], record['longitude']),
  }
}

const firstOf = (value: unknown): unknown => (Array.isArray(value) ? value[0] : undefined)

function namesOf(value: unknown): Names | undefined {
  const en = textOf(inside(value, 'names', 'en'))
  const zh = textOf(inside(value, 'names', 'zh-CN'))
  const either = en ?? zh
  return either === undefined ? undefined : { en: en ?? either, 'zh-CN': zh ?? either }
}

function sameNames(value: unknown): Names | undefined {
  const text = textOf(value)
  return text === undefined ? undefined : { en: text, 'zh-CN': text }
}

function codeOf(value: unknown): string | undefined {
  const code = textOf(value)
  return code !== undefined && /^[A-Z]{2}$/.test(code) && code !== 'ZZ' ? code : undefined
}

/** Four decimals are 11 m; files that keep 32-bit numbers would show digits that mean nothing. */
function geoOf(latitude: unknown, longitude: unknown): string | undefined {
  if (typeof latitude !== 'number' || typeof longitude !== 'number') return undefined
  const text = (degrees: number): string => String(Number(degrees.toFixed(4)) + 0)
  return `${text(latitude)},${text(longitude)}`
}

const regionNames: Partial<Record<Language, Intl.DisplayNames>> = {}

/** The name of a country, from the runtime's own tables (Unicode CLDR). */
export function countryName(code: string, language: Language): string | undefined {
  const names = (regionNames[language] ??= new Intl.DisplayNames(language, { type: 'region' }))
  return names.of(code)
}
