/**
 * Interfaces and addresses in the messages of the kernel (rtnetlink). Knows no socket. Layouts
 * (include/uapi/linux/rtnetlink.h, if_link.h, if_addr.h):
 *
 *     ifinfomsg   0 family u8   2 device type u16   4 index i32   8 flags u32   12 change u32
 *     ifaddrmsg   0 family u8   1 prefix length u8   2 flags u8   3 scope u8   4 index u32
 */
import { writeIpv4, writeIpv6 } from '../base/ip.ts'
import { AttributeWalk } from './netlink-message.ts'

export const routeMessage = { newLink: 16, getLink: 18, newAddress: 20, getAddress: 22 } as const
export const linkAttribute = { address: 1, name: 3, mtu: 4, master: 10, linkInfo: 18, stats64: 23 }
const linkInfoKind = 1
const addressAttribute = { address: 1, local: 2 } as const
const interfaceFlag = { up: 0x1, loopback: 0x8, running: 0x40 } as const
export const linkHeaderBytes = 16
export const addressHeaderBytes = 8

/** Counters of an interface since it was made, in the order of struct rtnl_link_stats64. */
const counterNames = [
  'rxPackets',
  'txPackets',
  'rxBytes',
  'txBytes',
  'rxErrors',
  'txErrors',
  'rxDropped',
  'txDropped',
  'multicast',
  'collisions',
  'rxLengthErrors',
  'rxOverErrors',
  'rxCrcErrors',
  'rxFrameErrors',
  'rxFifoErrors',
  'rxMissedErrors',
  'txAbortedErrors',
  'txCarrierErrors',
  'txFifoErrors',
  'txHeartbeatErrors',
  'txWindowErrors',
  'rxCompressed',
  'txCompressed',
  'rxNoHandler',
] as const
export type LinkCounters = Readonly<Record<(typeof counterNames)[number], number>>

export interface Link extends LinkCounters {
  /** The interface's number, within its network namespace. */
  readonly index: number
  readonly name: string
  /** The administrator's word. */
  readonly up: boolean
  /** Up, and with a carrier. */
  readonly running: boolean
  readonly loopback: boolean
  /** The link-layer address, as `02:00:00:00:00:01`; empty where there is none. */
  readonly address: string
  readonly mtu: number
  /** `veth`, `tun` (taps too), `bridge` ...; absent for hardware. */
  readonly kind?: string
  /** The index of the bridge or bond it is a port of. */
  readonly master?: number
}

/** An IP address of an interface. */
export interface LinkAddress {
  readonly index: number
  readonly address: string
  readonly prefixLength: number
}

/** The interface that an RTM_NEWLINK message tells of; `undefined` for one that is none or is cut. */
export function readLink(view: DataView, from: number, to: number): Link | undefined {
  if (to - from < linkHeaderBytes) return undefined
  const flags = view.getUint32(from + 8, true)
  const walk = new AttributeWalk(view)
  const link: { -readonly [key in keyof Link]: Link[key] } = {
    index: view.getInt32(from + 4, true),
    name: '',
    up: (flags & interfaceFlag.up) !== 0,
    running: (flags & interfaceFlag.running) !== 0,
    loopback: (flags & interfaceFlag.loopback) !== 0,
    address: '',
    mtu: 0,
    ...noCounters,
  }
  walk.begin(from + linkHeaderBytes, to)
  while (walk.next()) {
    if (walk.type === linkAttribute.name) link.name = textOf(view, walk)
    else if (walk.type === linkAttribute.address) link.address = macText(view, walk)
    else if (walk.type === linkAttribute.mtu && walk.length >= 4)
      link.mtu = view.getUint32(walk.from, true)
    else if (walk.type === linkAttribute.master && walk.length >= 4)
      link.master = view.getUint32(walk.from, true)
    else if (walk.type === linkAttribute.linkInfo) {
      const kind = kindOf(view, walk)
      if (kind !== undefined) link.kind = kind
    } else if (walk.type === linkAttribute.stats64) readCounters(view, walk, link)
  }
  return walk.broken || link.name === '' ? undefined : link
}

const noCounters = Object.fromEntries(counterNames.map((name) => [name, 0])) as LinkCounters

/** Older kernels have fewer counters than newer ones: those that are there are read. */
function readCounters(
  view: DataView,
  walk: AttributeWalk,
  link: { -readonly [key in keyof LinkCounters]: number },
): void {
  for (let i = 0; i < counterNames.length; i++) {
    const at = walk.from + i * 8
    if (at + 8 > walk.to) return
    link[counterNames[i]!] = view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true)
  }
}

function kindOf(view: DataView, info: AttributeWalk): string | undefined {
  const walk = new AttributeWalk(view)
  walk.begin(info.from, info.to)
  while (walk.next()) if (walk.type === linkInfoKind) return textOf(view, walk)
  return undefined
}

/** The address that an RTM_NEWADDR message tells of; `undefined` for one that is none or is cut. */
export function readAddress(view: DataView, from: number, to: number): LinkAddress | undefined {
  if (to - from < addressHeaderBytes) return undefined
  const bytes = view.getUint8(from) === 2 ? 4 : view.getUint8(from) === 10 ? 16 : 0
  const walk = new AttributeWalk(view)
  walk.begin(from + addressHeaderBytes, to)
  let found = -1
  // On a point-to-point link `address` is the other end's and `local` its own.
  while (walk.next())
    if (walk.length === bytes && bytes > 0)
      if (walk.type === addressAttribute.local) found = walk.from
      else if (walk.type === addressAttribute.address && found === -1) found = walk.from
  if (walk.broken || found === -1) return undefined
  const words = Array.from({ length: bytes / 4 }, (_, i) => view.getInt32(found + i * 4))
  const text = new Uint8Array(45)
  const end = bytes === 4 ? writeIpv4(text, 0, words[0]!) : writeIpv6(text, 0, words, 0)
  return {
    index: view.getUint32(from + 4, true),
    address: decoder.decode(text.subarray(0, end)),
    prefixLength: view.getUint8(from + 1),
  }
}

/** A text that ends with a zero byte. */
export function textOf(view: DataView, walk: AttributeWalk): string {
  let end = walk.from
  while (end < walk.to && view.getUint8(end) !== 0) end++
  return decoder.decode(new Uint8Array(view.buffer, view.byteOffset + walk.from, end - walk.from))
}

const decoder = new TextDecoder()

const macText = (view: DataView, walk: AttributeWalk): string =>
  Array.from({ length: walk.length }, (_, i) =>
    view
      .getUint8(walk.from + i)
      .toString(16)
      .padStart(2, '0'),
  ).join(':')
