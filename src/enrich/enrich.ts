/**
 * enrich/: what files of addresses know: country, province, city, position, autonomous system, and whether a
 * threat feed lists it. The files are the user's; nothing is fetched. What is asked for whom, and the names
 * of SQL functions, are `query/`.
 *
 * `contract.ts` says what is looked up; rules and formats: reference enrichment.md.
 */
export type {
  Enrichment,
  EnrichmentFiles,
  FamilyFiles,
  Language,
  ThreatEntry,
  ThreatFeed,
  ThreatFile,
} from './contract.ts'
export { type ThreatFormat, threatFormats } from './threat-formats.ts'
