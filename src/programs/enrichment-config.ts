/** Files of addresses that queries look things up in, as the configuration names them. */
import { z } from 'zod'
import { type EnrichmentFiles, threatFormats } from '../enrich/enrich.ts'

const path = z.string().min(1)
/** One file for both families, or one for each. */
const families = z.union([path, z.strictObject({ ipv4: path.optional(), ipv6: path.optional() })])

export const enrichmentConfig = z.strictObject({
  country: families.optional(),
  city: families.optional(),
  asn: families.optional(),
  threats: z
    .array(
      z.strictObject({
        path,
        name: z.string().min(1).optional(),
        category: z.string().min(1).optional(),
        format: z.enum(threatFormats).optional(),
      }),
    )
    .optional(),
})

/** @param beside where a path of the configuration file is */
export function enrichmentFiles(
  config: z.infer<typeof enrichmentConfig>,
  beside: (file: string) => string,
): EnrichmentFiles {
  const placed = (value: unknown): unknown => {
    if (typeof value === 'string') return beside(value)
    const { ipv4, ipv6 } = value as { readonly ipv4?: string; readonly ipv6?: string }
    return {
      ...(ipv4 === undefined ? {} : { ipv4: beside(ipv4) }),
      ...(ipv6 === undefined ? {} : { ipv6: beside(ipv6) }),
    }
  }
  const { threats, ...files } = config
  return Object.fromEntries([
    ...Object.entries(files).map(([name, value]) => [name, placed(value)] as const),
    ...(threats === undefined
      ? []
      : [['threats', threats.map((each) => ({ ...each, path: beside(each.path) }))] as const]),
  ]) as EnrichmentFiles
}
