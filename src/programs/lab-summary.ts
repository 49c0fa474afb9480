/** What the generators of the lab say they sent, as a table for a terminal. */
import type { ConnectionsReport, FlowReport, TrafficReport } from '../lab/lab.ts'

/** One line for each conversation, then what is to be known of all. */
export function trafficText(report: TrafficReport): string {
  const { flows, connections, seconds, begunAt, complete } = report
  const scenarios = new Set([...flows, ...connections].map(({ scenario }) => scenario))
  const rows = [
    ['', 'from', 'to', '', 'sent', 'bytes', 'answers'],
    ...[...scenarios].flatMap((scenario) => [
      ...flows.filter((each) => each.scenario === scenario).map(flowRow),
      ...connections.filter((each) => each.scenario === scenario).map(connectionsRow),
    ]),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const lines = rows.map((row) =>
    row
      .map((cell, i) => (i < firstNumber ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  )
  const over = `Begun at ${begunAt}, ${seconds} s${complete ? '' : ', cut short'}.`
  return `${lines.join('\n')}\n\n${arrived(report)}\n${over}\n`
}

/** Columns from here on are numbers. */
const firstNumber = 4

const count = (value: number): string => value.toLocaleString('en-US')

const place = (address: string, port: number): string =>
  port === 0 ? address : `${address.includes(':') ? `[${address}]` : address}:${port}`

const flowRow = (flow: FlowReport): string[] => [
  flow.scenario,
  place(flow.srcaddr, flow.srcport),
  place(flow.dstaddr, flow.dstport),
  flow.protocol,
  `${count(flow.packets)} packets`,
  count(flow.bytes),
  count(flow.answers),
]

const connectionsRow = (each: ConnectionsReport): string[] => [
  each.scenario,
  each.srcaddr,
  place(each.dstaddr, each.dstport),
  'tcp',
  `${count(each.attempts)} tries`,
  '',
  count(each.answered),
]

function arrived({ flows, listeners }: TrafficReport): string {
  const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0)
  const sent = sum(flows.filter(({ protocol }) => protocol === 'udp').map(({ packets }) => packets))
  const heard = sum(
    listeners.filter(({ protocol }) => protocol === 'udp').map((each) => each.received),
  )
  const failed = sum(flows.map((each) => each.failed))
  const lost = sent - heard
  const said = [
    lost === 0
      ? `All ${count(sent)} UDP packets arrived.`
      : `${count(lost)} of ${count(sent)} UDP packets did not arrive.`,
    ...(failed === 0
      ? []
      : [`${count(failed)} were not taken by the kernel and count as not sent.`]),
  ]
  return said.join(' ')
}
