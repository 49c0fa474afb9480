/**
 * The interfaces of a network namespace, with their addresses and counters, asked of the kernel on the
 * calling thread (rtnetlink). A look at one interface takes about 20 us; nothing waits.
 */
import { readFileSync, statSync } from 'node:fs'
import { WeirError } from '../base/errors.ts'
import {
  addressHeaderBytes,
  type Link,
  type LinkAddress,
  linkAttribute,
  linkHeaderBytes,
  readAddress,
  readLink,
  routeMessage,
} from './link-messages.ts'
import { inNetns } from './netns.ts'
import type { Attribute } from './netlink-message.ts'
import { NetlinkSocket } from './netlink-socket.ts'
import { SystemCallError } from './syscalls.ts'

const routeProtocol = 0
/** A name and its closing zero byte. */
const nameBytesMax = 16

export class Links {
  readonly #socket: NetlinkSocket

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /**
   * Needs no right, except CAP_SYS_ADMIN for another network namespace.
   * @param netns as `inNetns` takes it
   * @throws WeirError CaptureFailed (no such namespace, no Linux), CaptureNotPermitted
   */
  static open(netns?: string): Links {
    return failing('open', () => new Links(new NetlinkSocket(routeProtocol, netns)))
  }

  /** All interfaces, `lo` too, in the order of their indexes. */
  list(): Link[] {
    const request = { type: routeMessage.getLink, head: new Uint8Array(linkHeaderBytes) }
    return failing('list', () =>
      this.#socket.dump(request, (from, to) => readLink(this.#socket.view, from, to)),
    )
  }

  /** The interface of that name, or `undefined` when there is none. */
  get(name: string): Link | undefined {
    const bytes = new TextEncoder().encode(`${name}\0`)
    if (name === '' || bytes.length > nameBytesMax) return undefined
    return this.#one(new Uint8Array(linkHeaderBytes), [{ type: linkAttribute.name, value: bytes }])
  }

  /** The interface of that index, whatever it is called by now. */
  at(index: number): Link | undefined {
    const head = new Uint8Array(linkHeaderBytes)
    new DataView(head.buffer).setInt32(4, index, true)
    return this.#one(head, [])
  }

  /** The IP addresses of all interfaces. */
  addresses(): LinkAddress[] {
    const request = { type: routeMessage.getAddress, head: new Uint8Array(addressHeaderBytes) }
    return failing('list addresses of', () =>
      this.#socket.dump(request, (from, to) => readAddress(this.#socket.view, from, to)),
    )
  }

  close(): void {
    this.#socket.close()
  }

  #one(head: Uint8Array, attributes: readonly Attribute[]): Link | undefined {
    return failing('look at', () => {
      try {
        return this.#socket.ask({ type: routeMessage.getLink, head, attributes }, (from, to) =>
          readLink(this.#socket.view, from, to),
        )
      } catch (error) {
        if (error instanceof SystemCallError && error.is('ENODEV')) return undefined
        throw error
      }
    })
  }
}

function failing<T>(what: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (!(cause instanceof SystemCallError)) throw cause
    throw new WeirError('CaptureFailed', `cannot ${what} the interfaces: ${cause.message}`, {
      cause,
    })
  }
}

/**
 * A network namespace, as `device:inode`: the same as long as it lives. Interface indexes and counters only
 * compare within one; after the host was started anew (`bootId`) numbers are given out again.
 */
export function namespaceId(netns?: string): string {
  return inNetns(netns, () => {
    const { dev, ino } = statSync('/proc/thread-self/ns/net', { bigint: true })
    return `${dev}:${ino}`
  })
}

/** Another one after each start of the host. */
export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()

export type { Link, LinkAddress, LinkCounters } from './link-messages.ts'
