/** Patterns of generated texts whose templates are known, and what is masked. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maskOf, type MaskCount, mayVary, patternsOf, wholeVaries } from './patterns.ts'
import { randomFrom } from '../../test/random-from.ts'
import { templatedTexts, textTemplates as templates } from '../../test/templated-texts.ts'

test('what varies in a text', () => {
  for (const [text, masked] of [
    ['accepted 10.0.0.1:443 in 12 ms', 'accepted <*> in <*> ms'],
    ['from fe80::1%eth0 port 22', 'from <*> port <*>'],
    ['at 2026-11-23T04:05:06Z up', 'at <*> up'],
    ['level:info user=anna', 'level:info user=anna'],
    ['port:22 peer:::1 at:10:20', 'port:<*> peer:<*> at:<*>'],
    ['dead:beef is a word', 'dead:beef is a word'],
    ['fe::ab and a::', '<*> and a::'],
    ['GET /shop/cart/12?item=7 "ok"', 'GET /shop/cart/<*>?item=<*> "ok"'],
    ['  two\t\tblanks\n', 'two blanks'],
    ['名前 用户7 é', '名前 <*> é'],
    ['\u0000a\u0000', 'a'],
    ['', ''],
    [':', ':'],
  ] as const)
    assert.equal(maskOf(text), masked, text)
  assert.equal(maskOf('x'.repeat(1 << 20)).length, 4096)
})

const seed = Number(process.env['WEIR_SEED'] ?? 20261123)

function countsOf(texts: readonly { readonly text: string }[]): MaskCount[] {
  const counts = new Map<string, number>()
  for (const { text } of texts) counts.set(maskOf(text), (counts.get(maskOf(text)) ?? 0) + 1)
  return [...counts].map(([mask, count]) => ({ mask, count, before: 0 }))
}

/** Which pattern each masked text went to. */
function patternOfMask(masks: readonly MaskCount[], precision: number): Map<string, string> {
  const found = new Map<string, string>()
  for (const pattern of patternsOf(masks, precision)) {
    const form = new RegExp(
      `^${pattern.text
        .split(' ')
        .map((each) => (each === '<*>' ? '\\S+' : each.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')))
        .join(' ')}$`,
    )
    for (const { mask } of masks)
      if (form.test(mask) && !found.has(mask)) found.set(mask, pattern.text)
  }
  return found
}

test(`purity and recall of 20,000 texts of ${templates.length} templates (seed ${seed})`, (t) => {
  const texts = templatedTexts(20_000, seed)
  const masks = countsOf(texts)
  const found = patternOfMask(masks, 3)
  const cells = new Map<string, number>()
  for (const { text, template } of texts) {
    const cell = `${template} ${found.get(maskOf(text))}`
    cells.set(cell, (cells.get(cell) ?? 0) + 1)
  }
  const best = (keyOf: (cell: string) => string): number => {
    const greatest = new Map<string, number>()
    for (const [cell, count] of cells)
      greatest.set(keyOf(cell), Math.max(greatest.get(keyOf(cell)) ?? 0, count))
    return [...greatest.values()].reduce((sum, each) => sum + each, 0) / texts.length
  }
  const purity = best((cell) => cell.slice(cell.indexOf(' ') + 1))
  const recall = best((cell) => cell.slice(0, cell.indexOf(' ')))
  t.diagnostic(`purity ${purity}, recall ${recall}, ${new Set(found.values()).size} patterns`)
  assert.ok(purity >= 0.99, `purity ${purity}`)
  assert.ok(recall >= 0.95, `recall ${recall}`)
})

test('patterns do not depend on the order, and have all texts once', () => {
  const masks = countsOf(templatedTexts(3000, seed))
  const forth = patternsOf(masks, 3)
  const shown = (all: typeof forth) =>
    all.map(({ text, count, signature }) => [text, count, signature])
  assert.deepEqual(shown(patternsOf(masks.toReversed(), 3)), shown(forth))
  assert.equal(
    forth.reduce((sum, { count }) => sum + count, 0),
    3000,
  )
  const numbers = [1, 3, 8, 16].map((precision) => patternsOf(masks, precision).length)
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => b - a),
    'smaller is finer',
  )
  assert.deepEqual(patternsOf([], 3), [])
})

test(`what the engine decides without a call is what the call would say (seed ${seed})`, () => {
  const below = randomFrom(seed)
  const signs = [...'ab1f9:. -_=[/'.split(''), '\t', '\u0000', 'é', '::', '  ', '1:', 'fe80']
  const [may, whole] = [new RegExp(mayVary), new RegExp(`^(?:${wholeVaries})$`)]
  const seen = { same: 0, whole: 0 }
  for (let n = 0; n < 200_000; n++) {
    const text = Array.from({ length: below(8) }, () => signs[below(signs.length)]!).join('')
    if (!may.test(text)) {
      assert.equal(maskOf(text), text)
      seen.same++
    }
    if (whole.test(text)) {
      assert.equal(maskOf(`name:${text}`), 'name:<*>', text)
      seen.whole++
    }
  }
  assert.ok(seen.same > 5000 && seen.whole > 5000, JSON.stringify(seen))
})
