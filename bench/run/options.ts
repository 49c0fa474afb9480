/** The command line of `npm run bench capture`. */
import { parseArgs } from 'node:util'
import { type CaptureCase, captureCases } from './cases.ts'

export interface Options {
  readonly cases: readonly CaptureCase[]
  readonly runs: number
  /** Words; a tool takes part when its name holds one of them. All do when there is none. */
  readonly tools: readonly string[]
  readonly json: string | undefined
  readonly compare: string | undefined
  /** Beside Weir the same with topologies. */
  readonly topology: boolean
  readonly profile: CaptureCase | undefined
  readonly clean: boolean
}

const caseNames = captureCases.map(({ name }) => name).join(',')

export const usage = `npm run bench capture -- [options]

  --packets N      packets of a capture (10000000)
  --runs N         runs of each tool (5)
  --cases LIST     ${caseNames} (all)
  --tools LIST     beside weir only tools whose name holds one of these words
  --json FILE      every run, for machines
  --compare REV    this checkout against another commit, without other tools unless --tools asks
  --topology       beside weir the same with topologies, without other tools unless --tools asks
  --profile CASE   where weir's time goes, by folder and by function; nothing else is measured
                   (with --topology: with the large topology)
  --clean          removes what the bench keeps in .bench/capture
  --help           this

Captures are made once, in .bench/capture (10 GB for all cases). Progress goes to standard error, the tables
to standard output.`

/** @throws Error that says what is wrong with the command line */
export function readOptions(args: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      packets: { type: 'string', default: '10000000' },
      runs: { type: 'string', default: '5' },
      cases: { type: 'string', default: caseNames },
      tools: { type: 'string', default: '' },
      json: { type: 'string' },
      compare: { type: 'string' },
      topology: { type: 'boolean', default: false },
      profile: { type: 'string' },
      clean: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  const packets = countOf('--packets', values.packets)
  const caseOf = (name: string): CaptureCase => {
    const found = captureCases.find((each) => each.name === name)
    if (found === undefined) throw new Error(`there is no case ${name}; there are ${caseNames}`)
    return { ...found, packets }
  }
  return {
    cases: wordsIn(values.cases).map(caseOf),
    runs: countOf('--runs', values.runs),
    tools: wordsIn(values.tools),
    json: values.json,
    compare: values.compare,
    topology: values.topology,
    profile: values.profile === undefined ? undefined : caseOf(values.profile),
    clean: values.clean,
  }
}

const wordsIn = (list: string): string[] => list.split(',').filter((word) => word !== '')

function countOf(option: string, text: string): number {
  const count = Number(text)
  if (Number.isSafeInteger(count) && count > 0) return count
  throw new Error(`${option} is ${text}, but it takes a whole number above 0`)
}
