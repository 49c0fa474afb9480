/** An explanation as a person reads it: a block for each ENI, a line for each check. */
import type { Explanation } from '../api/contract.ts'
import { shown } from './plain-table.ts'

type AtEni = Explanation['enis'][number]
type Check = AtEni['checks'][number]
type Rule = NonNullable<Check['rule']>

const checkNames = { securityGroups: 'security groups', networkAcl: 'network ACL' } as const
const ruleNames = { securityGroups: 'rule', networkAcl: 'entry' } as const
const nameWidth = 17
const wordWidth = 8

/** @param versioned whether the topology is one of several versions, whose number and times mean something */
export function explanationText(explanation: Explanation, versioned: boolean): string {
  const { packet, notCaptured, enis, notes } = explanation
  const lines = [
    packet,
    ...(notCaptured === undefined ? [] : [`not captured: ${notCaptured}`]),
    ...enis.flatMap((each) => ['', ...linesOf(each)]),
    ...(notes.length > 0 ? ['', ...notes] : []),
    '',
    topologyLine(explanation, versioned),
  ]
  return `${lines.map(shown).join('\n')}\n`
}

function linesOf({ eni, direction, action, checks, trafficPath, notes }: AtEni): string[] {
  const { code, name, because, route } = trafficPath
  return [
    `${eni} ${direction}: ${action}`,
    ...checks.flatMap(checkLines),
    row('traffic path', String(code), `${name}: ${because}`),
    ...(route?.place === undefined ? [] : [row('', '', route.place)]),
    ...notes.map((note) => `  ${note}`),
  ]
}

function checkLines({ check, accepts, says, rule, overruled, nearest }: Check): string[] {
  return [
    row(checkNames[check], accepts ? 'accept' : 'drop', says),
    ...(rule?.place === undefined ? [] : [row('', '', rule.place)]),
    ...(overruled === undefined
      ? []
      : [row('', '', `before ${ruleNames[check]} ${ruleText(overruled)}`)]),
    ...(nearest === undefined
      ? []
      : [
          row('', '', `nearest is ${ruleNames[check]} ${ruleText(nearest)}`),
          ...nearest.missed.map((each) => row('', '', `  ${each}`)),
        ]),
  ]
}

const row = (name: string, word: string, says: string): string =>
  `  ${name.padEnd(nameWidth)}${word.padEnd(wordWidth)}${says}`

const ruleText = ({ id, entry, text, place }: Rule): string =>
  `${entry} of ${id}: ${text}${place === undefined ? '' : ` (${place})`}`

function topologyLine({ topology }: Explanation, versioned: boolean): string {
  const { file, version, since, until } = topology
  if (!versioned) return `topology ${file}`
  const end = until === undefined ? '' : ` until ${timeText(until)}`
  return `topology ${file}, version ${version}, in force from ${timeText(since)}${end}`
}

const timeText = (seconds: number): string =>
  new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
