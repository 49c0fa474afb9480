/**
 * sources/: live traffic in, decoded packets out.
 *
 * `ring.ts` opens an AF_PACKET ring at one interface and reads it into the batches of `packet/`;
 * `ring-frames.ts` walks the ring's memory, `offload.ts` undoes segmentation offload. `nflog.ts` reads
 * what a firewall rejects, `tcx.ts` has flows counted in the kernel, `links.ts` lists interfaces with
 * their counters. `flow-export/flow-receiver.ts` receives the flows that routers export (NetFlow v5 and v9,
 * IPFIX, sFlow v5). `bpf.ts`, `netns.ts`, `netlink-socket.ts` and `syscalls.ts` are the kernel's side. This file says which interfaces the host
 * has and whether capturing is allowed at all. Rules and figures: reference capture.md §2, §4, "Traps",
 * "Privileges".
 *
 * Left out: which ENI an interface belongs to and what a packet means there (`vpc/`), threads (the
 * program starts one worker a ring), files of captured packets (`packet/`).
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describeError, WeirError } from '../base/errors.ts'
import { openPacketSocket } from './ring.ts'
import { close } from './syscalls.ts'

export type { ExporterInterface, ExportTaker } from './flow-export/export-rows.ts'
export type { ExportLoss } from './flow-export/exporters.ts'
export { ExportStream, isExportStream } from './flow-export/export-stream.ts'
export { FlowDecoder } from './flow-export/flow-decoder.ts'
export {
  flowExportPortDefault,
  FlowReceiver,
  type FlowReceiverCounters,
  type FlowReceiverOptions,
  openFlowReceiver,
} from './flow-export/flow-receiver.ts'
export { bootId, type Link, type LinkAddress, Links, namespaceId } from './links.ts'
export { Nflog, type NflogLoss, type NflogOptions, openNflog } from './nflog.ts'
export { openRing, Ring, ringBytesDefault, type RingOptions, type RingStats } from './ring.ts'
export type { FrameCounts, RingSide } from './ring-frames.ts'
export { type InterfaceCounts, interfaceCounts, TapBase, type TapCounts } from './tap-counters.ts'
export { type MeteredRing, openMeteredRing, type TapMeter } from './tap-meter.ts'
export { seenBeforeVerdict, sideOfRules } from './verdict-place.ts'
export { openTcx, Tcx, type TcxCounters, type TcxOptions } from './tcx.ts'

const interfaceFlag = { up: 0x1, loopback: 0x8 } as const

/**
 * The names of this host's interfaces that are up, `lo` left out, sorted. "Up" is the administrator's
 * word: a cable may be missing. Without Linux there are none.
 *
 * @param folder where the kernel lists them
 */
export function hostInterfaces(folder = '/sys/class/net'): string[] {
  return listed(folder)
    .filter((name) => {
      const flags = flagsOf(`${folder}/${name}/flags`)
      return (flags & interfaceFlag.up) !== 0 && (flags & interfaceFlag.loopback) === 0
    })
    .toSorted()
}

/** Whether this process may capture; else why not and what to do, in one line. */
export function mayCapture(): true | string {
  try {
    close(openPacketSocket('this host'))
    return true
  } catch (error) {
    if (error instanceof WeirError) return describeError(error)
    throw error
  }
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** 0 for what is no interface (bonding_masters) or has just gone. */
function flagsOf(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8').trim())
  } catch (error) {
    if (isMissing(error)) return 0
    throw error
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'EINVAL')
