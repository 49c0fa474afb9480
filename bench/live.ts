/**
 * What capturing a live interface costs, beside other collectors. Frames come in at one end of a veth pair
 * in namespaces of the bench's own, made by the kernel itself (see run/frame-sender.ts). Every tool looks
 * at the same frames, one tool at a time and in turns, so that a noisy minute is noisy for all of them.
 *
 * CPU is the tool's own, and what the way of a frame through the kernel takes longer because it looks on.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { noNamespaces } from '../test/network-namespaces.ts'
import { type Cost, LiveNetwork } from './run/live-network.ts'
import { type LiveTool, liveTools, versions } from './run/live-tools.ts'
import { loadAverage, machine, median, table } from './run/report.ts'

const root = join(import.meta.dirname, '..')
const folder = join(root, '.bench/live')
const usage = `npm run bench live -- [options]      as root

  --packets N        packets a run (2000000)
  --runs N           runs of each tool (3)
  --flows LIST       flows that the packets belong to (1000,60000)
  --rates LIST       packets a second (200000,900000)
  --tools LIST       only tools whose name holds one of these words
  --round-trips N    datagrams there and back, each run (20000)
  --many N           flows in one window, Weir alone, for its memory (1000000)
  --help             this`

const say = (line: string): void => void process.stderr.write(`${line}\n`)
const print = (text: string): void => void process.stdout.write(`${text}\n`)

const numbers = (list: string): number[] => list.split(',').map(Number)

async function main(options: {
  packets: number
  runs: number
  flows: number[]
  rates: number[]
  tools: readonly LiveTool[]
  roundTrips: number
  many: number
}): Promise<void> {
  const { packets, runs, flows, rates, tools, roundTrips, many } = options
  await using network = await LiveNetwork.open(folder)
  say(`load average: ${loadAverage()}`)
  for (const flowCount of flows)
    for (const rate of rates) {
      const order = { flows: flowCount, packets, rate }
      print(`### ${flowCount} flows, ${rate} packets a second asked for\n`)
      print(`${await costTable(network, tools, order, runs)}\n`)
    }
  if (roundTrips > 0) {
    print(`### Round trips of a datagram\n`)
    print(`${await roundTripTable(network, tools, roundTrips, runs)}\n`)
  }
  if (many > 0) {
    print(`### ${many} flows in a window\n`)
    print(`${await memoryTable(network, tools, many)}\n`)
  }
  print(`Medians of ${runs} runs.\n\n${machine()}\n- ${versions()}\n`)
  for (const tool of tools) print(`- ${tool.name}: \`${lineOf(tool)}\``)
}

async function costTable(
  network: LiveNetwork,
  tools: readonly LiveTool[],
  order: { flows: number; packets: number; rate: number },
  runs: number,
): Promise<string> {
  const alone: number[] = []
  const costs = new Map<LiveTool, Cost[]>(tools.map((tool) => [tool, []]))
  for (let run = 1; run <= runs; run++) {
    const nobody = await network.send(order)
    alone.push(nobody.cpuNanoseconds / order.packets)
    for (const tool of tools) {
      const cost = await network.cost(tool, order)
      costs.get(tool)!.push(cost)
      const own = ownOf(cost).toFixed(0)
      const rate = Math.round(order.packets / cost.sent.seconds)
      const lost = order.packets - cost.counted
      say(`run ${run}: ${tool.name}: ${own} ns a packet, ${rate} packets/s, ${lost} lost`)
    }
  }
  const base = median(alone)
  const weir = total(costs.get(tools[0]!)!, order.packets, base)
  const rows = tools.map((tool) => {
    const its = costs.get(tool)!
    const own = median(its.map(ownOf))
    const added = median(its.map((each) => each.sent.cpuNanoseconds / order.packets)) - base
    const lost = median(its.map((each) => order.packets - each.counted))
    const rate = median(its.map((each) => order.packets / each.sent.seconds))
    return [
      tool.name,
      (rate / 1000).toFixed(0),
      `${((100 * lost) / order.packets).toFixed(2)} %`,
      own.toFixed(0),
      added.toFixed(0),
      (own + added).toFixed(0),
      (total(its, order.packets, base) / weir).toFixed(2),
      (Math.max(...its.map(({ peakBytes }) => peakBytes)) / 1e6).toFixed(0),
    ]
  })
  const head = [
    'tool',
    'k packets/s',
    'lost',
    'own ns/packet',
    'added in the kernel',
    'together',
    `times ${tools[0]!.name}`,
    'peak MB',
  ]
  return `Without a tool a frame takes ${base.toFixed(0)} ns.\n\n${table(head, rows)}`
}

/** Nanoseconds for each packet that the tool tells of: one that it lost costs it little. */
const ownOf = ({ toolNanoseconds, counted }: Cost): number => toolNanoseconds / counted

