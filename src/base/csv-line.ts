/**
 * The fields of one line of CSV (RFC 4180; blanks before a quote are passed over, as threat feeds have them).
 * A field does not go over the end of its line.
 * @returns undefined when a quote is not closed, or something follows it
 */
export function csvFields(line: string): string[] | undefined {
  if (!line.includes('"')) return line.split(',').map((field) => field.trim())
  const fields: string[] = []
  for (let at = 0; ;) {
    while (line[at] === ' ' || line[at] === '\t') at++
    if (line[at] === '"') {
      let field = ''
      for (at++; ; at++) {
        const quote = line.indexOf('"', at)
        if (quote < 0) return undefined
        field += line.slice(at, quote)
        at = quote + 1
        if (line[at] !== '"') break
        field += '"'
      }
      fields.push(field)
      while (line[at] === ' ' || line[at] === '\t') at++
      if (at < line.length && line[at] !== ',') return undefined
    } else {
      const comma = line.indexOf(',', at)
      const end = comma < 0 ? line.length : comma
      fields.push(line.slice(at, end).trim())
      at = end
    }
    if (at >= line.length) return fields
    at++
  }
}
