import type { FunctionRule } from './rule.ts'
import { scalar } from './rule.ts'

/**
 * Parts of a URL, by the expression of RFC 3986 appendix B. A text with characters that no URL has
 * gives NULL, a part that is not there the empty text (the port and a parameter: NULL), as in Presto.
 */
export const urls: readonly FunctionRule[] = [
  scalar('url_extract_protocol', 1, 'text', 'varchar', 'sls_url_protocol'),
  scalar('url_extract_host', 1, 'text', 'varchar', 'sls_url_host'),
  scalar('url_extract_port', 1, 'text', 'bigint', 'sls_url_port'),
  scalar('url_extract_path', 1, 'text', 'varchar', 'sls_url_path'),
  scalar('url_extract_query', 1, 'text', 'varchar', 'sls_url_query'),
  scalar('url_extract_fragment', 1, 'text', 'varchar', 'sls_url_fragment'),
  scalar('url_extract_parameter', 2, 'text', 'varchar', 'sls_url_parameter'),
  scalar('url_decode', 1, 'text', 'varchar', 'sls_url_decode'),
  scalar(
    'url_encode',
    1,
    'text',
    'varchar',
    ([text]) => `sls_form_letters(url_encode(${text!.sql}))`,
  ),
]
