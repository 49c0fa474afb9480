/**
 * A netlink socket, asked on the calling thread. A request for one thing, a dump and a setting are all
 * answered by the kernel before `send` returns, so that nothing here ever waits. The socket stays in the
 * network namespace it was opened in, whatever thread uses it.
 */
import { assert } from '../base/assert.ts'
import { inNetns } from './netns.ts'
import { messageFlag, messageType, MessageWalk, netlinkRequest } from './netlink-message.ts'
import type { Attribute } from './netlink-message.ts'
import * as system from './syscalls.ts'

const netlinkFamily = 16
const rawSocket = 3
/** What the kernel puts into one datagram of a dump at most. */
const bufferBytesDefault = 32 * 1024
/** A dump during which the list changed is asked again so often. */
const dumpTriesMax = 10

export interface Request {
  readonly type: number
  readonly head: Uint8Array
  readonly attributes?: readonly Attribute[]
}

export class NetlinkSocket {
  readonly fd: number
  readonly view: DataView
  readonly messages: MessageWalk
  readonly #bytes: Uint8Array
  #sequence = 0
  #closed = false

  /** @throws SystemCallError when the kernel has no such protocol; WeirError as `inNetns` does */
  constructor(protocol: number, netns: string | undefined, bufferBytes = bufferBytesDefault) {
    this.fd = inNetns(netns, () => system.socket(netlinkFamily, rawSocket, protocol))
    this.#bytes = new Uint8Array(bufferBytes)
    this.view = new DataView(this.#bytes.buffer)
    this.messages = new MessageWalk(this.view)
  }

  /**
   * Asks for one thing and hands the message of the answer to `read`, as offsets in `view`.
   * @throws SystemCallError with the error number of the kernel's answer
   */
  ask<T>(request: Request, read: (from: number, to: number) => T): T {
    this.#send(request, 0)
    for (let bytes = this.#receive(); bytes >= 0; bytes = this.#receive()) {
      this.messages.begin(bytes)
      while (this.messages.next()) {
        if (this.messages.sequence !== this.#sequence) continue
        this.#check()
        if (this.messages.type > messageType.overrun)
          return read(this.messages.from, this.messages.to)
      }
    }
    throw new system.SystemCallError('netlink request', errno.noMessage)
  }

  /** Asks for a setting; returns when the kernel has acknowledged it. Throws as `ask` does. */
  set(request: Request): void {
    this.#send(request, messageFlag.acknowledge)
    for (let bytes = this.#receive(); bytes >= 0; bytes = this.#receive()) {
      this.messages.begin(bytes)
      while (this.messages.next()) {
        const { sequence, type } = this.messages
        if (sequence !== this.#sequence || type !== messageType.error) continue
        this.#check()
        return
      }
    }
    throw new system.SystemCallError('netlink request', errno.noMessage)
  }

  /** Asks for a whole list. What changes while it is read makes the kernel say so: then once more. */
  dump<T>(request: Request, read: (from: number, to: number) => T | undefined): T[] {
    for (let i = 0; i < dumpTriesMax; i++) {
      const list: T[] = []
      if (this.#dumpInto(list, request, read)) return list
    }
    throw new system.SystemCallError('netlink dump', errno.again)
  }

  #dumpInto<T>(
    list: T[],
    request: Request,
    read: (from: number, to: number) => T | undefined,
  ): boolean {
    this.#send(request, messageFlag.dump)
    let consistent = true
    for (let bytes = this.#receive(); bytes >= 0; bytes = this.#receive()) {
      this.messages.begin(bytes)
      while (this.messages.next()) {
        if (this.messages.sequence !== this.#sequence) continue
        if ((this.messages.flags & messageFlag.interrupted) !== 0) consistent = false
        if (this.messages.type === messageType.done) return consistent
        this.#check()
        const one = read(this.messages.from, this.messages.to)
        if (one !== undefined) list.push(one)
      }
    }
    throw new system.SystemCallError('netlink dump', errno.noMessage)
  }

  #send({ type, head, attributes }: Request, flags: number): void {
    assert(!this.#closed, 'a closed netlink socket is not used')
    // The sequence is what tells answers from those to an earlier request that was given up.
    this.#sequence = (this.#sequence + 1) >>> 0
    system.send(this.fd, netlinkRequest(type, flags, this.#sequence, head, attributes))
  }

  #check(): void {
    if (this.messages.type !== messageType.error) return
    if (this.messages.errno !== 0)
      throw new system.SystemCallError('netlink request', this.messages.errno)
  }

  #receive(): number {
    const bytes = this.receive()
    if (bytes > this.#bytes.length)
      throw new system.SystemCallError('netlink answer', errno.tooLong)
    return bytes
  }

  /** A datagram that waits, in `view`; its whole length, also when it was cut; -1 when none does. */
  receive(): number {
    return system.receive(this.fd, this.#bytes)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    system.close(this.fd)
  }
}

const errno = { again: 11, noMessage: 42, tooLong: 90 } as const
