/** What a bench prints: Markdown tables, what they were measured on, and whether targets were reached. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import type { Usage } from './measure.ts'
import type { Share, TimeShares } from './profile.ts'

/** All runs of one tool on one capture. */
export interface Measured {
  readonly name: string
  readonly version: string
  /** Its command line, with FILE and DIR in place of paths. */
  readonly commandLine: string
  readonly runs: readonly Usage[]
}

const root = join(import.meta.dirname, '../..')
const functionsShown = 25

export const cpuSeconds = (usage: Usage): number => usage.userSeconds + usage.systemSeconds

/** The middle of a list of numbers; of an even list, the mean of the two in the middle. */
export function median(numbers: readonly number[]): number {
  const inOrder = numbers.toSorted((a, b) => a - b)
  const half = inOrder.length >> 1
  const upper = inOrder[half]!
  return inOrder.length % 2 === 1 ? upper : (inOrder[half - 1]! + upper) / 2
}

/** What a share of the numbers, 0 to 1, is at most. */
export function percentile(numbers: readonly number[], share: number): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length * share)] ?? 0
}

export function cpuOf({ runs }: Measured): { median: number; least: number } {
  const seconds = runs.map(cpuSeconds)
  return { median: median(seconds), least: Math.min(...seconds) }
}

export const peakMegabytes = ({ runs }: Measured): number =>
  Math.max(...runs.map(({ peakBytes }) => peakBytes)) / 1e6

/** A row for each tool; the first is what the others are compared with. */
export function caseTable(measured: readonly Measured[]): string {
  const base = cpuOf(measured[0]!)
  const rows = measured.map((each) => {
    const cpu = cpuOf(each)
    return [
      each.name,
      `${cpu.median.toFixed(2)} (${cpu.least.toFixed(2)})`,
      `${(cpu.median / base.median).toFixed(2)} (${(cpu.least / base.least).toFixed(2)})`,
      peakMegabytes(each).toFixed(0),
    ]
  })
  return table(['tool', 'CPU s, median (least)', `times ${measured[0]!.name}`, 'peak MB'], rows)
}

export function profileTable(shares: TimeShares): string {
  const total = shares.folders.reduce((sum, { seconds }) => sum + seconds, 0)
  const rows = (list: readonly Share[]): string[][] =>
    list.map(({ name, seconds }) => [
      name,
      seconds.toFixed(2),
      `${((100 * seconds) / total).toFixed(1)} %`,
    ])
  return [
    table(['folder', 'seconds', 'share'], rows(shares.folders)),
    table(['function', 'seconds', 'share'], rows(shares.functions.slice(0, functionsShown))),
  ].join('\n\n')
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'))
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/**
 * What assigning by a topology adds to the work on packets, without what is each one's start. A target:
 * look-ups add at most 20 % at a million flows.
 */
export function topologyCost(measured: readonly Measured[], topologyName: string): string {
  const cpu = (name: string) => cpuOf(measured.find((each) => each.name === name)!)
  const tool = `weir, ${topologyName}`
  const [plain, plainStart] = [cpu('weir'), cpu('weir, empty capture')]
  const [assigned, start] = [cpu(tool), cpu(`${tool}, empty capture`)]
  const ratio = (of: 'median' | 'least'): string =>
    ((assigned[of] - start[of]) / (plain[of] - plainStart[of])).toFixed(2)
  return `- ${tool}: ${ratio('median')} (${ratio('least')}) times the CPU of weir, both without their start`
}

/** The machine and the moment, as a list. */
export function machine(): string {
  const processors = cpus()
  const git = spawnSync('git', ['-C', root, 'describe', '--always', '--dirty'], {
    encoding: 'utf8',
  })
  const commit = git.status === 0 ? git.stdout.trim() : 'unknown'
  return [
    `- date: ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC, commit ${commit}`,
    `- CPU: ${processors[0]?.model ?? 'unknown'}, ${processors.length} cores`,
    `- memory: ${(totalmem() / 1e9).toFixed(0)} GB`,
    `- kernel: ${type()} ${release()}`,
    `- Node: ${process.version}`,
    `- load average at the end: ${loadAverage()}`,
  ].join('\n')
}

/** Of the last 1, 5 and 15 minutes. One comes from the bench itself. */
export const loadAverage = (): string =>
  readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ')

/** Each tool once: its version and its command line. */
export function toolList(measured: readonly Measured[]): string {
  const lines = measured.map((each) => `- ${each.name}: ${each.version}: \`${each.commandLine}\``)
  return [...new Set(lines)].join('\n')
}

/** One thing that was to be reached, and what was. */
interface Target {
  readonly says: string
  readonly reached: boolean
}

/** The targets that this case has, of those whose tools were measured. */
export function targetsOf(
  flows: number,
  weir: Measured,
  peers: readonly Measured[],
): readonly Target[] {
  const targets: Target[] = []
  const own = cpuOf(weir).median
  const peer = (name: string): number | undefined => {
    const found = peers.find((each) => each.name === name)
    return found === undefined ? undefined : cpuOf(found).median / own
  }
  const nfpcapd = peer('nfpcapd')
  const readLoop = peer('libpcap read loop')
  const many = flows >= 1_000_000
  if (many && nfpcapd !== undefined)
    targets.push({
      says: `nfpcapd takes ${nfpcapd.toFixed(1)} times weir's CPU; wanted: 8`,
      reached: nfpcapd >= 8,
    })
  if (!many && readLoop !== undefined)
    targets.push({
      says: `weir takes ${(1 / readLoop).toFixed(2)} times the read loop's CPU; wanted: at most 1`,
      reached: readLoop >= 1,
    })
  if (many)
    targets.push({
      says: `weir takes ${peakMegabytes(weir).toFixed(0)} MB; wanted: under 400`,
      reached: peakMegabytes(weir) < 400,
    })
  return targets
}
