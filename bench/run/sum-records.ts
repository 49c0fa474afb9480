/** Adds up the records of a replay, so that what was measured is also known to be right. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { FlowRecordField } from '../../src/record/fields.ts'
import type { CaptureTotals } from './capture-writer.ts'

/**
 * Runs a replay and adds up what it prints: packets, bytes, and records as flows.
 * @param line a command that prints records, one JSON object a line
 * @throws Error when it does not end with status 0, or a record is not OK
 */
export async function sumRecords(
  line: readonly string[],
  signal: AbortSignal,
): Promise<CaptureTotals> {
  const [program, ...args] = line
  const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'inherit'], signal })
  const ended = new Promise<string>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, killedBy) => resolve(String(code ?? killedBy)))
  })
  let [packets, bytes, flows] = [0, 0, 0]
  for await (const text of createInterface({ input: child.stdout })) {
    const record: Record<FlowRecordField, string> = JSON.parse(text)
    if (record['log-status'] !== 'OK') throw new Error(`a record is not OK: ${text}`)
    packets += Number(record.packets)
    bytes += Number(record.bytes)
    flows++
  }
  const status = await ended
  if (status !== '0') throw new Error(`${line.join(' ')}: status ${status}`)
  return { packets, bytes, flows }
}

/** What differs, in a sentence, or nothing. */
export function disagreement(made: CaptureTotals, records: CaptureTotals): string | undefined {
  const names = ['packets', 'bytes', 'flows'] as const
  const wrong = names
    .filter((name) => made[name] !== records[name])
    .map((name) => `${records[name]} ${name} where ${made[name]} were made`)
  return wrong.length === 0 ? undefined : wrong.join(', ')
}
