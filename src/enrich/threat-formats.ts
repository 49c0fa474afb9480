/** The forms of threat feeds, each told by its first lines (reference enrichment.md, Threat intelligence). */
export const threatFormats = [
  'plain', // an address, block or first-last range a line; # or ; comments
  'netset', // FireHOL: plain, with a header that names it
  'tor', // ExitAddress lines
  'drop', // Spamhaus DROP as text
  'drop-json', // Spamhaus DROP as JSON lines
  'csv', // with a line of names: Feodo Tracker, ThreatFox, URLhaus
  'abuseipdb', // the JSON blacklist
  'misp', // an event or a folder of them
  'stix', // a STIX 2.1 bundle
  'zeek', // Zeek intelligence
] as const

export type ThreatFormat = (typeof threatFormats)[number]
