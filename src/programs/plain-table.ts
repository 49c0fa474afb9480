/**
 * Tables for terminals. Values are whatever somebody sent: their control characters are shown, not obeyed.
 */

const plainChars = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '─',
  'mid-mid': ' ',
  right: '',
  'right-mid': '',
  middle: ' ',
}

/** @param sides of the values of each column; left where it says nothing */
export async function plainTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  sides: readonly ('left' | 'right')[] = [],
): Promise<string> {
  const { default: Table } = await import('cli-table3')
  const table = new Table({
    head: head.map(shown),
    colAligns: [...sides],
    style: { head: [], border: [], compact: true },
    chars: plainChars,
  })
  for (const row of rows) table.push(row.map(shown))
  return `${table.toString()}\n`
}

/** C0, DEL and C1 control characters and the marks that turn text round, as escapes. */
export const shown = (text: string): string =>
  text.replace(
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
