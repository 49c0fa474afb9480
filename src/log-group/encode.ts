/** A log group as it is sent: every value a text. */
export interface LogGroup {
  readonly topic: string
  readonly source: string
  readonly tags: readonly (readonly [key: string, value: string])[]
  readonly logs: readonly Log[]
}

export interface Log {
  /** Unix seconds, a whole number below 2^32. */
  readonly time: number
  /** Nanoseconds within the second. */
  readonly timeNs?: number
  readonly contents: readonly (readonly [key: string, value: string])[]
}

const bytesOf = (text: string): number => Buffer.byteLength(text)

const sizeOfLength = (value: number): number =>
  value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5

const sizeWithHead = (size: number): number => 1 + sizeOfLength(size) + size

const sizeOfPair = ([key, value]: readonly [string, string]): number =>
  sizeWithHead(bytesOf(key)) + sizeWithHead(bytesOf(value))

function sizeOfLog({ time, timeNs, contents }: Log): number {
  let size = 1 + sizeOfLength(time) + (timeNs === undefined ? 0 : 5)
  for (const pair of contents) size += sizeWithHead(sizeOfPair(pair))
  return size
}

function sizeOfGroup({ logs, topic, source, tags }: LogGroup): number {
  let size = 0
  for (const log of logs) size += sizeWithHead(sizeOfLog(log))
  for (const text of [topic, source]) if (text !== '') size += sizeWithHead(bytesOf(text))
  for (const tag of tags) size += sizeWithHead(sizeOfPair(tag))
  return size
}

/** Writes into a buffer that is as large as what it will be given. */
class WireWriter {
  readonly bytes: Buffer
  #at = 0

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size)
  }

  number(tag: number, value: number): void {
    this.bytes[this.#at++] = tag
    this.#varint(value)
  }

  four(tag: number, value: number): void {
    this.bytes[this.#at++] = tag
    this.#at = this.bytes.writeUInt32LE(value, this.#at)
  }

  text(tag: number, value: string): void {
    this.number(tag, bytesOf(value))
    this.#at += this.bytes.write(value, this.#at)
  }

  pair(tag: number, pair: readonly [string, string]): void {
    this.number(tag, sizeOfPair(pair))
    this.text(0x0a, pair[0])
    this.text(0x12, pair[1])
  }

  group({ logs, topic, source, tags }: LogGroup): void {
    for (const log of logs) {
      this.number(0x0a, sizeOfLog(log))
      this.number(0x08, log.time)
      for (const pair of log.contents) this.pair(0x12, pair)
      if (log.timeNs !== undefined) this.four(0x25, log.timeNs)
    }
    if (topic !== '') this.text(0x1a, topic)
    if (source !== '') this.text(0x22, source)
    for (const tag of tags) this.pair(0x32, tag)
  }

  #varint(value: number): void {
    let rest = value
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) this.bytes[this.#at++] = (rest % 128) | 0x80
    this.bytes[this.#at++] = rest
  }
}

/** A LogGroup of alibaba-api.md 3.5, as PutLogs takes it. An empty topic or source is left out. */
export function encodeLogGroup(group: LogGroup): Buffer {
  const writer = new WireWriter(sizeOfGroup(group))
  writer.group(group)
  return writer.bytes
}

/** A LogGroupList, as PullLogs answers. */
export function encodeLogGroups(groups: readonly LogGroup[]): Buffer {
  const sizes = groups.map(sizeOfGroup)
  const writer = new WireWriter(sizes.reduce((sum, size) => sum + sizeWithHead(size), 0))
  for (const [index, group] of groups.entries()) {
    writer.number(0x0a, sizes[index]!)
    writer.group(group)
  }
  return writer.bytes
}
