/**
 * enrich/: what files of addresses know: country, province, city, position, autonomous system, and whether a
 * threat feed lists it. The files are the user's; nothing is fetched. What is asked for whom, and the names
 * of SQL functions, are `query/`.
 *
 * `contract.ts` says what is looked up. `places.ts` reads MMDB files (`mmdb.ts`), `networks.ts` the table of autonomous
 * systems, `threats.ts` the feeds, a file for each family of formats (`threat-lines.ts`, `threat-csv.ts`,
 * `threat-json.ts`, `threat-stix.ts`), into a `prefix-tree.ts`. `address.ts` says what is never looked up. Rules and
 * formats: reference enrichment.md.
 */
import type { Enrichment, EnrichmentFiles } from './contract.ts'
import { Networks } from './networks.ts'
import { countryName, Places } from './places.ts'
import { Threats } from './threats.ts'

export type {
  Enrichment,
  EnrichmentFiles,
  FamilyFiles,
  Language,
  ThreatEntry,
  ThreatFeed,
  ThreatFile,
} from './contract.ts'
export { type ThreatFormat, threatFormats } from './contract.ts'

const now = (): number => Math.floor(Date.now() / 1000)

/**
 * Opens the files. MMDB files are read now; tables of networks and feeds at their first look-up, which then throws
 * what is wrong with them.
 *
 * @throws WeirError FileUnreadable for a file that is not there or is no MMDB file; ConfigInvalid for an MMDB file of
 *   the wrong family
 */
export function openEnrichment(files: EnrichmentFiles): Enrichment {
  const places = new Places(files)
  const networks = files.asn === undefined ? undefined : new Networks(files.asn)
  const threats = files.threats === undefined ? undefined : new Threats(files.threats)
  return {
    countryCode: (ip) => places.countryCode(ip),
    country: (ip, language = 'en') => {
      const code = places.countryCode(ip)
      return code === undefined ? undefined : countryName(code, language)
    },
    province: (ip, language = 'en') => places.at(ip).province?.[language],
    city: (ip, language = 'en') => places.at(ip).city?.[language],
    geo: (ip) => places.at(ip).geo,
    cityGeo: (ip) => {
      const place = places.at(ip)
      return place.city === undefined ? undefined : place.geo
    },
    asn: (ip) => networks?.at(ip)?.asn,
    provider: (ip) => networks?.at(ip)?.name,
    checkIp: (ip, at = now()) => threats?.table.ofIp(ip, at) ?? [],
    checkDomain: (domain, at = now()) => threats?.table.ofDomain(domain, at) ?? [],
    checkUrl: (url, at = now()) => threats?.table.ofUrl(url, at) ?? [],
    feeds: () => threats?.table.feeds ?? [],
  }
}
