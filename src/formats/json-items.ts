/**
 * JSON objects out of a stream: one a line or after another, in an array, or in the array `records` or `entries` of an
 * object around them, printed on one line or over many. Only one object is held at a time.
 */
import { type Item, itemCharactersMax, type Splitter } from './item.ts'

/** An object that only wraps the array, so far as it is seen. */
const wrapper = /^\{\s*"(?:records|entries|logs|Records)"\s*:\s*\[/
const wrapperCharactersMax = 200

const code = { quote: 34, backslash: 92, open: 123, close: 125, line: 10 } as const

export class JsonItems implements Splitter {
  #text = ''
  #line = 1
  /** Where the scan of `#text` goes on. */
  #at = 0
  /** Within an object: where it begins, and at which line. */
  #from = -1
  #fromLine = 0
  #depth = 0
  #inText = false
  /** Nothing but the object stands on its line before it. */
  #beginsLine = false
  #fresh = true

  push(text: string): Item[] {
    this.#text += text
    return this.#scan(false)
  }

  end(): Item[] {
    const items = this.#scan(true)
    if (this.#from >= 0) items.push(this.#cut(this.#text.length, 'the object does not end'))
    return items
  }

  #scan(isEnd: boolean): Item[] {
    const items: Item[] = []
    for (;;) {
      const goesOn = this.#from < 0 ? this.#seek(items, isEnd) : this.#follow(items)
      if (!goesOn) break
    }
    const kept = this.#from < 0 ? this.#at : this.#from
    this.#text = this.#text.slice(kept)
    this.#at -= kept
    if (this.#from >= 0) this.#from = 0
    if (this.#text.length > itemCharactersMax)
      items.push(this.#cut(this.#text.length, `the object is longer than ${itemCharactersMax}`))
    return items
  }

  /** To the beginning of the next object. False when more text is needed. */
  #seek(items: Item[], isEnd: boolean): boolean {
    const text = this.#text
    for (; this.#at < text.length; this.#at++) {
      const letter = text[this.#at]!
      if (letter === '\n') this.#line++
      const fresh = this.#fresh
      this.#fresh = letter === '\n'
      if (letter === '{') {
        const head = text.slice(this.#at, this.#at + wrapperCharactersMax)
        const around = wrapper.exec(head)
        if (
          around === null &&
          !isEnd &&
          head.length < wrapperCharactersMax &&
          !head.includes('}')
        ) {
          this.#fresh = fresh
          return false
        }
        if (around !== null) {
          this.#line += linesIn(around[0])
          this.#at += around[0].length
          return true
        }
        this.#from = this.#at++
        this.#fromLine = this.#line
        this.#depth = 1
        this.#inText = false
        this.#beginsLine = fresh
        return true
      }
      if (!/[\s,[\]}\uFEFF]/.test(letter)) {
        const end = text.indexOf('\n', this.#at)
        if (end < 0 && !isEnd) return false
        const stop = end < 0 ? text.length : end
        items.push({
          text: text.slice(this.#at, stop),
          line: this.#line,
          fault: 'not a JSON object',
        })
        this.#at = stop
        return stop < text.length
      }
    }
    return false
  }

  /** To the end of the object. False when more text is needed. */
  #follow(items: Item[]): boolean {
    const text = this.#text
    let at = this.#at
    let inText = this.#inText
    for (; at < text.length; at++) {
      const letter = text.charCodeAt(at)
      if (inText) {
        if (letter === code.quote) inText = false
        else if (letter === code.backslash) at++
        else if (letter === code.line) {
          // No text of JSON goes over the end of a line.
          items.push(this.#cut(at, 'the object does not end'))
          return true
        }
      } else if (letter === code.quote) inText = true
      else if (letter === code.line) this.#line++
      else if (letter === code.open) {
        // An object that begins a line is no part of one that began a line.
        if (this.#beginsLine && text.charCodeAt(at - 1) === code.line) {
          items.push(this.#cut(at, 'the object does not end'))
          return true
        }
        this.#depth++
      } else if (letter === code.close && --this.#depth === 0) {
        items.push(this.#cut(at + 1))
        return true
      }
    }
    this.#at = at
    this.#inText = inText
    return false
  }

  #cut(end: number, fault?: string): Item {
    const text = this.#text.slice(this.#from, end)
    this.#at = end
    this.#from = -1
    this.#fresh = fault !== undefined
    return { text, line: this.#fromLine, ...(fault === undefined ? {} : { fault }) }
  }
}

function linesIn(text: string): number {
  return text.split('\n').length - 1
}
