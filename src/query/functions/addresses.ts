import type { FunctionRule } from './rule.ts'
import { scalar } from './rule.ts'

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
]
