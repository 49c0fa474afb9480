/**
 * The bpf() system call through koffi: maps, programs, links. No libbpf and no compiler: programs come as
 * instructions (`bpf-program.ts`). `bpf_attr` is a union; offsets are those of include/uapi/linux/bpf.h.
 */
import { readFileSync } from 'node:fs'
import koffi from 'koffi'
import { assert } from '../base/assert.ts'
import { WeirError } from '../base/errors.ts'
import { addressOf, SystemCallError } from './syscalls.ts'

export const mapType = { hash: 1, array: 2, perCpuArray: 6, arrayOfMaps: 12 } as const
export const programType = { socketFilter: 1, schedClass: 3 } as const
export const attachType = { tcxIngress: 46, tcxEgress: 47 } as const

const command = {
  mapCreate: 0,
  lookup: 1,
  update: 2,
  programLoad: 5,
  testRun: 10,
  objectInfo: 15,
  lookupAndDeleteBatch: 25,
  linkCreate: 28,
} as const
/** Of the processors that Node runs on and whose structures are little-endian. */
const systemCallNumbers: Readonly<Record<string, number>> = { x64: 321, arm64: 280, riscv64: 280 }
const verifierLogBytes = 1 << 16
const attributeBytes = 128
const attemptsMax = 16

interface Calls {
  syscall(number: number, command: number, attributes: Uint8Array, bytes: number): number
  clock_gettime(clock: number, time: Uint8Array): number
}

let loaded: Calls | undefined

function calls(): Calls {
  if (loaded !== undefined) return loaded
  if (process.platform !== 'linux' || systemCallNumbers[process.arch] === undefined)
    throw new WeirError('CaptureFailed', 'programs in the kernel run on Linux (x64, arm64) only')
  const library = koffi.load(null)
  loaded = {
    syscall: library.func('int64_t syscall(int64_t, int, _Inout_ void *, uint32_t)'),
    clock_gettime: library.func('int clock_gettime(int, _Inout_ void *)'),
  }
  return loaded
}

/** Calls bpf(); throws SystemCallError named after `what`. */
function bpf(what: string, number: number, attributes: DataView<ArrayBuffer>): number {
  const bytes = new Uint8Array(attributes.buffer)
  for (let attempt = 1; ; attempt++) {
    const result = calls().syscall(systemCallNumbers[process.arch]!, number, bytes, bytes.length)
    if (result >= 0) return result
    const error = new SystemCallError(what, koffi.errno())
    // The verifier stops for a signal, and for the kernel's own wake-ups of a thread.
    if (attempt === attemptsMax || !error.is('EAGAIN', 'EINTR')) throw error
  }
}

const attributes = (): DataView<ArrayBuffer> => new DataView(new ArrayBuffer(attributeBytes))

export interface MapShape {
  readonly type: number
  readonly keyBytes: number
  readonly valueBytes: number
  readonly entries: number
  readonly flags: number
}

/** @returns its file descriptor; the map lives as long as someone has it open */
export function createMap(name: string, shape: MapShape, innerMap?: number): number {
  const request = attributes()
  request.setUint32(0, shape.type, true)
  request.setUint32(4, shape.keyBytes, true)
  request.setUint32(8, shape.valueBytes, true)
  request.setUint32(12, shape.entries, true)
  request.setUint32(16, shape.flags, true)
  if (innerMap !== undefined) request.setUint32(20, innerMap, true)
  putName(request, 28, name)
  return bpf(`map ${name}`, command.mapCreate, request)
}

/** Object names have at most 15 letters, digits, `_` or `.`. */
function putName(request: DataView, at: number, name: string): void {
  const bytes = new TextEncoder().encode(`weir_${name}`.slice(0, 15))
  for (const [i, byte] of bytes.entries()) request.setUint8(at + i, byte)
}

export class ProgramRefused extends Error {
  /** Why the kernel's verifier refused it: the end of its log. */
  readonly errno: SystemCallError

  constructor(errno: SystemCallError, log: string) {
    super(`${errno.message}${log === '' ? '' : `: ${log}`}`)
    this.name = 'ProgramRefused'
    this.errno = errno
  }
}

/**
 * @param code instructions, 8 bytes each, maps already put in
 * @returns the program's file descriptor
 * @throws ProgramRefused with the verifier's reason
 */
export function loadProgram(name: string, type: number, code: Uint8Array): number {
  const license = new TextEncoder().encode('Apache-2.0\0')
  const log = new Uint8Array(verifierLogBytes)
  const request = attributes()
  request.setUint32(0, type, true)
  request.setUint32(4, code.length / 8, true)
  request.setBigUint64(8, addressOf(code), true)
  request.setBigUint64(16, addressOf(license), true)
  putName(request, 48, name)
  try {
    return bpf(`program ${name}`, command.programLoad, request)
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error
    if (!error.is('EACCES', 'EINVAL')) throw new ProgramRefused(error, '')
  }
  // Once more, for the reason: a log makes loading slow, so nobody asks for it in vain.
  request.setUint32(24, 1, true)
  request.setUint32(28, log.length, true)
  request.setBigUint64(32, addressOf(log), true)
  try {
    return bpf(`program ${name}`, command.programLoad, request)
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error
    throw new ProgramRefused(error, lastWords(log))
  }
}

