/** What two versions of something differ in, as a person or a machine wants it. */
import type { DifferencesAnswer, DifferencesQuery } from '../api/differences.ts'
import type { Difference } from '../base/difference.ts'
import { WeirError } from '../base/errors.ts'
import type { Format } from './flow-log-output.ts'
import { shown } from './plain-table.ts'
import { writeStandardOutput } from './standard-output.ts'

/** Throws Usage. */
export function versionsAsked(from: string | undefined, to: string | undefined): DifferencesQuery {
  for (const each of [from, to])
    if (each !== undefined && !/^[1-9]\d{0,8}$/.test(each))
      throw new WeirError('Usage', `${each} is no number of a version`)
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }
}

/** @param headOf the number of a version, and when and by whom it was made */
export function writeDifferences<Version>(
  { from, to, differences }: DifferencesAnswer<Version>,
  headOf: (version: Version) => string,
  format: Format,
): void {
  if (format === 'json')
    return writeStandardOutput(`${JSON.stringify({ from, to, differences }, null, 2)}\n`)
  if (format === 'ndjson')
    return writeStandardOutput(differences.map((each) => `${JSON.stringify(each)}\n`).join(''))
  const lines = [`--- ${headOf(from)}`, `+++ ${headOf(to)}`]
  let place: string | undefined
  for (const { path, ...values } of differences) {
    if (path.join(' ') !== place) lines.push((place = path.join(' ')))
    lines.push(...valuesOf(values))
  }
  if (differences.length === 0) lines.push('They say the same.')
  writeStandardOutput(lines.map((line) => `${shown(line)}\n`).join(''))
}

const valuesOf = ({ before, after }: Omit<Difference, 'path'>): string[] => [
  ...(before === undefined ? [] : [`- ${textOf(before)}`]),
  ...(after === undefined ? [] : [`+ ${textOf(after)}`]),
]

const textOf = (value: unknown): string =>
  typeof value === 'string' && value !== '' ? value : JSON.stringify(value)
