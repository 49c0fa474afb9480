/** Bills, estimates and costs as tables. */
import { DateTime } from 'luxon'
import type { Bill, Estimate, Standing, TrafficCosts } from '../billing/billing.ts'
import { trafficPaths } from '../vpc/vpc.ts'
import { plainTable, shown } from './plain-table.ts'

const gigabyte = 2 ** 30
const decimals = 3

const gb = (bytes: number): string => (bytes / gigabyte).toFixed(decimals)
/** Cents of six decimals that were cut off, rounded half up, away from zero. */
const money = (text: string): string => {
  const millionths = BigInt(text.replace('.', ''))
  const size = millionths < 0n ? -millionths : millionths
  const cents = ((size + 5000n) / 10_000n).toString().padStart(3, '0')
  return `${millionths < 0n ? '-' : ''}${cents.slice(0, -2)}.${cents.slice(-2)}`
}

export async function billText(bill: Bill): Promise<string> {
  const timed = bill.rows.map((row) => ({
    ...row,
    of: /^\d{9,}$/.test(row.of) ? hourText(Number(row.of), bill.zone) : row.of,
  }))
  const hasUnpriced = bill.rows.some(({ unpricedBytes }) => unpricedBytes > 0)
  const head = ['', 'account', 'region', 'item', 'GB', 'free GB', bill.currency]
  const rows = timed.map(
    ({ of, account, region, item, bytes, freeBytes, unpricedBytes, amount, currency }) => [
      of,
      account,
      region,
      item,
      gb(bytes),
      gb(freeBytes),
      `${money(amount)}${currency === bill.currency ? '' : ` ${currency}`}${unpricedBytes > 0 ? ' *' : ''}`,
    ],
  )
  const table =
    rows.length === 0
      ? 'Nothing was used.\n'
      : await plainTable(head, rows, ['left', 'left', 'left', 'left', 'right', 'right', 'right'])
  return [
    `${bill.month}, time zone ${bill.zone}: ${bill.currency} ${money(bill.total)}, of it ${money(bill.billed)} in bills${
      bill.billedThrough === 0 ? '' : ` (hours up to ${hourText(bill.billedThrough, bill.zone)})`
    }\n`,
    ...bill.others.map(
      ({ currency, total, billed }) =>
        `By prices of before: ${currency} ${money(total)}, of it ${money(billed)} in bills\n`,
    ),
    `Prices: ${shown(bill.prices)}; log service ${bill.logService === 'byFeature' ? 'by feature' : 'by data volume'}; 1 GB is 2^30 bytes\n\n`,
    table,
    hasUnpriced ? '* no price is set for a part of it\n' : '',
    ...(bill.freeQuotas.length === 0 ? [] : ['\n', await quotaTable(bill)]),
    ...bill.accounts.map((standing) => `\n${standingLine(standing, bill.zone)}\n`),
    `\nDisk: ${gb(bill.disk.freeBytes)} GB free${
      bill.disk.daysLeft === undefined
        ? '; it does not fill, or has been watched for less than an hour'
        : `, ${days(bill.disk.daysLeft)} left at this rate`
    }\n`,
  ].join('')
}

const quotaTable = ({ freeQuotas }: Bill): Promise<string> =>
  plainTable(
    ['free quota', 'account', 'region', 'GB', 'left', 'at this rate', 'renewed in'],
    freeQuotas.map(({ item, account, region, bytes, leftBytes, daysLeft, renewedInDays }) => [
      item,
      account,
      region,
      gb(bytes),
      gb(leftBytes),
      daysLeft === undefined ? '' : days(daysLeft),
      renewedInDays === undefined ? '' : days(renewedInDays),
    ]),
    ['left', 'left', 'left', 'right', 'right', 'right', 'right'],
  )

const days = (count: number): string =>
  count >= 10 ? `${Math.floor(count)} days` : `${Math.floor(count * 10) / 10} days`

const hourText = (seconds: number, zone: string): string =>
  DateTime.fromSeconds(seconds, { zone }).toFormat('yyyy-MM-dd HH:mm')

const says: Readonly<Record<Standing['state'], string>> = {
  normal: 'nothing is owed',
  grace: 'owes, and goes on',
  suspended: 'its flow logs are stopped',
  released: 'its flow logs are deleted',
}

function standingLine(
  { account, balance, state, since, nextStepAt }: Standing,
  zone: string,
): string {
  const next = { grace: 'stopped', suspended: 'deleted', normal: '', released: '' }[state]
  return [
    `Account ${shown(account)}: balance ${money(balance)}, ${says[state]}`,
    since === undefined ? '' : ` since ${hourText(since, zone)}`,
    nextStepAt === undefined ? '' : `; ${next} at ${hourText(nextStepAt, zone)} if nothing is paid`,
  ].join('')
}

export const standingText = async (standing: Standing): Promise<string> =>
  `${standingLine(standing, 'UTC')}${standing.since === undefined ? '' : ' (UTC)'}\n`

export async function estimateText(estimate: Estimate): Promise<string> {
  const { currency, prices, seconds, options } = estimate
  const shortest = `of ${(options[0]?.windowSeconds ?? 60) / 60} min, All`
  const head = ['window', 'traffic', 'records a day', 'GB a day', `${currency} a month`, shortest]
  const rows = options.map((option) => [
    `${option.windowSeconds / 60} min`,
    option.trafficType,
    String(option.recordsPerDay),
    gb(option.bytesPerDay),
    option.amount,
    option.percent === 0 ? '' : `${option.percent > 0 ? '+' : ''}${option.percent} %`,
  ])
  const sides = ['right', 'left', 'right', 'right', 'right', 'right'] as const
  return [
    rows.length === 0 ? 'There are no records.\n' : await plainTable(head, rows, sides),
    `\nFrom ${(seconds / 3600).toFixed(1)} hours of records; a month is 30 such days; 1 GB is 2^30 bytes.\n`,
    "Generation and the log service's writing, the month's free quotas taken off; storage comes on top.\n",
    `Prices: ${shown(prices)}\n`,
  ].join('')
}

export async function trafficText({ currency, date, total, rows }: TrafficCosts): Promise<string> {
  const name = (code: number | undefined): string =>
    code === undefined
      ? '-'
      : `${code} ${trafficPaths.find((each) => each.code === code)?.name ?? ''}`
  const head = ['path', 'direction', '', 'GB', 'records', currency, 'price', 'records behind it']
  const table = await plainTable(
    head,
    rows.map((row) => [
      name(row.path),
      row.direction,
      row.of,
      gb(row.bytes),
      String(row.records),
      row.amount === undefined ? 'no price set' : money(row.amount),
      row.says ?? '',
      row.query,
    ]),
    ['left', 'left', 'left', 'right', 'right', 'right', 'left', 'left'],
  )
  return `${rows.length === 0 ? 'There is no accepted traffic.\n' : table}\nTotal: ${currency} ${money(total)}, prices of ${date}; 1 GB is 2^30 bytes\n`
}
