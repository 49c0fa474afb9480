/**
 * formats/: flow logs of other clouds in, records out. Text goes through `item.ts` or `json-items.ts`, which cut
 * it into lines and objects; `aws.ts`, `azure.ts`, `gcp.ts` and `alibaba.ts` each begin with the table of what becomes
 * what, and why; `record-rows.ts` checks values and makes columns. What a format lacks is absent ("-").
 *
 * Reading is streaming. Where files come from and records go is `programs/`.
 */
import type { ColumnBatch } from '../base/columns.ts'
import { WeirError } from '../base/errors.ts'
import { alibabaJsonReader, alibabaLineReader, isAlibabaHeader } from './alibaba.ts'
import { awsReader, isAwsHeader } from './aws.ts'
import { azureReader } from './azure.ts'
import type { FormatReader } from './format-reader.ts'
import { gcpReader } from './gcp.ts'
import { type Item, Lines, type Splitter } from './item.ts'
import { JsonItems } from './json-items.ts'
import { Malformed, RecordRows } from './record-rows.ts'

export const flowLogFormats = ['aws', 'azure', 'gcp', 'alibaba'] as const
export type FlowLogFormat = (typeof flowLogFormats)[number]

export interface ReadOptions {
  /** What places call the source. */
  readonly name?: string
  /** What is malformed ends the reading, instead of being counted. */
  readonly strict?: boolean
  /** AWS without a line of names: the fields of the custom format, in order. */
  readonly fields?: readonly string[]
  /** Records in a batch, 20,000 unless told. */
  readonly batchRows?: number
}

export interface FlowLogPart {
  /** The fields of `record/fields.ts` and `__time__`, which is `start`. May have no rows in the last part. */
  readonly batch: ColumnBatch
  /** Lines, objects and tuples since the part before that are no record. */
  readonly malformed: number
  /** The first of all of them: `FILE:12: "bytes" is "x", not an integer of 0 to 9007199254740991`. */
  readonly problems: readonly string[]
}

const batchRowsDefault = 20_000
/** So many of what is malformed in a source are told one by one. */
const problemsMax = 20

/**
 * Reads flow logs, in the order of the source; memory does not grow with it.
 *
 * @param source text in UTF-8, not compressed
 * @throws WeirError FlowLogInvalid with `strict`, at the first malformed item
 */
export async function* readFlowLogs(
  source: AsyncIterable<Uint8Array>,
  format: FlowLogFormat,
  options: ReadOptions = {},
): AsyncGenerator<FlowLogPart> {
  const decoder = new TextDecoder()
  const reading = new Reading(format, options)
  for await (const chunk of source) yield* reading.push(decoder.decode(chunk, { stream: true }))
  yield* reading.end(decoder.decode())
}

class Reading {
  readonly #format: FlowLogFormat
  readonly #options: ReadOptions
  readonly #name: string
  readonly #rows: RecordRows
  #splitter: Splitter | undefined
  #read: FormatReader | undefined
  #malformed = 0
  #told = 0
  #problems: string[] = []
  #head = ''

  constructor(format: FlowLogFormat, options: ReadOptions) {
    this.#format = format
    this.#options = options
    this.#name = options.name ?? 'the source'
    this.#rows = new RecordRows(options.batchRows ?? batchRowsDefault)
  }

  *push(text: string): Generator<FlowLogPart> {
    if (this.#splitter === undefined) {
      this.#head += text
      if (/\S/.test(this.#head)) this.#begin()
      text = this.#head
    }
    if (this.#splitter !== undefined) yield* this.#items(this.#splitter.push(text))
  }

  *end(text: string): Generator<FlowLogPart> {
    yield* this.push(text)
    if (this.#splitter !== undefined) yield* this.#items(this.#splitter.end())
    yield this.#part()
  }

  #begin(): void {
    const isJson = /^[\s\uFEFF]*[[{]/.test(this.#head)
    const lines = this.#format === 'aws' || (this.#format === 'alibaba' && !isJson)
    this.#splitter = lines ? new Lines() : new JsonItems()
    this.#read = {
      aws: () => awsReader(this.#options.fields),
      azure: azureReader,
      gcp: gcpReader,
      alibaba: isJson ? alibabaJsonReader : alibabaLineReader,
    }[this.#format]()
  }

  *#items(items: readonly Item[]): Generator<FlowLogPart> {
    const full: ColumnBatch[] = []
    for (const item of items) {
      this.#readItem(item, full)
      for (const batch of full.splice(0)) yield this.#part(batch)
    }
  }

  #readItem(item: Item, full: ColumnBatch[]): void {
    const fault = (reason: string): void => this.#fault(item, reason)
    if (item.fault !== undefined) return fault(item.fault)
    try {
      this.#read!(item.text, {
        record: (record) => {
          this.#rows.add(record)
          if (this.#rows.isFull) full.push(this.#rows.take())
        },
        fault,
      })
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      fault(error.message)
    }
  }

  #fault(item: Item, reason: string): void {
    const place = `${this.#name}:${item.line}`
    if (this.#options.strict === true)
      throw new WeirError('FlowLogInvalid', reason, {
        place,
        hint: 'Without --strict it is passed over and counted',
      })
    this.#malformed++
    if (this.#told++ < problemsMax) this.#problems.push(`${place}: ${reason}`)
  }

  #part(batch = this.#rows.take()): FlowLogPart {
    const part = { batch, malformed: this.#malformed, problems: this.#problems }
    this.#malformed = 0
    this.#problems = []
    return part
  }
}

/** Which cloud's flow logs begin so; undefined when they are none that Weir knows. A few kilobytes are enough. */
export function detectFormat(head: string): FlowLogFormat | undefined {
  const text = head.replace(/^[\s\uFEFF]+/, '')
  if (/^[[{]/.test(text)) {
    if (/"flowTuples"|"flowRecords"/.test(text)) return 'azure'
    if (/"(jsonPayload|src_ip)"/.test(text)) return 'gcp'
    return /"(eni-id|srcaddr)"/.test(text) ? 'alibaba' : undefined
  }
  const line = text.split('\n', 1)[0]!.trim()
  const values = line.split(/[\s,"]+/).filter((value) => value !== '')
  if (isAlibabaHeader(values) && values.includes('eni-id')) return 'alibaba'
  if (isAwsHeader(line) || isAlibabaHeader(values)) return 'aws'
  const isNumber = (at: number): boolean => /^\d+$/.test(values[at] ?? '')
  if (values.length === 21 && /^(IPv[46]|-)$/.test(values[6]!)) return 'alibaba'
  return values.length >= 14 && isNumber(0) && isNumber(1) ? 'aws' : undefined
}
