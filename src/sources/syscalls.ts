/**
 * The few Linux calls that rings and network namespaces need, through koffi. Each either gives its
 * result or throws `SystemCallError` with the number the kernel gave. All of them run on the calling
 * thread; `poll` is the only one that waits.
 */
import { endianness } from 'node:os'
import { getSystemErrorMessage, getSystemErrorName } from 'node:util'
import koffi from 'koffi'
import { assert } from '../base/assert.ts'
import { WeirError } from '../base/errors.ts'

export class SystemCallError extends Error {
  readonly call: string
  readonly errno: number

  constructor(call: string, errno: number) {
    super(`${call}: ${getSystemErrorMessage(-errno)} (${getSystemErrorName(-errno)})`)
    this.name = 'SystemCallError'
    this.call = call
    this.errno = errno
  }

  is(...names: string[]): boolean {
    return names.includes(getSystemErrorName(-this.errno))
  }
}

interface Libc {
  socket(family: number, type: number, protocol: number): number
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, bytes: number): number
  getsockopt(
    fd: number,
    level: number,
    option: number,
    value: Uint8Array,
    bytes: Uint8Array,
  ): number
  bind(fd: number, address: Uint8Array, bytes: number): number
  send(fd: number, bytes: Uint8Array, count: number, flags: number): number
  recv(fd: number, bytes: Uint8Array, count: number, flags: number): number
  ioctl(fd: number, request: number, argument: Uint8Array): number
  mmap(
    address: null,
    bytes: number,
    protection: number,
    flags: number,
    fd: number,
    at: number,
  ): bigint
  munmap(address: bigint, bytes: number): number
  poll(fds: Uint8Array, count: number, timeoutMs: number): number
  setns(fd: number, kind: number): number
  close(fd: number): number
}

let loaded: Libc | undefined

function libc(): Libc {
  if (loaded !== undefined) return loaded
  if (process.platform !== 'linux')
    throw new WeirError('CaptureFailed', 'live packets can be captured on Linux only', {
      hint: 'Capture to a file and read it with: weir replay FILE',
    })
  assert(endianness() === 'LE', 'the structures of the kernel are written for little-endian hosts')
  const library = koffi.load(null) // what the process is linked to: glibc or musl
  loaded = {
    socket: library.func('int socket(int, int, int)'),
    setsockopt: library.func('int setsockopt(int, int, int, const void *, uint32_t)'),
    getsockopt: library.func('int getsockopt(int, int, int, _Inout_ void *, _Inout_ void *)'),
    bind: library.func('int bind(int, const void *, uint32_t)'),
    send: library.func('int64_t send(int, const void *, size_t, int)'),
    recv: library.func('int64_t recv(int, _Inout_ void *, size_t, int)'),
    ioctl: library.func('int ioctl(int, unsigned long, _Inout_ void *)'),
    mmap: library.func('void *mmap(void *, size_t, int, int, int, int64_t)'),
    munmap: library.func('int munmap(void *, size_t)'),
    poll: library.func('int poll(_Inout_ void *, unsigned long, int)'),
    setns: library.func('int setns(int, int)'),
    close: library.func('int close(int)'),
  }
  return loaded
}

function checked(call: string, result: number): number {
  if (result < 0) throw new SystemCallError(call, koffi.errno())
  return result
}

export const socket = (family: number, type: number, protocol: number): number =>
  checked('socket', libc().socket(family, type, protocol))

export function setSocketOption(
  fd: number,
  level: number,
  option: number,
  value: Uint8Array | number,
): void {
  const bytes = typeof value === 'number' ? new Uint8Array(Int32Array.of(value).buffer) : value
  checked('setsockopt', libc().setsockopt(fd, level, option, bytes, bytes.length))
}

/** Fills `value`; the option must be of its length. */
export function getSocketOption(
  fd: number,
  level: number,
  option: number,
  value: Uint8Array,
): void {
  const length = new Uint8Array(Uint32Array.of(value.length).buffer)
  checked('getsockopt', libc().getsockopt(fd, level, option, value, length))
}

export const bind = (fd: number, address: Uint8Array): void =>
  void checked('bind', libc().bind(fd, address, address.length))

export const send = (fd: number, bytes: Uint8Array): void =>
  void checked('send', libc().send(fd, bytes, bytes.length, 0))

const errnoInterrupted = 4
const errnoAgain = 11

/**
 * Takes one datagram that waits, without waiting for one.
 * @returns its length, which is more than `bytes` holds when it was cut; -1 when none waits
 */
export function receive(fd: number, bytes: Uint8Array): number {
  const truncatedLength = 0x20
  const doNotWait = 0x40
  const result = libc().recv(fd, bytes, bytes.length, truncatedLength | doNotWait)
  if (result >= 0) return result
  const errno = koffi.errno()
  if (errno === errnoAgain || errno === errnoInterrupted) return -1
  throw new SystemCallError('recv', errno)
}

export const ioctl = (fd: number, request: number, argument: Uint8Array): void =>
  void checked('ioctl', libc().ioctl(fd, request, argument))

export interface SharedMemory {
  readonly address: bigint
  readonly bytes: number
  /** The mapped memory itself. Must not be touched after `unmap`. */
  readonly buffer: ArrayBuffer
}

/** Maps `bytes` of `fd`, readable, writable and shared with the kernel. */
export function mapShared(fd: number, bytes: number): SharedMemory {
  const readWrite = 3
  const shared = 1
  const address = libc().mmap(null, bytes, readWrite, shared, fd, 0)
  if (BigInt.asIntN(64, address) === -1n) throw new SystemCallError('mmap', koffi.errno())
  return { address, bytes, buffer: koffi.view(address, bytes) }
}

export const unmap = (memory: SharedMemory): void =>
  void checked('munmap', libc().munmap(memory.address, memory.bytes))

/** The address of a buffer, for a structure that points to it; keep the buffer referenced. */
export const addressOf = (bytes: Uint8Array): bigint => koffi.address(bytes)

/**
 * Waits at most `timeoutMs` for `pollfd` (8 bytes: fd, events u16, revents u16); a signal ends the wait.
 * @returns revents
 */
export function poll(pollfd: DataView<ArrayBuffer>, bytes: Uint8Array, timeoutMs: number): number {
  pollfd.setUint16(6, 0, true)
  const result = libc().poll(bytes, 1, timeoutMs)
  if (result < 0) {
    const error = new SystemCallError('poll', koffi.errno())
    if (!error.is('EINTR')) throw error
  }
  return pollfd.getUint16(6, true)
}

/** Moves the calling thread, and only it, into a network namespace. */
export const setNetworkNamespace = (fd: number): void =>
  void checked('setns', libc().setns(fd, 0x40000000))

export const close = (fd: number): void => void checked('close', libc().close(fd))
