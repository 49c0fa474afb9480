/** What does the same as an operator of SQL that is not supported, by the parser's name of it. */
export const insteadOfKind: Readonly<Record<string, string>> = {
  all: 'compare with max(...) or min(...) of the query, or write NOT IN',
  any: 'compare with max(...) or min(...) of the query, or write IN',
  i_like: "write lower(name) LIKE 'abc%'",
  similar_to: "write regexp_like(name, '...')",
}
