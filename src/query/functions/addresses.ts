import type { FunctionRule } from './rule.ts'
import { onDistinct, scalar } from './rule.ts'

/** What is known of an address, in a language (`'en'`, `'zh-CN'`) if it has names. */
const named = (name: string, engine: string): FunctionRule =>
  scalar(name, [1, 2], 'text', 'varchar', (args, call) => {
    const [ip, language] = args
    if (language?.literal !== undefined && !/^(en|zh|cn)/i.test(language.literal)) {
      throw call.error(
        `there are no names in the language "${language.literal}"`,
        language.at,
        "the languages are 'en' and 'zh-CN'",
      )
    }
    return onDistinct(`${engine}(${ip!.sql}, ${language?.sql ?? "''"})`, args, call)
  })

const known = (
  name: string,
  engine: string,
  returns: 'varchar' | 'bigint' = 'varchar',
): FunctionRule =>
  scalar(name, 1, 'text', returns, (args, call) =>
    onDistinct(`${engine}(${args[0]!.sql})`, args, call),
  )

/**
 * Addresses, IPv4 and IPv6. What is not an address (the "-" of a record among them) gives NULL. The
 * arithmetic is in macros.ts: an address is a UHUGEINT of 128 bits and its family.
 */
export const addresses: readonly FunctionRule[] = [
  scalar('is_subnet_of', 2, 'text', 'boolean', 'sls_is_subnet_of'),
  scalar('is_prefix_subnet_of', 2, 'text', 'boolean', 'sls_is_prefix_subnet_of'),
  scalar('ip_prefix', 2, 'text number', 'varchar', 'sls_ip_prefix'),
  scalar('ip_subnet_min', 1, 'text', 'varchar', 'sls_ip_subnet_min'),
  scalar('ip_subnet_max', 1, 'text', 'varchar', 'sls_ip_subnet_max'),
  scalar('ip_subnet_range', 1, 'text', { array: 'varchar' }, 'sls_ip_subnet_range'),
  scalar('ip_to_domain', 1, 'text', 'varchar', 'sls_ip_to_domain'),
  named('ip_to_country', 'sls_js_country'),
  named('ip_to_province', 'sls_js_province'),
  named('ip_to_city', 'sls_js_city'),
  known('ip_to_country_code', 'sls_js_country_code'),
  known('ip_to_geo', 'sls_js_geo'),
  known('ip_to_city_geo', 'sls_js_city_geo'),
  known('ip_to_provider', 'sls_js_provider'),
  known('ip_to_asn', 'sls_js_asn'),
  known('security_check_ip', 'sls_js_check_ip', 'bigint'),
  known('security_check_domain', 'sls_js_check_domain', 'bigint'),
  known('security_check_url', 'sls_js_check_url', 'bigint'),
]
