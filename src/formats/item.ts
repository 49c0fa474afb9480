/** A source of text, cut into what holds one or more records: a line, or a JSON object. */

export interface Item {
  readonly text: string
  /** The number of its first line, from 1. */
  readonly line: number
  /** Why it cannot be read, when it could not be cut out whole. */
  readonly fault?: string
}

export interface Splitter {
  /** The items that end within this text. */
  push(text: string): Item[]
  /** What is left at the end. */
  end(): Item[]
}

/** What is longer is no flow log: an Azure blob has an object a minute and interface in it. */
export const itemCharactersMax = 64 << 20

/** Lines that are not blank, without their ends. */
export class Lines implements Splitter {
  #rest = ''
  #line = 1

  push(text: string): Item[] {
    const items: Item[] = []
    let at = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', at)) {
      this.#put(items, this.#rest + text.slice(at, end))
      this.#rest = ''
      at = end + 1
    }
    this.#rest += text.slice(at)
    if (this.#rest.length > itemCharactersMax) this.#tooLong(items)
    return items
  }

  end(): Item[] {
    const items: Item[] = []
    this.#put(items, this.#rest)
    this.#rest = ''
    return items
  }

  #put(items: Item[], text: string): void {
    const line = this.#line++
    const trimmed = text.trim()
    if (trimmed !== '') items.push({ text: trimmed, line })
  }

  #tooLong(items: Item[]): void {
    items.push({
      text: '',
      line: this.#line,
      fault: `the line is longer than ${itemCharactersMax}`,
    })
    this.#rest = ''
  }
}
