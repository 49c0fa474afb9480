import type { TextColumn } from '../base/columns.ts'

interface Part {
  /** `"key":` as JSON. */
  readonly key: string
  readonly codes: Uint32Array
  readonly dictionary: readonly string[]
  /** By code, 1 where the value has no place; undefined: none has. */
  readonly strays: Uint8Array | undefined
}

/** What found no column, until it is the text of a JSON object a row. */
export class Rest {
  readonly #rows: number
  readonly #parts: Part[] = []

  constructor(rows: number) {
    this.#rows = rows
  }

  add(
    name: string,
    { codes, dictionary }: Pick<TextColumn, 'codes' | 'dictionary'>,
    strays?: Uint8Array,
  ): void {
    this.#parts.push({ key: `${JSON.stringify(name)}:`, codes, dictionary, strays })
  }

  addIntegers(name: string, values: Float64Array): void {
    const dictionary = [...new Set(values)].map(String)
    const codeOf = new Map(dictionary.map((text, index) => [text, index + 1]))
    this.add(name, {
      codes: Uint32Array.from(values, (value) => codeOf.get(String(value))!),
      dictionary,
    })
  }

  /** Undefined when every value has its column. */
  column(): TextColumn | undefined {
    if (this.#parts.length === 0) return undefined
    const codes = new Uint32Array(this.#rows)
    const codeOf = new Map<string, number>()
    for (let row = 0; row < this.#rows; row++) {
      const text = this.#textOf(row)
      if (text === '') continue
      const code = codeOf.get(text) ?? codeOf.size + 1
      codeOf.set(text, code)
      codes[row] = code
    }
    return { kind: 'text', codes, dictionary: [...codeOf.keys()] }
  }

  #textOf(row: number): string {
    let text = ''
    for (const { key, codes, dictionary, strays } of this.#parts) {
      const code = codes[row]!
      if (code === 0 || strays?.[code] === 0) continue
      text += `${text === '' ? '{' : ','}${key}${JSON.stringify(dictionary[code - 1])}`
    }
    return text === '' ? '' : `${text}}`
  }
}
