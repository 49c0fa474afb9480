/**
 * The text form of flow log records: one JSON object a line with the page's fields in the page's order, all
 * values strings (records.md 59, 60). Written byte by byte into one buffer, since a million records are
 * ordinary and a string each would cost more than counting their packets.
 */
import { pieceOf, putIpv4, putNumber, putPiece, type Piece } from '../base/ascii.ts'
import { writeIpv6 } from '../base/ip.ts'
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

const key = (name: FlowRecordField): Piece => pieceOf(`","${name}":"`)

/** Everything of a line up to the protocol that depends on the ENI alone, for IPv4, IPv6 and "-". */
function identityPieces(eni: EniIdentity): Piece[] {
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
    pieceOf(`{${head.join(',')},"type":"${type}","protocol":"`),
  )
}

const sourceKey = key('srcaddr')
const sourcePortKey = key('srcport')
const destinationKey = key('dstaddr')
const destinationPortKey = key('dstport')
const bytesKey = key('bytes')
const startKey = key('start')
const endKey = key('end')
const flagsKey = key('tcp-flags')
const directionActions = directionText.map((direction) =>
  actionText.map((action) =>
    pieceOf(`","direction":"${direction}","action":"${action}","packets":"`),
  ),
)
const statusAndPath = Array.from({ length: 256 }, (_, path) =>
  pieceOf(`","log-status":"OK","traffic_path":"${path === noTrafficPath ? '-' : path}"}\n`),
)

/** Writes records as lines into a buffer that is handed on when it is full. */
export class RecordTextWriter {
  readonly #identities: Piece[][]
  readonly #flush: (bytes: Uint8Array) => void
  readonly #buffer: Uint8Array
  readonly #view: DataView
  /** Past this a line might not fit. */
  readonly #roomy: number
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
    this.#identities = enis.map(identityPieces)
    this.#flush = flush
    const longest = Math.max(0, ...this.#identities.flat().map((each) => each.length))
    this.#buffer = new Uint8Array(Math.max(bufferBytes, 2 * (longest + lineBytesMax)))
    this.#view = new DataView(this.#buffer.buffer)
    this.#roomy = this.#buffer.length - longest - lineBytesMax
  }

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
    const view = this.#view
    const ipv6 = batch.family[row] === 6
    let at = putPiece(view, this.#at, this.#identities[batch.eni[row]!]![ipv6 ? 1 : 0]!)
    at = putNumber(view, at, batch.protocol[row]!)
    at = putPiece(view, at, sourceKey)
    at = ipv6
      ? writeIpv6(this.#buffer, at, batch.source, row * 4)
      : putIpv4(view, at, batch.source[row * 4]!)
    at = putPiece(view, at, sourcePortKey)
    at = putNumber(view, at, batch.sourcePort[row]!)
    at = putPiece(view, at, destinationKey)
    at = ipv6
      ? writeIpv6(this.#buffer, at, batch.destination, row * 4)
      : putIpv4(view, at, batch.destination[row * 4]!)
    at = putPiece(view, at, destinationPortKey)
    at = putNumber(view, at, batch.destinationPort[row]!)
    at = putPiece(view, at, directionActions[batch.direction[row]!]![batch.action[row]!]!)
    at = putNumber(view, at, batch.packets[row]!)
    at = putPiece(view, at, bytesKey)
    at = putNumber(view, at, batch.bytes[row]!)
    at = putPiece(view, at, startKey)
    at = putNumber(view, at, batch.start[row]!)
    at = putPiece(view, at, endKey)
    at = putNumber(view, at, batch.end[row]!)
    at = putPiece(view, at, flagsKey)
    at = putNumber(view, at, batch.tcpFlags[row]!)
    this.#at = putPiece(view, at, statusAndPath[batch.path[row]!]!)
  }

  /** NODATA and SKIPDATA: "-" in every field that speaks of traffic (records.md 60). */
  #writeEmpty(batch: FlowRecordBatch, row: number): void {
    const tail =
      `-","srcaddr":"-","srcport":"-","dstaddr":"-","dstport":"-","direction":"-","action":"-",` +
      `"packets":"-","bytes":"-","start":"${batch.start[row]}","end":"${batch.end[row]}",` +
      `"tcp-flags":"-","log-status":"${logStatusText[batch.status[row]!]}","traffic_path":"-"}\n`
    const at = putPiece(this.#view, this.#at, this.#identities[batch.eni[row]!]![2]!)
    this.#at = putPiece(this.#view, at, pieceOf(tail))
  }
}
