/** Text and names as DuckDB reads them. Nothing a user wrote enters a statement except through these. */
export const quoteText = (text: string): string => `'${text.replaceAll("'", "''")}'`

export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`
