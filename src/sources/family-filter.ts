/**
 * "The IP version: IPv4 or dual stack": where nobody wants IPv6, a program at the ring's socket turns its
 * frames away before they are copied, and counts them, so that the ledger still adds up.
 */
import { WeirError } from '../base/errors.ts'
import * as bpf from './bpf.ts'
import { createMaps, load, type Maps } from './bpf-program.ts'
import { familyFilterProgram } from './family-filter-program.ts'
import { close, setSocketOption, SystemCallError } from './syscalls.ts'

export interface Filtered {
  readonly frames: number
  /** With the link header, as the interface counts them. */
  readonly bytes: number
}

const socketLevel = 1
const attachBpf = 50
const filteredBytes = 16

/**
 * Puts the filter on a packet socket, in place of the one it has: IPv6 frames are counted and dropped, of
 * all others `snaplen` bytes are kept. Frames with a VLAN tag in them are kept, whatever they carry.
 *
 * @param fd the socket, not bound yet
 * @throws WeirError CaptureNotPermitted without CAP_BPF (or, where the administrator lets everybody load
 *   socket filters, never), CaptureFailed when the kernel has no eBPF
 */
export function attachFamilyFilter(fd: number, family: 'ipv4', snaplen: number): FamilyFilter {
  let maps: Maps = {}
  let program = -1
  try {
    maps = createMaps(familyFilterProgram, Object.keys(familyFilterProgram.maps), () => 1)
    bpf.updateMap(maps['snaplen']!, new Uint8Array(4), bytesOf(snaplen))
    program = load(familyFilterProgram, family, bpf.programType.socketFilter, maps)
    setSocketOption(fd, socketLevel, attachBpf, program)
    return new FamilyFilter(maps['filtered']!)
  } catch (cause) {
    if (maps['filtered'] !== undefined) close(maps['filtered'])
    const errno = cause instanceof bpf.ProgramRefused ? cause.errno : cause
    if (!(errno instanceof SystemCallError)) throw cause
    throw errno.is('EPERM')
      ? new WeirError('CaptureNotPermitted', 'filtering in the kernel needs CAP_BPF', { cause })
      : new WeirError('CaptureFailed', `filtering in the kernel failed: ${errno.message}`, {
          cause,
        })
  } finally {
    // The socket keeps the program, and the program its maps.
    if (program >= 0) close(program)
    if (maps['snaplen'] !== undefined) close(maps['snaplen'])
  }
}

const bytesOf = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer)

export class FamilyFilter {
  readonly #map: number
  readonly #cpus = bpf.possibleCpus()

  constructor(map: number) {
    this.#map = map
  }

  /** What was turned away since the filter was attached. */
  filtered(): Filtered {
    const value = new Uint8Array(filteredBytes * this.#cpus)
    bpf.lookUpMap(this.#map, new Uint8Array(4), value)
    const words = new Uint32Array(value.buffer)
    let frames = 0
    let bytes = 0
    for (let i = 0; i < words.length; i += 4) {
      frames += words[i]! + words[i + 1]! * 2 ** 32
      bytes += words[i + 2]! + words[i + 3]! * 2 ** 32
    }
    return { frames, bytes }
  }

  /** Gives the counter back; the filter itself stays with its socket. */
  close(): void {
    close(this.#map)
  }
}
