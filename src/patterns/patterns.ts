/**
 * patterns/: what texts have in common. `mask.ts` puts `<*>` for what varies in one text, whatever the others are;
 * here texts that became alike but for a few words are joined to templates. Which texts are together depends on the
 * texts and how many there are of each, never on the order in which they came, so parts may be counted apart.
 */
import { hash } from 'node:crypto'
import { variable } from './mask.ts'

export { maskOf, mayVary, variable, wholeVaries } from './mask.ts'

/** How often a masked text came. */
export interface MaskCount {
  readonly mask: string
  readonly count: number
  /** In a time before, that it is compared with. */
  readonly before: number
}

export interface Pattern {
  /** Words that all have, and `<*>`. */
  readonly text: string
  readonly count: number
  readonly before: number
  /** The same for the same template, in every answer. */
  readonly signature: string
  /** Of the masked texts that were joined, the most frequent first; 20 at most. */
  readonly origins: readonly string[]
  /** Which of the masked texts given are in it, the most frequent first; 3 at most. */
  readonly leading: readonly number[]
}

export const precisionMax = 16
export const precisionDefault = 3
/** One more that fits none of so many goes to the nearest. */
const templatesOfOneFormMax = 500
const originsMax = 20
const leadingMax = 3

interface Template {
  readonly words: string[]
  readonly members: number[]
}

/** 64 bits of a SHA-256, in hexadecimal. */
export const signatureOf = (text: string): string => hash('sha256', text).slice(0, 16)

/**
 * Joins masked texts of as many words, and the same first word unless it varies, where a share of the words that do not
 * vary are the same: 0.9 at precision 1 to 0.2 at 16, "smaller is finer" (sls-query.md 4).
 *
 * @returns the most frequent first
 */
export function patternsOf(masks: readonly MaskCount[], precision: number): Pattern[] {
  const share = 0.9 - (0.7 * (precision - 1)) / (precisionMax - 1)
  const total = (index: number): number => masks[index]!.count + masks[index]!.before
  const order = masks
    .map((_, index) => index)
    .toSorted((a, b) => total(b) - total(a) || (masks[a]!.mask < masks[b]!.mask ? -1 : 1))
  const forms = new Map<string, Template[]>()
  for (const index of order) {
    const words = masks[index]!.mask.split(' ')
    const form = `${words.length} ${words[0]!.includes(variable) ? variable : words[0]!}`
    let templates = forms.get(form)
    if (templates === undefined) forms.set(form, (templates = []))
    const template = nearest(templates, words, share)
    if (template === undefined) templates.push({ words, members: [index] })
    else join(template, words, index)
  }
  return [...forms.values()]
    .flat()
    .map((template) => described(template, masks))
    .toSorted((a, b) => b.count - a.count || b.before - a.before || (a.text < b.text ? -1 : 1))
}

function nearest(
  templates: readonly Template[],
  words: readonly string[],
  share: number,
): Template | undefined {
  let best: Template | undefined
  let bestShare = -1
  for (const template of templates) {
    const same = sameShare(template.words, words)
    if (same > bestShare) {
      best = template
      bestShare = same
    }
  }
  const isFull = templates.length >= templatesOfOneFormMax
  return isFull || bestShare >= share ? best : undefined
}

/** What varies in both, and what varies in the template, says nothing about a text. */
function sameShare(template: readonly string[], words: readonly string[]): number {
  let same = 0
  let other = 0
  for (let i = 0; i < words.length; i++) {
    const fixed = template[i]!
    if (fixed !== words[i]!) {
      if (!fits(fixed, words[i]!)) other++
    } else if (!fixed.includes(variable)) same++
  }
  return other === 0 ? 1 : same / (same + other)
}

/** Whether a word is one of those that `joinedWord` stands for, as it is or with a name before it. */
const fits = (fixed: string, word: string): boolean =>
  fixed.endsWith(variable) && word.startsWith(fixed.slice(0, -variable.length))

function join(template: Template, words: readonly string[], index: number): void {
  template.members.push(index)
  for (let i = 0; i < words.length; i++)
    if (template.words[i] !== words[i])
      template.words[i] = joinedWord(template.words[i]!, words[i]!)
}

/** A name that both have before `:` or `=` stays. */
function joinedWord(a: string, b: string): string {
  let end = 0
  for (let i = 0; i < a.length && a[i] === b[i]; i++) if (a[i] === ':' || a[i] === '=') end = i + 1
  return a.slice(0, end) + variable
}

function described({ words, members }: Template, masks: readonly MaskCount[]): Pattern {
  const text = words.join(' ')
  const sum = (of: 'count' | 'before'): number =>
    members.reduce((all, index) => all + masks[index]![of], 0)
  return {
    text,
    count: sum('count'),
    before: sum('before'),
    signature: signatureOf(text),
    origins: members.slice(0, originsMax).map((index) => signatureOf(masks[index]!.mask)),
    leading: members.slice(0, leadingMax),
  }
}
