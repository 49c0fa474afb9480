/** Times on a command line: Unix seconds, ISO 8601, or a span back from now. */
import { DateTime, IANAZone } from 'luxon'
import { WeirError } from '../base/errors.ts'

const spans: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/**
 * @param text `1700000000`, `2026-11-22T10:00`, `2026-11-22 10:00:00+08:00`, `now`, `-15m`, `-7d`
 * @param zone the time zone of a date that names none
 * @returns Unix seconds
 * @throws WeirError Usage
 */
export function timeArgument(option: string, text: string, zone: string, now: number): number {
  if (/^\d{1,11}$/.test(text)) return Number(text)
  if (text === 'now') return Math.floor(now)
  const span = /^-(\d{1,6})([smhdw])$/.exec(text)
  if (span !== null) return Math.floor(now) - Number(span[1]) * spans[span[2]!]!
  if (!IANAZone.isValidZone(zone))
    throw new WeirError('Usage', `--zone is ${JSON.stringify(zone)}, which is no time zone`, {
      hint: 'Such as UTC or Asia/Shanghai',
    })
  const date = DateTime.fromISO(text.trim().replace(' ', 'T'), { zone })
  if (date.isValid) return Math.floor(date.toSeconds())
  throw new WeirError('Usage', `${option} is ${JSON.stringify(text)}, which is no time`, {
    hint: 'Write Unix seconds, 2026-11-22T10:00, now, or a span back such as -15m, -6h, -7d',
  })
}
