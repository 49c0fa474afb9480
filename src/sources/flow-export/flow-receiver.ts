/**
 * A port that routers export flows to: NetFlow v5 and v9, IPFIX and sFlow v5, told apart by what they send. Belongs in a
 * worker thread, because `read` blocks its thread while nothing comes.
 */
import { assert } from '../../base/assert.ts'
import type { PacketBatch } from '../../packet/packet.ts'
import type { ExportCounters } from './counters.ts'
import type { ExportTaker } from './export-rows.ts'
import type { ExportLoss } from './exporters.ts'
import { FlowDecoder } from './flow-decoder.ts'
import { openUdpSocket, type ReceivedDatagram, type UdpSocket } from './udp-socket.ts'

export interface FlowReceiverOptions extends ExportTaker {
  /** An address of this host; `::`, the default, is all of both families. */
  readonly host?: string
  /** 2055 unless told; 0 is any that is free. */
  readonly port?: number
  /** Memory for datagrams that wait to be read. Default 32 MiB. */
  readonly receiveBufferBytes?: number
  /** The network namespace, by name or path; needs CAP_SYS_ADMIN. */
  readonly netns?: string
}

/** What NetFlow is mostly sent to; IPFIX has 4739 and sFlow 6343, and any port takes all of them. */
export const flowExportPortDefault = 2055
/** About 20,000 datagrams of 1,400 bytes: 0.3 s of the 60,000 a second that bring 1.7 million records. */
export const receiveBufferBytesDefault = 32 * 1024 * 1024

/** Counts since the receiver was opened. */
export interface FlowReceiverCounters extends Readonly<ExportCounters> {
  /** Datagrams that found no room in the socket: of whom, the sequence numbers tell. */
  readonly socketDrops: number
  /** Exporters forgotten to make room for others. */
  readonly exportersEvicted: number
  /** Records left out, being the same packets metered at another interface. */
  readonly secondViews: number
  /** By exporter, one packet in so many; 0 where a sampler's rate was not told. Absent: every packet. */
  readonly samplingFactors: ReadonlyMap<string, number>
}

/** Opens the port. @throws WeirError as `openUdpSocket` does */
export function openFlowReceiver(options: FlowReceiverOptions): FlowReceiver {
  const socket = openUdpSocket({
    host: options.host ?? '::',
    port: options.port ?? flowExportPortDefault,
    receiveBufferBytes: options.receiveBufferBytes ?? receiveBufferBytesDefault,
    ...(options.netns === undefined ? {} : { netns: options.netns }),
  })
  return new FlowReceiver(socket, options)
}

export class FlowReceiver {
  /** The port that is listened at. */
  readonly port: number
  readonly #socket: UdpSocket
  readonly #decoder: FlowDecoder
  readonly #datagram: ReceivedDatagram = {
    bytes: new Uint8Array(0),
    address: '',
    port: 0,
    receivedAt: 0,
  }
  #received = 0
  #next = 0
  #closed = false
  #dropsRead = 0
  #socketDrops = 0

  constructor(socket: UdpSocket, taker: ExportTaker) {
    this.#socket = socket
    this.#decoder = new FlowDecoder(taker)
    this.port = socket.port
  }

  /**
   * Fills `batch` with rows of the flows that were exported, at most `packetBatchRows`, and waits for a datagram at most
   * `timeoutMs` when none is there. A row's time is that of the flow's first packet. It is followed by a row of no packets
   * and no bytes when the flow closed its connection in the same capture window.
   *
   * @returns the rows in the batch; 0 when nothing came (or only templates)
   * @throws WeirError CaptureFailed when the socket is broken
   */
  read(batch: PacketBatch, timeoutMs: number): number {
    assert(!this.#closed, 'a closed receiver is not read')
    batch.rows = 0
    if (!this.#fill(batch)) {
      this.#socket.wait(timeoutMs)
      this.#fill(batch)
    }
    return batch.rows
  }

  /** @returns false when nothing was there, not even a datagram without flows */
  #fill(batch: PacketBatch): boolean {
    const decoder = this.#decoder
    for (;;) {
      decoder.giveInto(batch)
      if (decoder.hasRows) return true
      if (this.#next === this.#received) {
        if (batch.rows > 0) return true
        this.#next = 0
        this.#received = this.#socket.receive()
        if (this.#received === 0) return false
      }
      this.#socket.datagram(this.#next++, this.#datagram)
      const { bytes, address, port, receivedAt } = this.#datagram
      decoder.take(bytes, address, port, receivedAt)
    }
  }

  /**
   * What was lost since the last call, and who samples: one row of `since` and `until` each, for all ENIs whose taps are
   * at that exporter. A gap is told when nothing has filled it for two seconds.
   *
   * @param last true before closing: waits for nothing that may still fill a gap
   */
  takeLosses(last = false): ExportLoss[] {
    return this.#decoder.takeLosses(last ? Number.POSITIVE_INFINITY : Date.now())
  }

  /** The topology has changed: `isTap` is asked anew. */
  forgetTaps(): void {
    this.#decoder.forgetTaps()
  }

  get counters(): FlowReceiverCounters {
    if (!this.#closed) {
      const drops = this.#socket.drops
      this.#socketDrops += (drops - this.#dropsRead) >>> 0
      this.#dropsRead = drops
    }
    return {
      ...this.#decoder.counters,
      socketDrops: this.#socketDrops,
      exportersEvicted: this.#decoder.evicted,
      secondViews: this.#decoder.secondViews,
      samplingFactors: this.#decoder.samplingFactors,
    }
  }

  /** Gives the port back. Counters and losses may still be asked for. */
  close(): void {
    if (this.#closed) return
    this.#socketDrops = this.counters.socketDrops
    this.#closed = true
    this.#socket.close()
  }
}
