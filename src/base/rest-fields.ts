/** Where a log keeps what no column takes: the text of a JSON object of texts. */
export const restColumn = '__rest__'

/** The fields of a `__rest__`. */
export const restFields = (text: string): [key: string, value: string][] =>
  Object.entries(JSON.parse(text) as Record<string, string>)
