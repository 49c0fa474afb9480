import { restColumn } from '../base/rest-fields.ts'
import { quoteName, quoteText } from './quote.ts'

const shapes = {
  long: '[+-]?[0-9]{1,19}',
  double: '[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,4})?',
}

/**
 * A text as the number it is written as; NULL for any other, where the engine's own cast would round,
 * trim, and read `1_000`. "A non-integer value is not searchable; NULL in SQL."
 */
export function numberIn(text: string, type: 'long' | 'double'): string {
  const engine = type === 'long' ? 'BIGINT' : 'DOUBLE'
  const shape = quoteText(shapes[type])
  return `(CASE WHEN regexp_full_match(${text}, ${shape}) THEN TRY_CAST(${text} AS ${engine}) END)`
}

/** What is kept of a field there; NULL where nothing is. */
export const restText = (name: string): string =>
  `json_extract_string(${quoteName(restColumn)}, ${quoteText(`/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`)})`

/** A value in a JSON text as a text; NULL where there is none, or an array or object, or no JSON at all. */
export function jsonLeaf(json: string, path: string): string {
  const steps = path.split('.').map((step) => `."${step.replaceAll('"', '\\"')}"`)
  const at = quoteText(`$${steps.join('')}`)
  return (
    `(CASE WHEN json_valid(${json}) AND json_type(${json}, ${at}) NOT IN ('ARRAY', 'OBJECT', 'NULL') ` +
    `THEN json_extract_string(${json}, ${at}) END)`
  )
}
