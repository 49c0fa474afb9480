/**
 * CPU seconds and memory of `weir replay` on large captures, beside other collectors.
 *
 * Every case is a capture of 10 million packets that the bench makes itself. The tools run one at a
 * time, one after another within a round, so that a noisy machine is noisy for all of them. Before the
 * runs Weir's records are added up: packets, bytes and flows must be those that were made. That also
 * brings the capture into memory and compiled code into its cache. What the figures of a known machine
 * are, and what was to be reached: docs/performance.md.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createReadStream, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PcapWriter } from '../src/packet/packet.ts'
import type { CaptureCase } from './run/cases.ts'
import { type Capture, makeCaptures } from './run/make-captures.ts'
import { measure, type Usage, whatMeasuringLacks } from './run/measure.ts'
import { type Options, readOptions, usage } from './run/options.ts'
import { profileWeir } from './run/profile.ts'
import {
  caseTable,
  cpuSeconds,
  loadAverage,
  machine,
  type Measured,
  profileTable,
  targetsOf,
  topologyCost,
  toolList,
} from './run/report.ts'
import { disagreement, sumRecords } from './run/sum-records.ts'
import { type MissingTool, peerTools, type Tool, topologyTools, weirTools } from './run/tools.ts'
import { benchTopologies } from './run/topology.ts'
import { checkOut } from './run/worktree.ts'

const root = join(import.meta.dirname, '..')
const kept = join(root, '.bench/capture')
const written = join(kept, 'written')

// Debian keeps collectors where only root looks for programs.
process.env['PATH'] = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`

const say = (line: string): void => void process.stderr.write(`${line}\n`)
const print = (text: string): void => void process.stdout.write(`${text}\n`)

interface CaseResult {
  readonly its: CaptureCase
  readonly measured: readonly Measured[]
}

async function main(options: Options, signal: AbortSignal): Promise<void> {
  if (options.clean) return rmSync(kept, { recursive: true, force: true })
  mkdirSync(kept, { recursive: true })
  const cases = options.profile === undefined ? options.cases : [options.profile]
  const captures = await makeCaptures(join(kept, 'captures'), cases, say, signal)
  if (options.profile !== undefined) {
    const { path } = captures.get(options.profile)!
    say('reading the capture once: a profile tells of wall time, and a disk would be in it')
    await readThrough(path, signal)
    const topology = options.topology
      ? ['--topology', benchTopologies(kept, options.profile)[0]!.path]
      : []
    const args = ['replay', '--window', '600', ...topology, path]
    print(profileTable(await profileWeir(args, join(kept, 'profile'), signal)))
    return
  }
  const lacks = whatMeasuringLacks()
  if (lacks !== undefined) throw new Error(`measuring needs ${lacks}`)
  using other = options.compare === undefined ? undefined : checkOut(options.compare, say)
  const exporter = createSocket('udp4').bind(0, '127.0.0.1')
  await once(exporter, 'listening')
  try {
    const emptyCapture = join(kept, 'captures/empty.pcap')
    writeFileSync(emptyCapture, new PcapWriter({ linkType: 1 }).finish()[0]!)
    const own = weirTools(root, 'weir', emptyCapture)
    const before =
      other === undefined ? [] : weirTools(other.path, `weir of ${other.commit}`, emptyCapture)
    const peers =
      (other !== undefined || options.topology) && options.tools.length === 0
        ? []
        : peerTools(kept, exporter.address().port).filter((tool) => isChosen(tool, options.tools))
    const present = presentOf(peers)
    const toolsOf = (its: CaptureCase): Tool[] => {
      const topologies = options.topology ? benchTopologies(kept, its) : []
      const withTopology = topologies.flatMap((each) => topologyTools(each, emptyCapture))
      return [...own, ...withTopology, ...before, ...present]
    }
    await measureCases(captures, toolsOf, options, signal)
  } finally {
    exporter.close()
    rmSync(written, { recursive: true, force: true })
  }
}

const isChosen = ({ name }: Tool | MissingTool, words: readonly string[]): boolean =>
  words.length === 0 || words.some((word) => name.includes(word))

function presentOf(tools: readonly (Tool | MissingTool)[]): Tool[] {
  for (const tool of tools) if ('missing' in tool) say(`left out: ${tool.name}: ${tool.missing}`)
  return tools.filter((tool): tool is Tool => !('missing' in tool))
}

async function measureCases(
  captures: ReadonlyMap<CaptureCase, Capture>,
  toolsOf: (its: CaptureCase) => readonly Tool[],
  options: Options,
  signal: AbortSignal,
): Promise<void> {
  const results: CaseResult[] = []
  say(`load average: ${loadAverage()}`)
  for (const [its, capture] of captures) {
    const tools = toolsOf(its)
    print(`### ${its.name}: ${its.packets} packets, ${capture.totals.flows} flows\n`)
    await checkRecords(capture, tools, signal)
    const measured = await measureCase(its, capture, tools, options.runs, signal)
    results.push({ its, measured })
    print(`\n${caseTable(measured)}\n`)
    if (options.topology)
      for (const { name } of benchTopologies(kept, its)) print(topologyCost(measured, name))
    if (options.compare === undefined)
      for (const { says, reached } of targetsOf(its.flows, measured[0]!, measured))
        print(`- ${reached ? 'reached' : 'not reached'}: ${says}`)
    print('')
    if (options.json !== undefined) writeJson(options.json, results)
  }
  print(`Median and least of ${options.runs} runs.\n\n${machine()}\n`)
  print(toolList(results.flatMap(({ measured }) => measured)))
}

/** Round by round, each tool once a round. */
async function measureCase(
  its: CaptureCase,
  capture: Capture,
  tools: readonly Tool[],
  runs: number,
  signal: AbortSignal,
): Promise<Measured[]> {
  const usages = new Map<Tool, Usage[]>(tools.map((tool) => [tool, []]))
  for (let round = 1; round <= runs; round++) {
    for (const tool of tools) {
      const used = await measure(tool.command(capture.path, written), written, signal)
      usages.get(tool)!.push(used)
      const seconds = cpuSeconds(used).toFixed(2)
      const peak = (used.peakBytes / 1e6).toFixed(0)
      say(`${its.name}, run ${round} of ${runs}: ${tool.name}: ${seconds} CPU s, ${peak} MB`)
      if (round === 1) checkPackets(tool, used, its.packets)
    }
  }
  return tools.map((tool) => ({
    name: tool.name,
    version: tool.version,
    commandLine: lineOf(tool),
    runs: usages.get(tool)!,
  }))
}

