/**
 * The programs that stand beside Weir, each with settings that ask the same work of it: one record per
 * flow for the whole 600 s, no flow ended early by a timer or for want of room.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from './measure.ts'
import type { BenchTopology } from './topology.ts'

export interface Tool {
  readonly name: string
  /** Its name and version as it tells them. */
  readonly version: string
  /** The work on a capture. What it writes goes into `folder`, which is empty. */
  readonly command: (capture: string, folder: string) => Command
  /** Finds in what it says how many packets it read. */
  readonly packetsSaid?: RegExp
  /** Its standard output is the flow log records of the whole capture. */
  readonly printsRecords?: true
}

/** A program that is not here, and why. */
export interface MissingTool {
  readonly name: string
  readonly missing: string
}

const root = join(import.meta.dirname, '../..')
const installHint = 'sudo scripts/install-debian.sh bench installs it'

/** More than any case has. */
const softflowdFlowsMax = 2_000_000
const windowSeconds = '600'

/**
 * Weir as it stands in a checkout: its records thrown away, its records written to a file, and what of
 * that is its start.
 */
export function weirTools(checkout: string, label: string, emptyCapture: string): Tool[] {
  const launcher = join(checkout, 'bin/weir')
  const version = matched(launcher, ['--version'], /.+/) ?? 'unknown'
  const line = (capture: string) => [launcher, 'replay', '--window', windowSeconds, capture]
  return [
    {
      name: label,
      version,
      command: (capture) => ({ line: line(capture) }),
      printsRecords: true,
    },
    {
      name: `${label}, empty capture`,
      version,
      command: () => ({ line: line(emptyCapture) }),
    },
    {
      name: `${label} > file`,
      version,
      command: (capture, folder) => ({
        line: line(capture),
        output: { path: join(folder, 'records.ndjson') },
      }),
    },
  ]
}

/**
 * Weir with a topology, by which every packet is one observation; and what of that is its start.
 */
export function topologyTools(topology: BenchTopology, emptyCapture: string): Tool[] {
  const launcher = join(root, 'bin/weir')
  const version = matched(launcher, ['--version'], /.+/) ?? 'unknown'
  const line = (capture: string) =>
    [launcher, 'replay', '--window', windowSeconds].concat('--topology', topology.path, capture)
  const name = `weir, ${topology.name}`
  return [
    { name, version, command: (capture) => ({ line: line(capture) }), printsRecords: true },
    {
      name: `${name}, empty capture`,
      version,
      command: () => ({ line: line(emptyCapture) }),
    },
  ]
}

/**
 * All the others.
 * @param folder where the read loop is compiled
 * @param exporterPort a UDP port on loopback that somebody listens on
 */
export function peerTools(folder: string, exporterPort: number): (Tool | MissingTool)[] {
  return [readLoop(folder), tcpdump(), nfpcapd(), softflowd(exporterPort), argus()]
}

/** libpcap handing every packet to nobody, from the C file beside this folder. */
function readLoop(folder: string): Tool | MissingTool {
  const name = 'libpcap read loop'
  const compiler = matched('cc', ['--version'], /.+/)
  if (compiler === undefined) return { name, missing: `no cc: ${installHint}` }
  if (!existsSync('/usr/include/pcap/pcap.h'))
    return { name, missing: `no libpcap headers: ${installHint}` }
  const program = join(folder, 'read-loop')
  const source = join(root, 'bench/read-loop.c')
  const built = spawnSync('cc', ['-O2', '-o', program, source, '-lpcap'], { encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`${source} does not compile:\n${built.stderr}`)
  return {
    name,
    version: [matched('tcpdump', ['--version'], /^libpcap.*/m), compiler]
      .filter((each) => each !== undefined)
      .join(', '),
    packetsSaid: /^(\d+) packets/m,
    command: (capture) => ({ line: [program, capture], output: 'said' }),
  }
}

/** Reads everything and prints nothing: no packet is at most one byte long. */
function tcpdump(): Tool | MissingTool {
  const name = "tcpdump 'less 1'"
  const version = matched('tcpdump', ['--version'], /tcpdump version (\S+)/)
  if (version === undefined) return notInstalled(name, 'tcpdump')
  return { name, version, command: (capture) => ({ line: ['tcpdump', '-r', capture, 'less 1'] }) }
}

/** Its flows last five minutes and end after one of silence unless told; it is told the window. */
function nfpcapd(): Tool | MissingTool {
  const name = 'nfpcapd'
  const version = matched(name, ['-V'], /Version: (\S+)/)
  if (version === undefined) return notInstalled(name, 'nfdump')
  const usage = spawnSync(name, ['-h'], { encoding: 'utf8' })
  const folderOption = /^-w\s+flowdir/m.test(usage.stdout + usage.stderr) ? '-w' : '-l'
  const timeouts = `${windowSeconds},${windowSeconds}`
  return {
    name,
    version,
    packetsSaid: /Total: Processed: (\d+)/,
    command: (capture, folder) => ({
      line: [name, '-r', capture, folderOption, folder, '-t', windowSeconds, '-e', timeouts],
    }),
  }
}

/** NetFlow 9, because version 5 leaves IPv6 out. `expint=0` turns its timers off. */
function softflowd(exporterPort: number): Tool | MissingTool {
  const name = 'softflowd'
  const version = matched(name, ['-h'], /softflowd version (\d[\d.]*\d)/)
  if (version === undefined) return notInstalled(name, 'softflowd')
  const room = ['-m', String(softflowdFlowsMax), '-t', 'expint=0']
  const target = ['-v', '9', '-6', '-n', `127.0.0.1:${exporterPort}`]
  return {
    name,
    version,
    packetsSaid: /Packets processed: (\d+)/,
    command: (capture, folder) => ({
      line: [name, '-d', '-r', capture, ...room, ...target].concat(
        ['-p', join(folder, 'pid')],
        ['-c', 'none'],
      ),
      output: 'said',
    }),
  }
}

/** Without its settings file, and one status record a flow for the window in place of one a minute. */
function argus(): Tool | MissingTool {
  const name = 'argus'
  const version = matched(name, ['-h'], /Argus Version (\d[\d.]*\d)/i)
  if (version === undefined) return notInstalled(name, 'argus-server')
  return {
    name,
    version,
    command: (capture, folder) => ({
      line: [name, '-X', '-S', windowSeconds, '-r', capture, '-w', join(folder, 'argus.out')],
    }),
  }
}

const notInstalled = (name: string, debianPackage: string): MissingTool => ({
  name,
  missing: `not installed (Debian package ${debianPackage}): ${installHint}`,
})

/** What matches in the words of a program (its first group, if any), or nothing when it is not here. */
function matched(program: string, args: readonly string[], what: RegExp): string | undefined {
  const run = spawnSync(program, args, { encoding: 'utf8' })
  if (run.error !== undefined) return undefined
  const match = what.exec(run.stdout + run.stderr)
  return match?.[1] ?? match?.[0]
}