/** Own and added nanoseconds a packet. */
const total = (costs: readonly Cost[], packets: number, base: number): number =>
  median(costs.map((each) => ownOf(each) + each.sent.cpuNanoseconds / packets)) - base

async function roundTripTable(
  network: LiveNetwork,
  tools: readonly LiveTool[],
  count: number,
  runs: number,
): Promise<string> {
  const found = new Map<LiveTool | undefined, { half: number; p99: number }[]>()
  for (let run = 1; run <= runs; run++)
    for (const tool of [undefined, ...tools]) {
      const times = await network.roundTrips(tool, count)
      const at = (share: number): number => times[Math.floor(times.length * share)]!
      found.set(tool, [...(found.get(tool) ?? []), { half: at(0.5), p99: at(0.99) }])
      say(`run ${run}: round trips, ${tool?.name ?? 'nobody'}: p99 ${at(0.99).toFixed(0)} us`)
    }
  const of = (tool: LiveTool | undefined, key: 'half' | 'p99') =>
    median(found.get(tool)!.map((each) => each[key]))
  const rows = [undefined, ...tools].map((tool) => [
    tool?.name ?? 'nobody',
    of(tool, 'half').toFixed(0),
    of(tool, 'p99').toFixed(0),
    (of(tool, 'p99') - of(undefined, 'p99')).toFixed(0),
  ])
  return table(['who looks on', 'median us', 'p99 us', 'p99 more than nobody'], rows)
}

async function memoryTable(
  network: LiveNetwork,
  tools: readonly LiveTool[],
  flows: number,
): Promise<string> {
  const rows: string[][] = []
  const order = { flows, packets: flows * 6, rate: 200_000 }
  for (const tool of tools.filter(({ name }) => name === 'weir, ring')) {
    const { peakBytes, counted } = await network.cost(tool, order)
    rows.push([tool.name, String(order.packets - counted), (peakBytes / 1e6).toFixed(0)])
  }
  return table(['tool', 'packets lost', 'peak MB'], rows)
}

const lineOf = (tool: LiveTool): string =>
  tool.command(folder).join(' ').replaceAll(folder, 'DIR').replaceAll(`${root}/`, '')

const { values } = parseArgs({
  options: {
    packets: { type: 'string', default: '2000000' },
    runs: { type: 'string', default: '3' },
    flows: { type: 'string', default: '1000,60000' },
    rates: { type: 'string', default: '200000,900000' },
    tools: { type: 'string', default: '' },
    'round-trips': { type: 'string', default: '20000' },
    many: { type: 'string', default: '1000000' },
    help: { type: 'boolean', default: false },
  },
})
// Debian keeps collectors where only root looks for programs.
process.env['PATH'] = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`
const none = noNamespaces()
if (values.help) print(usage)
else if (none !== false) {
  say(none)
  process.exitCode = 1
} else {
  const words = values.tools.split(',')
  try {
    await main({
      packets: Number(values.packets),
      runs: Number(values.runs),
      flows: numbers(values.flows),
      rates: numbers(values.rates),
      tools: liveTools(say).filter(({ name }) => words.some((word) => name.includes(word))),
      roundTrips: Number(values['round-trips']),
      many: Number(values.many),
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
