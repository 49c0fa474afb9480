/**
 * A process in the network namespace of an interface that makes frames come in there, as many and as fast
 * as it is told, a line of JSON each way. What its CPU time says is the way of a frame through the kernel:
 * the interface, whoever looks on, and IP, which drops it because it is addressed to another station.
 */
import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { lookUpMap, runLiveFrames, updateMap } from '../../src/sources/bpf.ts'
import { createMaps, load } from '../../src/sources/bpf-program.ts'
import { close } from '../../src/sources/syscalls.ts'
import { frameGeneratorProgram } from './frame-generator-program.ts'

export interface SendOrder {
  readonly flows: number
  readonly packets: number
  /** Packets a second; as many as go when 0. */
  readonly rate: number
}

export interface Sent {
  readonly seconds: number
  /** CPU of this thread, user and system, in nanoseconds, without what it waited to keep the pace. */
  readonly cpuNanoseconds: number
}

/** IP packets of 60 bytes. */
const frameBytes = 74
const xdp = 6
/** What the kernel makes ready at a time. */
const batch = 64

function udpFrame(): Uint8Array {
  const frame = new Uint8Array(frameBytes)
  const view = new DataView(frame.buffer)
  frame.set([2, 0, 0, 0, 0, 0x99, 2, 0, 0, 0, 0, 0x98, 8, 0]) // to a station that nobody is
  view.setUint16(14, 0x4500)
  view.setUint16(16, frameBytes - 14)
  frame.set([64, 17], 22)
  frame.set([10, 99, 0, 200, 10, 99, 0, 201], 26)
  let sum = 0
  for (let at = 14; at < 34; at += 2) sum += view.getUint16(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  view.setUint16(24, ~sum & 0xffff)
  view.setUint16(38, frameBytes - 34)
  return frame
}

/** Of this thread alone, in nanoseconds: /proc/thread-self/schedstat. */
const cpuNanoseconds = (): number =>
  Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0])

function send(order: SendOrder, interfaceIndex: number): Sent {
  const maps = createMaps(frameGeneratorProgram, ['choice'], () => 1)
  const program = load(frameGeneratorProgram, 'frames', xdp, maps)
  // struct choice: flows u32, seed u32, interval u64, due u64, waited u64
  const choice = new Uint8Array(32)
  const view = new DataView(choice.buffer)
  view.setUint32(0, order.flows, true)
  view.setUint32(4, 1, true)
  view.setUint32(8, order.rate === 0 ? 0 : Math.round(1e9 / order.rate), true)
  updateMap(maps['choice']!, new Uint8Array(4), choice)
  // struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex
  const context = new Uint8Array(Uint32Array.of(0, frameBytes, 0, interfaceIndex, 0, 0).buffer)
  const begun = performance.now()
  const cpu = cpuNanoseconds()
  runLiveFrames(program, udpFrame(), context, order.packets, batch)
  const seconds = (performance.now() - begun) / 1000
  const used = cpuNanoseconds() - cpu
  lookUpMap(maps['choice']!, new Uint8Array(4), choice)
  close(maps['choice']!)
  close(program)
  return { seconds, cpuNanoseconds: used - Number(view.getBigUint64(24, true)) }
}

if (import.meta.main) {
  const [interfaceIndex, exporterPort] = process.argv.slice(2).map(Number)
  // Somebody listens where collectors export to.
  const sink = createSocket('udp4').bind(exporterPort!, '127.0.0.1')
  sink.on('listening', () => console.log('ready'))
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      console.log(JSON.stringify(send(JSON.parse(line) as SendOrder, interfaceIndex!)))
    })
    .on('close', () => sink.close())
}
