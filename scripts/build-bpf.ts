/**
 * `node scripts/build-bpf.ts`: compiles the programs for the kernel with clang into the files of source
 * text that are shipped. Run after each change of a `.bpf.c` file; a test fails when it was forgotten.
 *
 *     clang's object (ELF64, little-endian)        what is kept of it
 *     section `program`, then `.text`              the instructions, calls between the two linked
 *     section `maps`, symbols into it              type, key, value, entries, flags: five u32 a map
 *     section `.relprogram`                        R_BPF_64_64: which instructions load which map
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BpfProgram } from '../src/sources/bpf-program.ts'

/** Folder, C file, and the name of what is exported. */
export const bpfSources = [
  { folder: 'src/sources', name: 'tcx' },
  { folder: 'src/sources', name: 'family-filter' },
  { folder: 'bench/run', name: 'frame-generator' },
] as const

const root = join(import.meta.dirname, '..')
/** uapi headers that clang does not find by itself where it builds for another machine. */
const includes = ['x86_64', 'aarch64'].map((each) => `-I/usr/include/${each}-linux-gnu`)
const base64LineBytes = 69

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** The first line of `clang --version`, undefined without clang. */
export function compilerVersion(): string | undefined {
  const { status, stdout } = spawnSync('clang', ['--version'], { encoding: 'utf8' })
  return status === 0 ? stdout.split('\n')[0] : undefined
}

/** @throws Error with what clang says */
export function compile(path: string): BpfProgram {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bpf-'))
  try {
    const object = join(folder, 'program.o')
    const options = ['-O2', '-target', 'bpf', '-mcpu=v3', '-Wall', '-Werror', ...includes]
    const { status, stderr } = spawnSync('clang', [...options, '-c', path, '-o', object], {
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`clang failed: ${stderr}`)
    return {
      source: path.slice(path.lastIndexOf('/') + 1),
      sourceSha256: sha256(readFileSync(path, 'utf8')),
      compiler: compilerVersion()!,
      ...readObject(new Uint8Array(readFileSync(object))),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface Section {
  readonly name: string
  readonly type: number
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly view: DataView<ArrayBuffer>
}

const sectionType = { symbols: 2, relocations: 9 } as const
const relocation = { map: 1, call: 10 } as const

function readObject(file: Uint8Array<ArrayBuffer>): Pick<BpfProgram, 'maps' | 'mapUses' | 'code'> {
  const sections = sectionsOf(file)
  const named = (name: string): Section => {
    const found = sections.find((each) => each.name === name)
    if (found === undefined) throw new Error(`the object has no section "${name}"`)
    return found
  }
  const program = named('program')
  const text = sections.find(({ name }) => name === '.text')?.bytes ?? new Uint8Array(0)
  const code = new Uint8Array(program.bytes.length + text.length)
  code.set(program.bytes)
  code.set(text, program.bytes.length)
  const symbols = symbolsOf(sections)
  const mapUses: Record<string, number[]> = {}
  const view = new DataView(code.buffer)
  for (const table of sections.filter(({ type }) => type === sectionType.relocations)) {
    if (table.name !== '.relprogram') throw new Error(`${table.name} is not understood`)
    for (let at = 0; at < table.bytes.length; at += 16) {
      const instruction = Number(table.view.getBigUint64(at, true)) / 8
      const symbol = symbols[table.view.getUint32(at + 12, true)]!
      const kind = table.view.getUint32(at + 8, true)
      if (kind === relocation.map) (mapUses[symbol.name] ??= []).push(instruction)
      else if (kind === relocation.call) linkCall(view, instruction, symbol.value, program.bytes)
      else throw new Error(`a relocation of type ${kind} is not understood`)
    }
  }
  return {
    maps: mapsOf(named('maps'), sections, symbols),
    mapUses,
    code: Buffer.from(code).toString('base64'),
  }
}

/** A call from `program` into `.text`, which now follows it; a call counts from the next instruction. */
function linkCall(view: DataView, instruction: number, value: number, program: Uint8Array): void {
  const within = value / 8 + view.getInt32(instruction * 8 + 4, true) + 1
  view.setInt32(instruction * 8 + 4, program.length / 8 + within - instruction - 1, true)
}

function sectionsOf(file: Uint8Array<ArrayBuffer>): Section[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const table = Number(view.getBigUint64(40, true))
  const size = view.getUint16(58, true)
  const headers = Array.from({ length: view.getUint16(60, true) }, (_, i) => {
    const at = table + i * size
    const from = Number(view.getBigUint64(at + 24, true))
    const bytes = file.slice(from, from + Number(view.getBigUint64(at + 32, true)))
    return { name: view.getUint32(at, true), type: view.getUint32(at + 4, true), bytes }
  })
  const names = headers[view.getUint16(62, true)]!.bytes
  return headers.map(({ name, type, bytes }) => ({
    name: textAt(names, name),
    type,
    bytes,
    view: new DataView(bytes.buffer),
  }))
}

interface ElfSymbol {
  readonly name: string
  readonly section: number
  readonly value: number
}

function symbolsOf(sections: readonly Section[]): ElfSymbol[] {
  const { bytes, view } = sections.find(({ type }) => type === sectionType.symbols)!
  const names = sections.find(({ name }) => name === '.strtab')!.bytes
  return Array.from({ length: bytes.length / 24 }, (_, i) => ({
    name: textAt(names, view.getUint32(i * 24, true)),
    section: view.getUint16(i * 24 + 6, true),
    value: Number(view.getBigUint64(i * 24 + 8, true)),
  }))
}

function mapsOf(
  maps: Section,
  sections: readonly Section[],
  symbols: readonly ElfSymbol[],
): BpfProgram['maps'] {
  const index = sections.indexOf(maps)
  const own = symbols.filter(({ name, section }) => section === index && name !== '')
  own.sort((a, b) => a.value - b.value)
  return Object.fromEntries(
    own.map(({ name, value }) => {
      const field = (i: number): number => maps.view.getUint32(value + i * 4, true)
      const shape = {
        type: field(0),
        keyBytes: field(1),
        valueBytes: field(2),
        entries: field(3),
        flags: field(4),
      }
      return [name, shape]
    }),
  )
}

const textAt = (bytes: Uint8Array, at: number): string =>
  new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at)))

/** The TypeScript file of a program. */
export function render(name: string, folder: string, program: BpfProgram): string {
  const { code, ...rest } = program
  const lines = Buffer.from(code, 'base64')
  const parts: string[] = []
  for (let at = 0; at < lines.length; at += base64LineBytes)
    parts.push(`'${lines.subarray(at, at + base64LineBytes).toString('base64')}'`)
  const type = folder === 'src/sources' ? './bpf-program.ts' : '../../src/sources/bpf-program.ts'
  const exported = name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
  return `/** Made by scripts/build-bpf.ts from ${program.source}: do not edit. */
import type { BpfProgram } from '${type}'

export const ${exported}Program: BpfProgram = {
  ${JSON.stringify(rest).slice(1, -1)},
  code: [${parts.join(',')}].join(''),
}
`
}

if (import.meta.main) {
  for (const { folder, name } of bpfSources) {
    const program = compile(join(root, folder, `${name}.bpf.c`))
    const path = join(root, folder, `${name}-program.ts`)
    writeFileSync(path, render(name, folder, program))
    spawnSync(join(root, 'node_modules/.bin/oxfmt'), [path], { cwd: root, stdio: 'inherit' })
    console.log(`${path}: ${Buffer.from(program.code, 'base64').length / 8} instructions`)
  }
}
