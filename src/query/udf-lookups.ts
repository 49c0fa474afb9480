import { jsFunction } from './udf-kinds.ts'
import type { JsFunction } from './udf-kinds.ts'

/** What is known of addresses, domains and URLs. Undefined where nothing is known. */
export interface Lookups {
  country(ip: string, language?: string): string | undefined
  countryCode(ip: string): string | undefined
  province(ip: string, language?: string): string | undefined
  city(ip: string, language?: string): string | undefined
  /** `latitude,longitude` of the address. */
  geo(ip: string): string | undefined
  /** `latitude,longitude` of its city. */
  cityGeo(ip: string): string | undefined
  /** The operator of the network. */
  provider(ip: string): string | undefined
  asn(ip: string): string | undefined
  /** Whether a feed of threats names it. */
  checkIp(ip: string): boolean
  checkDomain(domain: string): boolean
  checkUrl(url: string): boolean
}

const found = (value: string | undefined): string | null => value ?? null
const hit = (value: boolean): bigint => (value ? 1n : 0n)

/** The names the engine knows them by, before there are any data. */
export const lookupNames = [
  'sls_js_country',
  'sls_js_country_code',
  'sls_js_province',
  'sls_js_city',
  'sls_js_geo',
  'sls_js_city_geo',
  'sls_js_provider',
  'sls_js_asn',
  'sls_js_check_ip',
  'sls_js_check_domain',
  'sls_js_check_url',
] as const

type LookupName = (typeof lookupNames)[number]

/** The functions over `lookups`; a language is `''` where the query names none. */
export function lookupFunctions(lookups: Lookups): readonly JsFunction[] {
  const inLanguage = (
    name: LookupName,
    look: (ip: string, language?: string) => string | undefined,
  ): JsFunction =>
    jsFunction(name, ['text', 'text'], 'text', (ip, language) =>
      found(language === '' ? look(ip) : look(ip, language)),
    )
  const plain = (name: LookupName, look: (ip: string) => string | undefined): JsFunction =>
    jsFunction(name, ['text'], 'text', (ip) => found(look(ip)))
  const check = (name: LookupName, look: (value: string) => boolean): JsFunction =>
    jsFunction(name, ['text'], 'bigint', (value) => hit(look(value)))
  return [
    inLanguage('sls_js_country', (ip, language) => lookups.country(ip, language)),
    inLanguage('sls_js_province', (ip, language) => lookups.province(ip, language)),
    inLanguage('sls_js_city', (ip, language) => lookups.city(ip, language)),
    plain('sls_js_country_code', (ip) => lookups.countryCode(ip)),
    plain('sls_js_geo', (ip) => lookups.geo(ip)),
    plain('sls_js_city_geo', (ip) => lookups.cityGeo(ip)),
    plain('sls_js_provider', (ip) => lookups.provider(ip)),
    plain('sls_js_asn', (ip) => lookups.asn(ip)),
    check('sls_js_check_ip', (ip) => lookups.checkIp(ip)),
    check('sls_js_check_domain', (domain) => lookups.checkDomain(domain)),
    check('sls_js_check_url', (url) => lookups.checkUrl(url)),
  ]
}
