/**
 * YAML text to plain values, with the place of each. Every scalar stays the text that was written
 * (YAML's failsafe schema), so an account 0012 or a 20-digit id written without quotes is not a number
 * that lost its zeros or its last digits. An empty value, `~` and `null` are absent.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Node } from 'yaml'
import { TopologyInvalid, type TopologyProblem } from './topology-problems.ts'

export type Path = readonly (string | number)[]
export type YamlValue = string | undefined | YamlList | YamlMap
export type YamlList = readonly YamlValue[]
export interface YamlMap {
  readonly [key: string]: YamlValue
}

/** Containers within containers: a topology needs six. */
const depthMax = 32

export class TopologyYaml {
  readonly value: YamlValue
  readonly #problems: { readonly offset: number; readonly problem: TopologyProblem }[] = []
  readonly #file: string
  readonly #lines = new LineCounter()
  readonly #places = new Map<string, number>()
  #nodesLeft: number

  /** Throws TopologyInvalid when the text is not YAML; a key given twice is only noted in `problems`. */
  constructor(text: string, file: string) {
    this.#file = file
    // Each node of a file takes at least a character; only aliases of aliases can make more of them.
    this.#nodesLeft = text.length * 4 + 1000
    const document = parseDocument(text, {
      schema: 'failsafe',
      lineCounter: this.#lines,
      prettyErrors: false,
    })
    let broken = false
    for (const error of document.errors) {
      broken ||= error.code !== 'DUPLICATE_KEY'
      this.#problem(error.pos[0], yamlMessages[error.code] ?? `not YAML: ${error.message}`)
    }
    if (broken) throw new TopologyInvalid(this.problems)
    const resolve = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node)
    this.value = this.#read(document.contents, [], resolve)
  }

  /** What was noted, from top to bottom. */
  get problems(): TopologyProblem[] {
    return this.#problems.toSorted((a, b) => a.offset - b.offset).map(({ problem }) => problem)
  }

  /** Notes a problem at the value at `path`, or where it would be: at the container that lacks it. */
  problem(path: Path, message: string, hint?: string): void {
    this.#problem(this.#offset(path), message, hint)
  }

  /** Notes a problem at the key of the value at `path`. */
  keyProblem(path: Path, message: string, hint?: string): void {
    this.#problem(this.#places.get(`${keyOf(path)}\0key`) ?? this.#offset(path), message, hint)
  }

  /** `file:line:column` of the value at `path`. */
  place(path: Path): string {
    return this.#placeOf(this.#offset(path))
  }

  #problem(offset: number, message: string, hint?: string): void {
    this.#problems.push({ offset, problem: { place: this.#placeOf(offset), message, hint } })
  }

  #placeOf(offset: number): string {
    const { line, col } = this.#lines.linePos(offset)
    return `${this.#file}:${Math.max(line, 1)}:${Math.max(col, 1)}`
  }

  #offset(path: Path): number {
    for (let length = path.length; length >= 0; length--) {
      const offset = this.#places.get(keyOf(path.slice(0, length)))
      if (offset !== undefined) return offset
    }
    return 0
  }

  #read(written: unknown, path: Path, resolve: (node: unknown) => unknown): YamlValue {
    const node = resolve(written)
    this.#places.set(keyOf(path), (written as Node | null)?.range?.[0] ?? this.#offset(path))
    if (--this.#nodesLeft < 0 || path.length > depthMax) {
      this.problem(path, 'nested too deep or repeated too often by aliases')
      throw new TopologyInvalid(this.problems)
    }
    if (isSeq(node)) return node.items.map((item, i) => this.#read(item, [...path, i], resolve))
    if (isScalar(node)) return scalarText(node.value, node.type === 'PLAIN')
    if (!isMap(node)) return undefined
    const map: Record<string, YamlValue> = Object.create(null)
    for (const { key: keyNode, value } of node.items) {
      const key = resolve(keyNode)
      if (!isScalar(key) || typeof key.value !== 'string') {
        this.problem(path, 'a key must be a plain text')
        continue
      }
      const inner = [...path, key.value]
      this.#places.set(`${keyOf(inner)}\0key`, (keyNode as Node).range?.[0] ?? this.#offset(path))
      map[key.value] = this.#read(value, inner, resolve)
    }
    return map
  }
}

const yamlMessages: { readonly [code: string]: string } = {
  DUPLICATE_KEY: 'this key is given twice',
  MULTIPLE_DOCS: 'a topology file holds one document, and here begins a second one',
}

const keyOf = (path: Path): string => path.join('\0')

const scalarText = (value: unknown, plain: boolean): string | undefined => {
  const text = String(value)
  return plain && (text === '' || text === '~' || text === 'null') ? undefined : text
}
