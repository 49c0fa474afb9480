/** Ledgers and losses as `weir check` prints them: an account of lines for each tap, then what was lost when. */
import {
  difference,
  type Ledger,
  type Loss,
  lossReasons,
  type LossReason,
  unmeasuredBytes,
} from './account.ts'

/** Losses beyond these are counted only: the newest are those that are looked for. */
const lossesShown = 100

export interface PrintedLedger {
  readonly text: string
  /** Frames that are nowhere, in a reading that is exact: something is wrong. A sentence each. */
  readonly problems: readonly string[]
}

export function printLedger(ledgers: readonly Ledger[], losses: readonly Loss[]): PrintedLedger {
  const parts = ledgers.map(accountText)
  if (losses.length > 0) parts.push(lossesText(losses))
  if (parts.length === 0) parts.push('No tap has been opened yet.\n')
  const problems = ledgers.filter(isWrong).map(problemOf)
  return { text: parts.join('\n'), problems }
}

const isWrong = (ledger: Ledger): boolean => ledger.interface.exact && difference(ledger) !== 0

function problemOf(ledger: Ledger): string {
  const off = difference(ledger)
  const where = `${ledger.eni} at ${placeOf(ledger)}`
  if (off < 0) return `${where}: ${frames(-off)} more than its interface counted`
  return `${where}: ${frames(off)} of the interface ${off === 1 ? 'is' : 'are'} in no record and no loss`
}

function accountText(ledger: Ledger): string {
  const { records, open, lost } = ledger
  const lines: [sign: string, name: string, frames: number, more?: string][] = [
    ['', 'interface', ledger.interface.frames, bytes(ledger.interface.bytes)],
    ['=', 'in records', records.frames, packetsAndBytes(records)],
    ['+', 'in open windows', open.frames, packetsAndBytes(open)],
    ['+', 'multicast', ledger.multicast],
    ['+', 'not IP', ledger.nonIp],
    ['+', 'malformed', ledger.malformed],
    ['+', 'of a family not wanted', ledger.filtered],
    ['+', 'of no ENI', ledger.unassigned],
    ['+', 'of flows beyond the limit', ledger.refused],
    ...Object.entries(lost).map(
      ([reason, each]) =>
        ['+', `lost: ${lossReasons[reason as LossReason]}`, each.frames, lostBytes(each.bytes)] as [
          string,
          string,
          number,
          string,
        ],
    ),
    ['+', 'in the ring', ledger.inRing],
  ]
  const kept = lines.filter(([sign, , count], index) => sign === '' || index === 1 || count !== 0)
  kept.push(['', 'difference', difference(ledger), differenceNote(ledger)])
  const widest = Math.max(...kept.map(([, name]) => name.length))
  const digits = Math.max(...kept.map(([, , count]) => number(count).length))
  const rows = kept.map(([sign, name, count, more = '']) =>
    `  ${sign.padEnd(1)} ${name.padEnd(widest)}  ${number(count).padStart(digits)}  ${more}`.trimEnd(),
  )
  return `${headOf(ledger)}\n${rows.join('\n')}\n`
}

/** Taps of the server's own host have no agent's name. */
const placeOf = ({ host, tap }: Pick<Ledger, 'host' | 'tap'>): string =>
  host === '' ? tap : `${host} ${tap}`

const headOf = ({ eni, host, tap, openedAt, asOf }: Ledger): string =>
  `${eni} at ${placeOf({ host, tap })}, frames from ${time(openedAt)} to ${time(asOf)}`

function differenceNote(ledger: Ledger): string {
  const notes: string[] = []
  if (!ledger.interface.exact)
    notes.push('not settled: packets passed while the counters were read')
  const unmeasured = unmeasuredBytes(ledger)
  if (unmeasured !== 0) notes.push(`${bytes(unmeasured)} of the interface were not measured`)
  return notes.join('; ')
}

function lossesText(losses: readonly Loss[]): string {
  const shown = losses.slice(-lossesShown)
  const rows = shown.map((loss) => {
    const { eni, from, to, reason } = loss
    return `  ${time(from)} to ${time(to)}  ${eni}  ${lossReasons[reason]}${sizeOf(loss)}`
  })
  const more = losses.length - shown.length
  const head = more === 0 ? 'Lost' : `Lost (and ${number(more)} times before)`
  return `${head}\n${rows.join('\n')}\n`
}

function sizeOf(loss: Loss): string {
  const known = [
    loss.frames === undefined ? '' : frames(loss.frames),
    loss.packets === undefined ? '' : counted(loss.packets, 'packet'),
    loss.bytes === undefined ? '' : bytes(loss.bytes),
    loss.factor === undefined ? '' : `factor ${loss.factor}`,
  ].filter((each) => each !== '')
  return known.length === 0 ? '' : `: ${known.join(', ')}`
}

const packetsAndBytes = (totals: { packets: number; bytes: number }): string =>
  `${counted(totals.packets, 'packet')}, ${bytes(totals.bytes)}`

const lostBytes = (count: number): string => (count === 0 ? '' : bytes(count))

const number = (count: number): string => count.toLocaleString('en-US')
const counted = (count: number, what: string): string =>
  `${number(count)} ${what}${count === 1 ? '' : 's'}`
const frames = (count: number): string => counted(count, 'frame')
const bytes = (count: number): string => counted(count, 'byte')
const time = (at: number): string => new Date(at * 1000).toISOString().replace('.000', '')
