import { WeirError } from '../base/errors.ts'
import type { Enrichment, EnrichmentFiles, Language } from '../enrich/enrich.ts'
import { jsFunction } from './udf-kinds.ts'
import type { JsFunction } from './udf-kinds.ts'

/** The files a server has, and how they are opened: once, when a query asks for one of them first. */
export interface Lookups {
  readonly files: EnrichmentFiles
  readonly open: () => Promise<Enrichment>
}

/** `files` opened at the first call of `open`, and kept: a process has them once. */
export function lookupsOf(files: EnrichmentFiles): Lookups {
  let opened: Promise<Enrichment> | undefined
  const open = async () => (await import('../enrich/enrich.ts')).openEnrichment(files)
  return { files, open: () => (opened ??= open()) }
}

/** Countries may be known from either file; the rest is in one. */
type Needs = readonly (keyof EnrichmentFiles)[]

interface Lookup {
  readonly name: string
  /** What users call it. */
  readonly said: string
  readonly needs: Needs
  readonly make: (name: string, enrichment: Enrichment) => JsFunction
}

/** The languages names are in. `''` is the language of a query that names none. */
function languageOf(text: string): Language | undefined {
  if (text === '') return undefined
  if (/^en/i.test(text)) return 'en'
  if (/^(zh|cn)/i.test(text)) return 'zh-CN'
  throw new Error(`there are no names in the language "${text}", only in 'en' and 'zh-CN'`)
}

type Named = (enrichment: Enrichment, ip: string, language?: Language) => string | undefined
type Known = (enrichment: Enrichment, ip: string) => string | number | undefined
type Listed = (enrichment: Enrichment, value: string) => readonly unknown[]

const named = (said: string, name: string, needs: Needs, look: Named): Lookup => ({
  said,
  name,
  needs,
  make: (own, enrichment) =>
    jsFunction(own, ['text', 'text'], 'text', (ip, language) => {
      return look(enrichment, ip, languageOf(language)) ?? null
    }),
})

const known = (said: string, name: string, needs: Needs, look: Known): Lookup => ({
  said,
  name,
  needs,
  make: (own, enrichment) =>
    jsFunction(own, ['text'], 'text', (ip) => {
      const found = look(enrichment, ip)
      return found === undefined ? null : String(found)
    }),
})

const listed = (said: string, name: string, look: Listed): Lookup => ({
  said,
  name,
  needs: ['threats'],
  make: (own, enrichment) =>
    jsFunction(own, ['text'], 'bigint', (value) => (look(enrichment, value).length > 0 ? 1n : 0n)),
})

const lookups: readonly Lookup[] = [
  named('ip_to_country', 'sls_js_country', ['country', 'city'], (of, ip, language) =>
    of.country(ip, language),
  ),
  named('ip_to_province', 'sls_js_province', ['city'], (of, ip, language) =>
    of.province(ip, language),
  ),
  named('ip_to_city', 'sls_js_city', ['city'], (of, ip, language) => of.city(ip, language)),
  known('ip_to_country_code', 'sls_js_country_code', ['country', 'city'], (of, ip) =>
    of.countryCode(ip),
  ),
  known('ip_to_geo', 'sls_js_geo', ['city'], (of, ip) => of.geo(ip)),
  known('ip_to_city_geo', 'sls_js_city_geo', ['city'], (of, ip) => of.cityGeo(ip)),
  known('ip_to_provider', 'sls_js_provider', ['asn'], (of, ip) => of.provider(ip)),
  known('ip_to_asn', 'sls_js_asn', ['asn'], (of, ip) => of.asn(ip)),
  listed('security_check_ip', 'sls_js_check_ip', (of, ip) => of.checkIp(ip)),
  listed('security_check_domain', 'sls_js_check_domain', (of, domain) => of.checkDomain(domain)),
  listed('security_check_url', 'sls_js_check_url', (of, url) => of.checkUrl(url)),
]

export const lookupNames: readonly string[] = lookups.map(({ name }) => name)

/**
 * The functions of `wanted` names that look something up. Throws QueryRefused when the file that one
 * of them needs is not there, and what opening the files throws.
 */
export async function lookupFunctions(
  wanted: ReadonlySet<string>,
  { files, open }: Lookups,
): Promise<readonly JsFunction[]> {
  const asked = lookups.filter(({ name }) => wanted.has(name))
  for (const { said, needs } of asked) {
    if (needs.some((each) => files[each] !== undefined)) continue
    const missing = needs.join(' or ')
    throw new WeirError('QueryRefused', `${said}() has no data: there is no file of "${missing}"`, {
      hint: `name one under enrichment.${needs[0]} in the configuration`,
    })
  }
  if (asked.length === 0) return []
  const enrichment = await open()
  return asked.map(({ name, make }) => make(name, enrichment))
}
