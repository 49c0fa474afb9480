import { invalid, orElse, type Parameter, text, whole } from './parameters.ts'

/** The parameters of a list that comes in pages with numbers. */
export const paging = (sizeDefault: number, sizeMax: number) => ({
  PageNumber: orElse(whole(1, 2 ** 31), 1),
  PageSize: orElse(whole(1, sizeMax), sizeDefault),
})

export const pageOf = <T>(
  rows: readonly T[],
  { PageNumber, PageSize }: { readonly PageNumber: number; readonly PageSize: number },
): readonly T[] => rows.slice((PageNumber - 1) * PageSize, PageNumber * PageSize)

/** The parameter NextToken: how many rows stood on the pages before. */
export const token: Parameter<number | undefined> = {
  read(given, name) {
    const value = text().read(given, name)
    if (value === undefined) return undefined
    const [, before] = /^o(\d{1,9})$/.exec(value) ?? []
    if (before !== undefined) return Number(before)
    throw invalid(name, 'it is the one that the page before answered')
  },
}

/** The page after `before` rows, and the token of the next one: empty when there is none. */
export function pageAfter<T>(
  rows: readonly T[],
  before: number,
  size: number,
): { readonly page: readonly T[]; readonly NextToken: string } {
  const page = rows.slice(before, before + size)
  const told = before + page.length
  return { page, NextToken: page.length > 0 && told < rows.length ? `o${told}` : '' }
}
