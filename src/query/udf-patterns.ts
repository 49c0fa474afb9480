import { maskOf, patternsOf } from '../patterns/patterns.ts'
import { jsFunction } from './udf-kinds.ts'
import type { JsFunction } from './udf-kinds.ts'

/** Of `log_reduce`: see `print-clusters.ts`. */
export const patternFunctions: readonly JsFunction[] = [
  jsFunction('sls_js_log_mask', ['text'], 'text', maskOf),
  jsFunction(
    'sls_js_log_patterns',
    ['texts', 'texts', 'texts', 'bigint'],
    'texts',
    (masks, counts, before, precision) =>
      patternsOf(
        masks.map((mask, index) => ({
          mask: mask ?? '',
          count: Number(counts[index]),
          before: Number(before[index]),
        })),
        Number(precision),
      ).flatMap((pattern) => [
        pattern.text,
        String(pattern.count),
        String(pattern.before),
        pattern.signature,
        pattern.origins.join(','),
        // Lists of the engine begin at 1.
        pattern.leading.map((index) => index + 1).join(','),
      ]),
  ),
]
