import { orElse, whole } from './parameters.ts'

/** The parameters of a list that comes in pages. */
export const paging = (sizeDefault: number, sizeMax: number) => ({
  PageNumber: orElse(whole(1, 2 ** 31), 1),
  PageSize: orElse(whole(1, sizeMax), sizeDefault),
})

export const pageOf = <T>(
  rows: readonly T[],
  { PageNumber, PageSize }: { readonly PageNumber: number; readonly PageSize: number },
): readonly T[] => rows.slice((PageNumber - 1) * PageSize, PageNumber * PageSize)
