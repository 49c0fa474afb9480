/**
 * A small capture and the flow table that a right reader finds in it. What a frame must become is written
 * beside the frame, by hand; nothing here decodes. The table's form and rules are the flow-table oracle's.
 */
import { createHash } from 'node:crypto'
import { addressBytes } from '../../src/packet/packet.ts'

/** The flow a frame belongs to, and what it adds to it. */
export interface Counted {
  readonly type: 'IPv4' | 'IPv6'
  readonly protocol: number
  readonly source: string
  readonly sourcePort: number
  readonly destination: string
  readonly destinationPort: number
  readonly bytes: number
  readonly flags: number
  readonly isFragment: boolean
}

export type Outcome = Counted | 'nonIp' | 'truncatedIp' | 'malformedIp'

export interface Frame {
  readonly bytes: Uint8Array
  readonly becomes: Outcome
  /** How long it was on the wire; what is stored unless told. */
  readonly originalBytes?: number
  /** Nanoseconds since 1970; none where the file has no time for it. */
  readonly at?: bigint
}

export interface CaptureCase {
  readonly name: string
  readonly file: Uint8Array
  readonly frames: readonly Frame[]
  /** What is wrong with the file after the frames. */
  readonly damage?: string
}

/** 2023-11-14 22:13:20 UTC, when every capture begins. */
export const beginSeconds = 1_700_000_000

/** A moment, in seconds and nanoseconds after the beginning. */
export const after = (seconds: number, nanoseconds = 0): bigint =>
  BigInt(beginSeconds + seconds) * 1_000_000_000n + BigInt(nanoseconds)

/** Frames that become these outcomes, one a second from the beginning, at `nanoseconds` of it. */
export const eachSecond = (frames: readonly Frame[], nanoseconds = 0): Frame[] =>
  frames.map((frame, i) => ({ ...frame, at: after(i, nanoseconds) }))

/** `10.0.0.1:1234` to address and port; a bare address has port 0, IPv6 is written `[2001:db8::1]:80`. */
function endpoint(text: string): [address: string, port: number] {
  const [, six, four, port] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? []
  const address = six ?? four
  if (address === undefined) throw new Error(`${text} is no endpoint`)
  return [address, Number(port ?? 0)]
}

/** What a frame counts: `counts(6, '10.0.0.1:40000', '10.0.0.2:80', 40, 2)`. */
export function counts(
  protocol: number,
  from: string,
  to: string,
  bytes: number,
  flags = 0,
  isFragment = false,
): Counted {
  const [source, sourcePort] = endpoint(from)
  const [destination, destinationPort] = endpoint(to)
  const type = from.startsWith('[') ? 'IPv6' : 'IPv4'
  return {
    type,
    protocol,
    source,
    sourcePort,
    destination,
    destinationPort,
    bytes,
    flags,
    isFragment,
  }
}

export const countsFragment = (
  protocol: number,
  from: string,
  to: string,
  bytes: number,
): Counted => counts(protocol, from, to, bytes, 0, true)

/** The table as the text of `NAME.flows.json`. */
export function tableText(its: CaptureCase): string {
  const rows = rowsOf(its.frames)
  const skipped = (reason: string) => its.frames.filter((each) => each.becomes === reason).length
  const counted = its.frames.filter((each) => typeof each.becomes !== 'string')
  const head = {
    capture: its.name,
    sha256: createHash('sha256').update(its.file).digest('hex'),
    rules: 1,
    tshark: '',
    complete: its.damage === undefined,
    note: its.damage ?? '',
    frames: its.frames.length,
    counted: counted.length,
    skipped: {
      nonIp: skipped('nonIp'),
      truncatedIp: skipped('truncatedIp'),
      malformedIp: skipped('malformedIp'),
    },
    untimed: counted.filter((each) => each.at === undefined).length,
    totals: {
      flows: rows.length,
      packets: sum(rows.map((row) => row.packets)),
      bytes: sum(rows.map((row) => row.bytes)),
    },
  }
  const lines = rows.map((row) => `  ${JSON.stringify(row)}`).join(',\n')
  const body = rows.length === 0 ? '' : `\n${lines}\n `
  return `${JSON.stringify(head, null, 1).slice(0, -2)},\n "flows": [${body}]\n}\n`
}

function rowsOf(frames: readonly Frame[]) {
  const flows = new Map<string, { flow: Counted; frames: Frame[] }>()
  for (const frame of frames) {
    const its = frame.becomes
    if (typeof its === 'string') continue
    const key = sortKey(its)
    const flow = flows.get(key) ?? { flow: its, frames: [] }
    flow.frames.push(frame)
    flows.set(key, flow)
  }
  const sorted = [...flows].sort(([a], [b]) => (a < b ? -1 : 1))
  return sorted.map(([, { flow, frames: its }]) => row(flow, its))
}

function row(flow: Counted, frames: readonly Frame[]) {
  const all = frames.map((frame) => frame.becomes as Counted)
  const times = frames.flatMap((frame) => (frame.at === undefined ? [] : [frame.at]))
  const first = times.length === 0 ? undefined : times.reduce((a, b) => (b < a ? b : a))
  const last = times.length === 0 ? undefined : times.reduce((a, b) => (b > a ? b : a))
  return {
    type: flow.type,
    protocol: flow.protocol,
    srcaddr: flow.source,
    srcport: flow.sourcePort,
    dstaddr: flow.destination,
    dstport: flow.destinationPort,
    packets: all.length,
    bytes: sum(all.map((each) => each.bytes)),
    'tcp-flags': all.reduce((flags, each) => flags | each.flags, 0),
    start: first === undefined ? null : Number(first / 1_000_000_000n),
    end: last === undefined ? null : Number(last / 1_000_000_000n),
    first: first === undefined ? null : decimal(first),
    last: last === undefined ? null : decimal(last),
    fragments: all.filter((each) => each.isFragment).length,
    multicast: /^(22[4-9]|23\d)\.|^ff..:/.test(flow.destination),
  }
}

/** Type, protocol, source, its port, destination, its port: numbers by value, addresses by their bytes. */
function sortKey(its: Counted): string {
  const number = (value: number) => String(value).padStart(5, '0')
  const address = (text: string) => Buffer.from(addressBytes(text)).toString('hex')
  return [
    its.type,
    number(its.protocol),
    address(its.source),
    number(its.sourcePort),
    address(its.destination),
    number(its.destinationPort),
  ].join(' ')
}

const decimal = (nanoseconds: bigint): string =>
  `${nanoseconds / 1_000_000_000n}.${String(nanoseconds % 1_000_000_000n).padStart(9, '0')}`

const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0)
