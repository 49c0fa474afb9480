/**
 * The text form of flow log records: one JSON object a line with the page's fields in the page's order, all
 * values strings (records.md 59, 60). Written byte by byte into one buffer, since a million records are
 * ordinary and a string each would cost more than counting their packets.
 */
import { writeIpv4, writeIpv6 } from '../base/ip.ts'
import {
  actionText,
  directionText,
  type EniIdentity,
  type FlowRecordBatch,
  logStatus,
  logStatusText,
  noTrafficPath,
} from './batch.ts'
import { type FlowRecordField, flowRecordFields, flowRecordVersion } from './fields.ts'

/** The longest line the numbers and addresses of a record can need, identities not counted. */
const lineBytesMax = 1024

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)
const piece = (name: FlowRecordField): Uint8Array => ascii(`","${name}":"`)

/** Everything of a line up to the protocol that depends on the ENI alone, for IPv4, IPv6 and "-". */
function identityBytes(eni: EniIdentity): Uint8Array[] {
  const values: Partial<Record<FlowRecordField, string>> = {
    version: String(flowRecordVersion),
    'account-id': eni.accountId,
    'eni-id': eni.eniId,
    'vm-id': eni.vmId,
    'vswitch-id': eni.vSwitchId,
    'vpc-id': eni.vpcId,
  }
  const head = flowRecordFields
    .slice(0, 6)
    .map(({ name }) => `${JSON.stringify(name)}:${JSON.stringify(values[name])}`)
  return ['IPv4', 'IPv6', '-'].map((type) =>
    ascii(`{${head.join(',')},"type":"${type}","protocol":"`),
  )
}

const keys = {
  srcaddr: piece('srcaddr'),
  srcport: piece('srcport'),
  dstaddr: piece('dstaddr'),
  dstport: piece('dstport'),
  direction: piece('direction'),
  packets: piece('packets'),
  bytes: piece('bytes'),
  start: piece('start'),
  end: piece('end'),
  flags: piece('tcp-flags'),
  status: piece('log-status'),
}
const directionActions = directionText.map((direction) =>
  actionText.map((action) =>
    ascii(`","direction":"${direction}","action":"${action}","packets":"`),
  ),
)
const statusAndPath = Array.from({ length: 256 }, (_, path) =>
  ascii(`","log-status":"OK","traffic_path":"${path === noTrafficPath ? '-' : path}"}\n`),
)
const smallNumbers = Array.from({ length: 65536 }, () => undefined as Uint8Array | undefined)

/** Writes records as lines into a buffer that is handed on when it is full. */
export class RecordTextWriter {
  readonly #identities: Uint8Array[][]
  readonly #flush: (bytes: Uint8Array) => void
  readonly #buffer: Uint8Array
  #at = 0

  /**
   * @param enis the identities that `FlowRecordBatch.eni` points into
   * @param flush takes the finished bytes before it returns; the memory is used again
   */
  constructor(
    enis: readonly EniIdentity[],
    flush: (bytes: Uint8Array) => void,
    bufferBytes = 1 << 18,
  ) {
    this.#identities = enis.map(identityBytes)
    this.#flush = flush
    const longest = Math.max(0, ...this.#identities.flat().map((each) => each.length))
    this.#buffer = new Uint8Array(Math.max(bufferBytes, 2 * (longest + lineBytesMax)))
    this.#roomy = this.#buffer.length - longest - lineBytesMax
  }
  readonly #roomy: number

  write(batch: FlowRecordBatch): void {
    for (let row = 0; row < batch.rows; row++) {
      if (this.#at > this.#roomy) this.flush()
      if (batch.status[row] === logStatus.ok) this.#writeOk(batch, row)
      else this.#writeEmpty(batch, row)
    }
  }

  /** Hands on what is written. */
  flush(): void {
    if (this.#at > 0) this.#flush(this.#buffer.subarray(0, this.#at))
    this.#at = 0
  }

  #writeOk(batch: FlowRecordBatch, row: number): void {
    const buffer = this.#buffer
    const ipv6 = batch.family[row] === 6
    let at = put(buffer, this.#at, this.#identities[batch.eni[row]!]![ipv6 ? 1 : 0]!)
    at = putSmall(buffer, at, batch.protocol[row]!)
    at = put(buffer, at, keys.srcaddr)
    at = ipv6
      ? writeIpv6(buffer, at, batch.source, row * 4)
      : writeIpv4(buffer, at, batch.source[row * 4]!)
    at = put(buffer, at, keys.srcport)
    at = putSmall(buffer, at, batch.sourcePort[row]!)
    at = put(buffer, at, keys.dstaddr)
    at = ipv6
      ? writeIpv6(buffer, at, batch.destination, row * 4)
      : writeIpv4(buffer, at, batch.destination[row * 4]!)
    at = put(buffer, at, keys.dstport)
    at = putSmall(buffer, at, batch.destinationPort[row]!)
    at = put(buffer, at, directionActions[batch.direction[row]!]![batch.action[row]!]!)
    at = putNumber(buffer, at, batch.packets[row]!)
    at = put(buffer, at, keys.bytes)
    at = putNumber(buffer, at, batch.bytes[row]!)
    at = put(buffer, at, keys.start)
    at = putNumber(buffer, at, batch.start[row]!)
    at = put(buffer, at, keys.end)
    at = putNumber(buffer, at, batch.end[row]!)
    at = put(buffer, at, keys.flags)
    at = putSmall(buffer, at, batch.tcpFlags[row]!)
    this.#at = put(buffer, at, statusAndPath[batch.path[row]!]!)
  }

  /** NODATA and SKIPDATA: "-" in every field that speaks of traffic (records.md 60). */
  #writeEmpty(batch: FlowRecordBatch, row: number): void {
    const tail =
      `-","srcaddr":"-","srcport":"-","dstaddr":"-","dstport":"-","direction":"-","action":"-",` +
      `"packets":"-","bytes":"-","start":"${batch.start[row]}","end":"${batch.end[row]}",` +
      `"tcp-flags":"-","log-status":"${logStatusText[batch.status[row]!]}","traffic_path":"-"}\n`
    const at = put(this.#buffer, this.#at, this.#identities[batch.eni[row]!]![2]!)
    this.#at = put(this.#buffer, at, ascii(tail))
  }
}

function put(buffer: Uint8Array, at: number, bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length; i++) buffer[at + i] = bytes[i]!
  return at + bytes.length
}

/** Numbers below 65,536, whose digits are kept. */
function putSmall(buffer: Uint8Array, at: number, value: number): number {
  const digits = (smallNumbers[value] ??= ascii(String(value)))
  for (let i = 0; i < digits.length; i++) buffer[at + i] = digits[i]!
  return at + digits.length
}

/** A non-negative whole number up to 2^53. */
function putNumber(buffer: Uint8Array, at: number, value: number): number {
  if (value < 65536) return putSmall(buffer, at, value)
  if (value >= 4_294_967_296) return put(buffer, at, ascii(String(value)))
  let digits = value < 1_000_000 ? 6 : value < 100_000_000 ? 8 : 10
  if (value < 10 ** (digits - 1)) digits--
  let rest = value >>> 0
  for (let i = digits - 1; i >= 0; i--) {
    const tenth = (rest / 10) >>> 0
    buffer[at + i] = 48 + rest - tenth * 10
    rest = tenth
  }
  return at + digits
}
