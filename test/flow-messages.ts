/** Messages of exporters, made for tests: NetFlow v5 and v9, IPFIX and sFlow v5. */
import { addressBytes, joined } from '../src/packet/packet.ts'

/** Numbers of so many bytes each, big-endian: `packed([[1, 2], [500, 4]])`. */
export function packed(fields: readonly (readonly [number, number] | Uint8Array)[]): Uint8Array {
  return joined(
    fields.map((field) => {
      if (field instanceof Uint8Array) return field
      const [value, length] = field
      const bytes = new Uint8Array(length)
      let rest = value
      for (let i = length - 1; i >= 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest % 256
      return bytes
    }),
  )
}

export interface Flow5 {
  readonly source: string
  readonly destination: string
  readonly ports?: readonly [number, number]
  readonly protocol?: number
  readonly packets?: number
  readonly bytes?: number
  readonly first?: number
  readonly last?: number
  readonly flags?: number
  readonly input?: number
  readonly output?: number
}

export interface Sent {
  readonly sequence: number
  /** Milliseconds up; 3,600,000 unless told. */
  readonly uptime?: number
  /** Unix seconds; 1,700,000,000 unless told. */
  readonly second?: number
  readonly domain?: number
}

export const sentSecond = 1_700_000_000
export const sentUptime = 3_600_000

export function netflow5Message(
  sent: Sent & { sampling?: number; count?: number },
  flows: readonly Flow5[],
): Uint8Array {
  const header = packed([
    [5, 2],
    [sent.count ?? flows.length, 2],
    [sent.uptime ?? sentUptime, 4],
    [sent.second ?? sentSecond, 4],
    [0, 4],
    [sent.sequence, 4],
    [sent.domain ?? 0, 2],
    [sent.sampling ?? 0, 2],
  ])
  const records = flows.map((flow) =>
    packed([
      addressBytes(flow.source),
      addressBytes(flow.destination),
      [0, 4],
      [flow.input ?? 0, 2],
      [flow.output ?? 0, 2],
      [flow.packets ?? 1, 4],
      [flow.bytes ?? 100, 4],
      [flow.first ?? sentUptime, 4],
      [flow.last ?? flow.first ?? sentUptime, 4],
      [flow.ports?.[0] ?? 1000, 2],
      [flow.ports?.[1] ?? 80, 2],
      [0, 1],
      [flow.flags ?? 0, 1],
      [flow.protocol ?? 17, 1],
      [0, 9],
    ]),
  )
  return joined([header, ...records])
}

/** A set of NetFlow v9 or IPFIX. */
export const setOf = (id: number, body: Uint8Array): Uint8Array =>
  joined([
    packed([
      [id, 2],
      [body.length + 4, 2],
    ]),
    body,
  ])

/** Element and length; an enterprise number as the third. */
export type Field = readonly [number, number] | readonly [number, number, number]

const fieldBytes = (fields: readonly Field[]): Uint8Array =>
  joined(
    fields.map(([element, length, enterprise]) =>
      enterprise === undefined
        ? packed([
            [element, 2],
            [length, 2],
          ])
        : packed([
            [element | 0x8000, 2],
            [length, 2],
            [enterprise, 4],
          ]),
    ),
  )

/** One template, for set 0 (v9) or 2 (IPFIX). */
export const templateOf = (id: number, fields: readonly Field[]): Uint8Array =>
  joined([
    packed([
      [id, 2],
      [fields.length, 2],
    ]),
    fieldBytes(fields),
  ])

/** An options template of IPFIX, for set 3. */
export const optionsTemplateOf = (
  id: number,
  scopes: number,
  fields: readonly Field[],
): Uint8Array =>
  joined([
    packed([
      [id, 2],
      [fields.length, 2],
      [scopes, 2],
    ]),
    fieldBytes(fields),
  ])

/** An options template of NetFlow v9, for set 1. */
export const optionsTemplate9Of = (
  id: number,
  scopes: readonly Field[],
  fields: readonly Field[],
): Uint8Array =>
  joined([
    packed([
      [id, 2],
      [scopes.length * 4, 2],
      [fields.length * 4, 2],
    ]),
    fieldBytes([...scopes, ...fields]),
  ])

export const netflow9Message = (sent: Sent, sets: readonly Uint8Array[]): Uint8Array =>
  joined([
    packed([
      [9, 2],
      [sets.length, 2],
      [sent.uptime ?? sentUptime, 4],
      [sent.second ?? sentSecond, 4],
      [sent.sequence, 4],
      [sent.domain ?? 0, 4],
    ]),
    ...sets,
  ])

export function ipfixMessage(sent: Sent, sets: readonly Uint8Array[]): Uint8Array {
  const body = joined(sets)
  return joined([
    packed([
      [10, 2],
      [body.length + 16, 2],
      [sent.second ?? sentSecond, 4],
      [sent.sequence, 4],
      [sent.domain ?? 0, 4],
    ]),
    body,
  ])
}

/** A word list of sFlow: strings of bytes are padded to words. */
const words = (...values: readonly (number | Uint8Array)[]): Uint8Array =>
  joined(
    values.map((value) =>
      typeof value === 'number'
        ? packed([[value, 4]])
        : joined([value, new Uint8Array((4 - (value.length % 4)) % 4)]),
    ),
  )

export interface Sample {
  readonly sequence: number
  readonly rate: number
  readonly source?: number
  readonly pool?: number
  readonly drops?: number
  readonly input?: number
  readonly output?: number
  readonly expanded?: boolean
  readonly records: readonly Uint8Array[]
}

export function sampleOf(its: Sample): Uint8Array {
  const source = its.source ?? 3
  const input = its.input ?? source
  const output = its.output ?? 0
  const pool = [its.rate, its.pool ?? 0, its.drops ?? 0] as const
  const body = its.expanded
    ? words(its.sequence, 0, source, ...pool, 0, input, 0, output, its.records.length)
    : words(its.sequence, source, ...pool, input, output, its.records.length)
  const all = joined([body, ...its.records])
  return words(its.expanded ? 3 : 1, all.length, all)
}

/** A counter sample: no packets. */
export const counterSample = (sequence: number): Uint8Array => words(2, 12, sequence, 3, 0)

/** The first bytes of a frame of `length` bytes, check sequence of 4 included. */
export function rawHeaderOf(frame: Uint8Array, kept = 128, protocol = 1): Uint8Array {
  const head = frame.subarray(0, kept)
  const body = words(protocol, frame.length + 4, 4, head.length, head)
  return words(1, body.length, body)
}

export function sampledIpv4(its: {
  length: number
  protocol: number
  source: string
  destination: string
  ports: readonly [number, number]
  flags: number
}): Uint8Array {
  const addresses = joined([addressBytes(its.source), addressBytes(its.destination)])
  const six = its.source.includes(':')
  const body = words(its.length, its.protocol, addresses, ...its.ports, its.flags, 0)
  return words(six ? 4 : 3, body.length, body)
}

export const sflowMessage = (
  sent: { sequence: number; uptime?: number; agent?: string; subAgent?: number },
  samples: readonly Uint8Array[],
): Uint8Array => {
  const agent = addressBytes(sent.agent ?? '192.0.2.9')
  return joined([
    words(5, agent.length === 4 ? 1 : 2, agent, sent.subAgent ?? 0, sent.sequence),
    words(sent.uptime ?? sentUptime, samples.length),
    ...samples,
  ])
}
