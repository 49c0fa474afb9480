/**
 * Programs for the kernel as they are shipped: compiled at development time by scripts/build-bpf.ts into a
 * file of source text. Loading one is making its maps and writing their numbers into its instructions.
 */
import * as bpf from './bpf.ts'
import { close } from './syscalls.ts'

export interface BpfProgram {
  /** The C file beside it, and the SHA-256 of what was compiled. */
  readonly source: string
  readonly sourceSha256: string
  /** `clang --version`, its first line: another compiler makes other instructions. */
  readonly compiler: string
  readonly maps: Readonly<Record<string, bpf.MapShape>>
  /** The instructions, by number, that load a map. */
  readonly mapUses: Readonly<Record<string, readonly number[]>>
  /** Instructions, 8 bytes each, in base64. */
  readonly code: string
}

/** File descriptors by name. */
export type Maps = Readonly<Record<string, number>>

/**
 * Makes the maps of a program.
 * @param entries how many of those the source leaves open hold
 * @throws SystemCallError
 */
export function createMaps(
  program: BpfProgram,
  names: readonly string[],
  entries: (name: string) => number,
): Maps {
  const made: Record<string, number> = {}
  try {
    for (const name of names) {
      const shape = program.maps[name]!
      made[name] = bpf.createMap(name, { ...shape, entries: shape.entries || entries(name) })
    }
    return made
  } catch (error) {
    for (const each of Object.values(made)) close(each)
    throw error
  }
}

/**
 * @returns the program's file descriptor
 * @throws ProgramRefused
 */
export function load(program: BpfProgram, name: string, type: number, maps: Maps): number {
  const code = new Uint8Array(Buffer.from(program.code, 'base64'))
  const view = new DataView(code.buffer)
  const mapByDescriptor = 1
  for (const [map, uses] of Object.entries(program.mapUses))
    for (const instruction of uses) {
      const at = instruction * 8
      view.setUint8(at + 1, (view.getUint8(at + 1) & 0x0f) | (mapByDescriptor << 4))
      view.setInt32(at + 4, maps[map]!, true)
    }
  return bpf.loadProgram(name, type, code)
}