/** The last line of the log that is no statistics. */
function lastWords(log: Uint8Array): string {
  const end = log.indexOf(0)
  const lines = new TextDecoder().decode(log.subarray(0, end === -1 ? log.length : end)).split('\n')
  return lines.findLast((line) => line !== '' && !/^(processed|verification time)/.test(line)) ?? ''
}

/** Puts a program at an interface of the calling thread's network namespace, behind those already there. */
export function linkTcx(program: number, interfaceIndex: number, attach: number): number {
  const request = attributes()
  request.setUint32(0, program, true)
  request.setUint32(4, interfaceIndex, true)
  request.setUint32(8, attach, true)
  return bpf('TCX link', command.linkCreate, request)
}

/** The interface that a TCX link is at; 0 once the interface is gone. */
export function interfaceOfLink(link: number): number {
  const found = new Uint8Array(64)
  const request = attributes()
  request.setUint32(0, link, true)
  request.setUint32(4, found.length, true)
  request.setBigUint64(8, addressOf(found), true)
  bpf('TCX link', command.objectInfo, request)
  return new DataView(found.buffer).getUint32(16, true)
}

export function updateMap(map: number, key: Uint8Array, value: Uint8Array): void {
  bpf('map update', command.update, elementRequest(map, key, value))
}

/** Fills `value`; of a per-CPU map that is one value, rounded up to 8 bytes, for each possible CPU. */
export function lookUpMap(map: number, key: Uint8Array, value: Uint8Array): void {
  bpf('map look-up', command.lookup, elementRequest(map, key, value))
}

function elementRequest(map: number, key: Uint8Array, value: Uint8Array): DataView<ArrayBuffer> {
  const request = attributes()
  request.setUint32(0, map, true)
  request.setBigUint64(8, addressOf(key), true)
  request.setBigUint64(16, addressOf(value), true)
  return request
}

/** Takes all entries out of a hash map; `more` gives room for `count` further ones each time. */
export function emptyMap(
  map: number,
  count: number,
  more: (taken: number) => { keys: Uint8Array; values: Uint8Array },
): number {
  const place = new Uint8Array(8)
  const request = attributes()
  let taken = 0
  for (let begun = false; ; begun = true) {
    const { keys, values } = more(taken)
    request.setBigUint64(0, begun ? addressOf(place) : 0n, true)
    request.setBigUint64(8, addressOf(place), true)
    request.setBigUint64(16, addressOf(keys), true)
    request.setBigUint64(24, addressOf(values), true)
    request.setUint32(32, count, true)
    request.setUint32(36, map, true)
    try {
      bpf('map batch', command.lookupAndDeleteBatch, request)
      taken += request.getUint32(32, true)
    } catch (error) {
      if (!(error instanceof SystemCallError) || !error.is('ENOENT')) throw error
      return taken + request.getUint32(32, true)
    }
  }
}

/** Runs an XDP program `repeat` times on a frame whose result goes the way it says, as if it had come in. */
export function runLiveFrames(
  program: number,
  frame: Uint8Array,
  context: Uint8Array,
  repeat: number,
  batch: number,
): void {
  const liveFrames = 2
  const request = attributes()
  request.setUint32(0, program, true)
  request.setUint32(8, frame.length, true)
  request.setBigUint64(16, addressOf(frame), true)
  request.setUint32(32, repeat, true)
  request.setUint32(40, context.length, true)
  request.setBigUint64(48, addressOf(context), true)
  request.setUint32(64, liveFrames, true)
  request.setUint32(72, batch, true)
  bpf('test run', command.testRun, request)
}

/** How many CPUs the kernel reckons with: the values of a per-CPU map. */
export function possibleCpus(): number {
  const last = /(\d+)\s*$/.exec(readFileSync('/sys/devices/system/cpu/possible', 'utf8'))
  assert(last !== null, 'the kernel lists its possible CPUs')
  return Number(last[1]) + 1
}

const clockId = { realtime: 0, tai: 11 } as const

/** How far CLOCK_TAI is ahead of Unix time, whole seconds: 0, or the leap seconds once NTP has told. */
export function taiOffsetSeconds(): number {
  return Math.round(clockSeconds(clockId.tai) - clockSeconds(clockId.realtime))
}

function clockSeconds(clock: number): number {
  const time = new Uint8Array(16)
  const result = calls().clock_gettime(clock, time)
  assert(result === 0, 'the clocks of Linux can be read')
  const view = new DataView(time.buffer)
  return Number(view.getBigInt64(0, true)) + view.getUint32(8, true) / 1e9
}

/** The capabilities that running programs at interfaces takes and this process lacks. */
export function missingCapabilities(names: readonly (keyof typeof capability)[]): string[] {
  const status = readFileSync('/proc/thread-self/status', 'utf8')
  const effective = BigInt(`0x${/^CapEff:\s*([\da-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  return names.filter((name) => ((effective >> capability[name]) & 1n) === 0n)
}

const capability = { CAP_NET_ADMIN: 12n, CAP_PERFMON: 38n, CAP_BPF: 39n } as const