/** A tool that leaves packets out has less to do. */
function checkPackets(tool: Tool, { said }: Usage, packets: number): void {
  if (tool.packetsSaid === undefined) return
  const counted = tool.packetsSaid.exec(said)?.[1]
  if (Number(counted) !== packets)
    print(`${tool.name} says that it read ${counted ?? 'nothing'} of ${packets} packets`)
}

function lineOf(tool: Tool): string {
  const { line, output } = tool.command('FILE', 'DIR')
  const words = line.map((word) => (word.includes(' ') ? `'${word}'` : word)).join(' ')
  const target = typeof output === 'object' ? ` > ${output.path}` : ''
  return (words + target).replaceAll(`${root}/`, '')
}

async function readThrough(path: string, signal: AbortSignal): Promise<void> {
  const stream = createReadStream(path, { highWaterMark: 1 << 20, signal })
  stream.resume()
  await once(stream, 'close', { signal })
}

/** Each Weir of `tools` once: what it prints is what was made. */
async function checkRecords(
  capture: Capture,
  tools: readonly Tool[],
  signal: AbortSignal,
): Promise<void> {
  for (const { name, command, printsRecords } of tools) {
    if (printsRecords !== true) continue
    const { line } = command(capture.path, written)
    const wrong = disagreement(capture.totals, await sumRecords(line, signal))
    if (wrong !== undefined) process.exitCode = 1
    const { packets, bytes, flows } = capture.totals
    const right = `records agree: ${packets} packets, ${bytes} bytes, ${flows} records`
    print(`- ${name}: ${wrong === undefined ? right : `records do not agree: ${wrong}`}`)
  }
}

function writeJson(path: string, results: readonly CaseResult[]): void {
  const cases = results.map(({ its, measured }) => ({
    ...its,
    tools: measured.map((each) => ({
      ...each,
      runs: each.runs.map(({ said: _, ...numbers }) => numbers),
    })),
  }))
  const from = { date: new Date().toISOString(), node: process.version, machine: machine() }
  writeFileSync(path, `${JSON.stringify({ ...from, cases }, null, 2)}\n`)
}

const stopped = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort())
try {
  const options = readOptions(process.argv.slice(2))
  if (options === 'help') print(usage)
  else await main(options, stopped.signal)
} catch (error) {
  say(stopped.signal.aborted ? 'stopped' : String(error))
  process.exitCode = 1
}
