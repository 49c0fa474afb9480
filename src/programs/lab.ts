/** `weir lab`: a VPC of network namespaces on this machine, with the traffic of the product page's use cases. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WeirError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import {
  atAddress,
  createArguments,
  labDown,
  labTraffic,
  labUp,
  type Panel,
  panelProject,
  panels,
  picture,
  type ScenarioName,
  scenarioNames,
  scenarioSays,
  topologyFileName,
} from '../lab/lab.ts'
import { exitStatus } from './exit-status.ts'
import { trafficText } from './lab-summary.ts'
import { writeStandardOutput } from './standard-output.ts'

export interface LabOptions {
  readonly dir: string
  readonly name?: string
}

const defaultDir = 'lab'

/** `weir lab up` @returns the exit status */
export function up({ dir, name }: LabOptions): number {
  const { namespaces, prefix } = labUp(dir, name)
  const option = dir === defaultDir ? '' : ` --dir ${dir}`
  writeStandardOutput(`${picture}
The lab is up: ${namespaces.length} network namespaces, ${prefix}*, and none leads out of the lab.

  capture it        weir start --topology ${join(dir, topologyFileName)}
  send traffic      weir lab traffic${option}
  take it away      weir lab down${option}

Flow logs and queries of the use cases: weir lab panels
A shell in an instance: ip netns exec ${prefix}ecs1 bash
`)
  return exitStatus.ok
}

/** `weir lab down` @returns the exit status */
export function down({ dir }: LabOptions): number {
  const removed = labDown(dir)
  const said =
    removed === undefined
      ? `No lab is up from ${dir}: there is nothing to remove.`
      : `The lab is down: ${removed} network namespaces are removed.`
  process.stderr.write(`${said}\n`)
  return exitStatus.ok
}

export interface TrafficCommandOptions extends LabOptions {
  readonly seconds: string
  readonly rateScale: string
  readonly report?: string
}

/** `weir lab traffic` @returns the exit status */
export async function traffic(
  words: readonly string[],
  options: TrafficCommandOptions,
): Promise<number> {
  const scenarios = words.length === 0 ? scenarioNames : words.map(scenarioNamed)
  const seconds = numberOf('--seconds', options.seconds, 1, 86_400)
  const rateScale = numberOf('--rate-scale', options.rateScale, 0.01, 20)
  const stopped = new AbortController()
  const stop = (): void => stopped.abort()
  process.once('SIGINT', stop).once('SIGTERM', stop)
  process.stderr.write(
    scenarios.map((each) => `  ${each.padEnd(9)}${scenarioSays[each]}\n`).join(''),
  )
  const stopProgress = showProgress(seconds)
  try {
    const sent = { seconds, rateScale }
    const report = await labTraffic(options.dir, scenarios, sent, stopped.signal)
    stopProgress()
    if (options.report !== undefined)
      writeFileSync(options.report, `${JSON.stringify(report, undefined, 2)}\n`)
    writeStandardOutput(trafficText(report))
  } finally {
    stopProgress()
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
  return stopped.signal.aborted ? exitStatus.interrupted : exitStatus.ok
}

function scenarioNamed(word: string): ScenarioName {
  const found = scenarioNames.find((each) => each === word)
  if (found !== undefined) return found
  const near = nearest(word, scenarioNames)
  throw new WeirError('Usage', `there is no scenario ${word}`, {
    hint: `${near === undefined ? '' : `Did you mean ${near}? `}There are: ${scenarioNames.join(', ')}`,
  })
}

function numberOf(option: string, text: string, least: number, most: number): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new WeirError('Usage', `${option} is ${text}, not a number from ${least} to ${most}`)
}

/** On a terminal, a line that counts. */
function showProgress(seconds: number): () => void {
  if (process.stderr.isTTY !== true) return () => {}
  const begun = Date.now()
  const timer = setInterval(() => {
    const passed = Math.min(seconds, Math.round((Date.now() - begun) / 1000))
    process.stderr.write(`\rsending: ${passed} of ${seconds} s, Ctrl-C stops `)
  }, 1000)
  return () => {
    clearInterval(timer)
    process.stderr.write('\r\x1b[K')
  }
}

/** The address that stands for the page's 120.26.XX.XX. */
const panelAddress = '120.26.0.1'

/** `weir lab panels`: a shell script. @returns the exit status */
export function printPanels(
  part: string | undefined,
  { server }: { readonly server?: string },
): number {
  const parts = { 'flow-logs': flowLogLines, queries: queryLines }
  const wanted = part === undefined ? Object.keys(parts) : [part]
  const at = server === undefined ? '' : ` --server ${server}`
  const lines = wanted.flatMap((name) => {
    if (name !== 'flow-logs' && name !== 'queries')
      throw new WeirError('Usage', `${name} is neither flow-logs nor queries`)
    return panels.flatMap((panel) => [`# ${panel.title}`, ...parts[name](panel, at), ''])
  })
  writeStandardOutput(lines.join('\n'))
  return exitStatus.ok
}

const flowLogLines = (panel: Panel, at: string): string[] => [
  `# "${panel.says}"`,
  ...panel.flowLogs.map((each) => `weir ${createArguments(panel, each).join(' ')}${at}`),
]

const queryLines = ({ logstore, queries }: Panel, at: string): string[] =>
  queries.flatMap((query) => [
    `weir query --project ${panelProject} --logstore ${logstore}${at} "$(cat <<'QUERY'`,
    atAddress(query, panelAddress),
    'QUERY',
    ')"',
  ])
