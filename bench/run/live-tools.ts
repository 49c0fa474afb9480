/**
 * The programs that capture one interface in `npm run bench live`, each asked for a record per flow and
 * minute, and for how many packets its records tell of.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LiveCaptured } from './live-capture.ts'

export interface LiveTool {
  readonly name: string
  /** @param folder is empty, and its own */
  readonly command: (folder: string) => readonly string[]
  /** How it is asked to end, and to tell first what it has. */
  readonly stop: 'end of input' | 'SIGINT' | 'SIGTERM'
  /** Before it is stopped, into what it said. */
  readonly ask?: (folder: string) => string
  /** Packets that its records tell of. */
  readonly counted: (folder: string, said: string) => number
  /** Whether it says `ready`; else it is when it has a packet socket. */
  readonly saysReady: boolean
}

export const interfaceName = 'eth0'
export const exporterPort = 9995
/** Twice the flows of the largest case that all take part in. */
const roomForFlows = 120_011
const here = import.meta.dirname
const node = process.execPath

const weir = (name: string, ...args: string[]): LiveTool => ({
  name,
  command: () => [node, join(here, 'live-capture.ts'), ...args],
  stop: 'end of input',
  counted: (_, said) => {
    const { packets, dropped } = JSON.parse(said.trim().split('\n').at(-1)!) as LiveCaptured
    return packets - dropped
  },
  saysReady: true,
})

const softflowd: LiveTool = {
  name: 'softflowd',
  command: (folder) => [
    'softflowd',
    '-d',
    '-i',
    interfaceName,
    '-m',
    '2000000',
    '-t',
    'expint=60',
    '-v',
    '9',
    '-t',
    'maxlife=60',
    '-n',
    `127.0.0.1:${exporterPort}`,
    '-p',
    join(folder, 'pid'),
    '-c',
    join(folder, 'control'),
  ],
  stop: 'SIGTERM',
  ask: (folder) =>
    execFileSync('softflowctl', ['-c', join(folder, 'control'), 'statistics'], {
      encoding: 'utf8',
    }),
  counted: (_, said) => Number(/Packets processed: (\d+)/.exec(said)?.[1] ?? Number.NaN),
  saysReady: false,
}

const argus: LiveTool = {
  name: 'argus',
  command: (folder) => [
    'argus',
    '-X',
    '-i',
    interfaceName,
    '-S',
    '60',
    '-w',
    join(folder, 'argus.out'),
  ],
  stop: 'SIGINT',
  counted: (folder) => {
    const options = ['-n', '-r', join(folder, 'argus.out'), '-c', ',', '-s', 'pkts', '-', 'udp']
    const { stdout } = spawnSync('ra', options, { encoding: 'utf8', maxBuffer: 1 << 28 })
    return sumOf(stdout.split('\n'))
  },
  saysReady: false,
}

const pmacctd: LiveTool = {
  name: 'pmacctd',
  command: (folder) => {
    const settings = {
      daemonize: 'false',
      pcap_interface: interfaceName,
      plugins: 'print',
      aggregate: 'src_host, dst_host, src_port, dst_port, proto, tcpflags',
      print_refresh_time: 60,
      print_output: 'csv',
      print_output_file: join(folder, 'flows.csv'),
      print_output_file_append: 'true',
      print_cache_entries: roomForFlows,
      plugin_buffer_size: 1_024_000,
      plugin_pipe_size: 102_400_000,
    }
    const lines = Object.entries(settings).map(([key, value]) => `${key}: ${value}\n`)
    writeFileSync(join(folder, 'settings'), lines.join(''))
    return ['pmacctd', '-f', join(folder, 'settings')]
  },
  stop: 'SIGINT',
  counted: (folder) => {
    const file = join(folder, 'flows.csv')
    if (!existsSync(file)) return 0
    const lines = readFileSync(file, 'utf8').trim().split('\n')
    const column = lines[0]!.split(',').indexOf('PACKETS')
    return sumOf(lines.map((line) => line.split(',')[column]!))
  },
  saysReady: false,
}

/** Of what are numbers: a heading is not. */
const sumOf = (texts: readonly string[]): number =>
  texts.reduce((sum, text) => sum + (/^\s*\d+\s*$/.test(text) ? Number(text) : 0), 0)

/** Weir both ways, then the others that are here. */
export function liveTools(say: (line: string) => void): LiveTool[] {
  const own = [
    weir('weir, ring', 'ring', interfaceName),
    weir('weir, TCX', 'tcx', interfaceName, String(roomForFlows)),
  ]
  const others = [softflowd, argus, pmacctd].filter(({ name }) => {
    const here = spawnSync(name, ['-h']).error === undefined
    if (!here) say(`left out: ${name}: sudo scripts/install-debian.sh bench installs it`)
    return here
  })
  return [...own, ...others]
}

/** The versions of those that are not Weir, as they tell them. */
export const versions = (): string =>
  [
    ['softflowd', '-h', /softflowd version (\d[\d.]*\d)/],
    ['argus', '-h', /Argus Version (\d[\d.]*\d)/i],
    ['pmacctd', '-V', /pmacctd (\d[\d.]*\d)/],
  ]
    .map(([name, option, pattern]) => {
      const { stdout, stderr } = spawnSync(name as string, [option as string], { encoding: 'utf8' })
      return `${String(name)} ${(pattern as RegExp).exec(`${stdout}${stderr}`)?.[1] ?? 'not here'}`
    })
    .join(', ')
