/** From the scenarios to what each process does, and back from what they report to one report. */
import type {
  Call,
  CallReport,
  CallsInMinute,
  Echo,
  GeneratorPlan,
  GeneratorReport,
  Listener,
  ListenerReport,
  SentInMinute,
  SentReport,
  Stream,
} from './generator-messages.ts'
import type { CallSpec, EchoSpec, ScenarioName, Spec, StreamSpec } from './scenarios.ts'

export interface TrafficOptions {
  readonly seconds: number
  /** Multiplies how many packets, requests and connections there are in a second. */
  readonly rateScale: number
}

/** Everything of one kind from one end to another, as its sender counted it. */
export interface FlowReport {
  readonly scenario: ScenarioName
  readonly protocol: 'udp' | 'icmp' | 'icmpv6'
  readonly srcaddr: string
  readonly srcport: number
  readonly dstaddr: string
  readonly dstport: number
  /** The receiver's own address, where the sender knows it by another. */
  readonly arrivesAt?: string
  readonly packets: number
  /** Of the IP layer, as are all bytes here. */
  readonly bytes: number
  readonly answers: number
  readonly answerBytes: number
  readonly failed: number
  readonly minutes: readonly SentInMinute[]
}

export interface ConnectionsReport {
  readonly scenario: ScenarioName
  readonly srcaddr: string
  readonly dstaddr: string
  readonly dstport: number
  readonly arrivesAt?: string
  readonly attempts: number
  readonly answered: number
  readonly minutes: readonly CallsInMinute[]
}

export interface TrafficReport {
  readonly begunAt: string
  readonly seconds: number
  readonly rateScale: number
  /** Whether everything was sent. */
  readonly complete: boolean
  readonly flows: readonly FlowReport[]
  readonly connections: readonly ConnectionsReport[]
  readonly listeners: readonly (ListenerReport & { readonly namespace: string })[]
  /** By namespace: connection attempts that waited so long that the kernel repeated the SYN. */
  readonly synsSentAgain: Readonly<Record<string, number>>
}

const firstStreamPort = 40_000
const portOf = (number: number): number => firstStreamPort + number

type MutablePlan = { -readonly [Key in keyof GeneratorPlan]: GeneratorPlan[Key][number][] }

/** By namespace without prefix: only those where something is sent or heard. */
export function planTraffic(
  specs: readonly Spec[],
  options: TrafficOptions,
): Map<string, GeneratorPlan> {
  const plans = new Map<string, MutablePlan>()
  const plan = (namespace: string): MutablePlan => {
    const found = plans.get(namespace) ?? { listeners: [], streams: [], echoes: [], calls: [] }
    plans.set(namespace, found)
    return found
  }
  specs.forEach((spec, number) => {
    const { streams, echoes, calls } = plan(spec.from.namespace)
    if (spec.kind === 'stream') streams.push(streamOf(spec, number, options))
    else if (spec.kind === 'echo') echoes.push(echoOf(spec, number, options))
    else calls.push(callOf(spec, number, options))
    const { listeners } = plan(spec.to.namespace)
    const listener = listenerOf(spec)
    if (listener !== undefined && !listeners.some((each) => sameSocket(each, listener)))
      listeners.push(listener)
  })
  return plans
}

const endsOf = ({ scenario, from, to, publicly }: Spec, number: number) => ({
  number,
  scenario,
  from: from.address,
  to: publicly ?? to.address,
})

function streamOf(spec: StreamSpec, number: number, options: TrafficOptions): Stream {
  const [begin, end] = spec.during
  const rate = spec.packetsPerSecond * options.rateScale
  return {
    ...endsOf(spec, number),
    fromPort: portOf(number),
    toPort: spec.port,
    packetBytes: spec.packetBytes,
    count: Math.max(1, Math.round(rate * options.seconds * (end - begin))),
    beginSeconds: begin * options.seconds,
    everySeconds: 1 / rate,
  }
}

const times = (everySeconds: number, { seconds, rateScale }: TrafficOptions) => ({
  count: Math.max(1, Math.round((seconds * rateScale) / everySeconds)),
  everySeconds: everySeconds / rateScale,
})

const echoOf = (spec: EchoSpec, number: number, options: TrafficOptions): Echo => ({
  ...endsOf(spec, number),
  ...times(spec.everySeconds, options),
})

const callOf = (spec: CallSpec, number: number, options: TrafficOptions): Call => ({
  ...endsOf(spec, number),
  ...times(spec.everySeconds, options),
  toPort: spec.port,
  answered: spec.answered,
})

function listenerOf(spec: Spec): Listener | undefined {
  const { address } = spec.to
  if (spec.kind === 'stream')
    return { protocol: 'udp', address, port: spec.port, answerBytes: spec.answerBytes }
  if (spec.kind === 'call' && spec.answered)
    return { protocol: 'tcp', address, port: spec.port, answerBytes: spec.answerBytes }
  return undefined
}

const sameSocket = (a: Listener, b: Listener): boolean =>
  a.protocol === b.protocol && a.address === b.address && a.port === b.port

/** @param reports by namespace without prefix */
export function reportOf(
  specs: readonly Spec[],
  options: TrafficOptions,
  begun: number,
  complete: boolean,
  reports: ReadonlyMap<string, GeneratorReport>,
): TrafficReport {
  const all = [...reports.values()]
  const sent = new Map(all.flatMap((each) => each.sent).map((each) => [each.number, each]))
  const calls = new Map(all.flatMap((each) => each.calls).map((each) => [each.number, each]))
  return {
    begunAt: new Date(begun).toISOString(),
    ...options,
    complete,
    flows: specs.flatMap((spec, number) =>
      spec.kind === 'call' ? [] : [flowReport(spec, number, sent.get(number)!)],
    ),
    connections: specs.flatMap((spec, number) =>
      spec.kind === 'call' ? [connectionsReport(spec, calls.get(number)!)] : [],
    ),
    listeners: [...reports].flatMap(([namespace, { listeners }]) =>
      listeners.map((each) => ({ namespace, ...each })),
    ),
    synsSentAgain: Object.fromEntries(
      [...reports].map(([namespace, { synsSentAgain }]) => [namespace, synsSentAgain]),
    ),
  }
}

function flowReport(
  spec: StreamSpec | EchoSpec,
  number: number,
  { minutes, failed }: SentReport,
): FlowReport {
  const sum = (key: 'packets' | 'bytes' | 'answers' | 'answerBytes'): number =>
    minutes.reduce((total, each) => total + each[key], 0)
  return {
    ...namesOf(spec, number),
    packets: sum('packets'),
    bytes: sum('bytes'),
    answers: sum('answers'),
    answerBytes: sum('answerBytes'),
    failed,
    minutes,
  }
}

function connectionsReport(spec: CallSpec, { minutes }: CallReport): ConnectionsReport {
  const { scenario, srcaddr, dstaddr, ...more } = addressesOfSpec(spec)
  const sum = (key: 'attempts' | 'answered'): number =>
    minutes.reduce((total, each) => total + each[key], 0)
  return {
    scenario,
    srcaddr,
    dstaddr,
    dstport: spec.port,
    ...more,
    attempts: sum('attempts'),
    answered: sum('answered'),
    minutes,
  }
}

const addressesOfSpec = ({ scenario, from, to, publicly }: Spec) => ({
  scenario,
  srcaddr: from.address,
  dstaddr: publicly ?? to.address,
  ...(publicly === undefined ? {} : { arrivesAt: to.address }),
})

function namesOf(spec: StreamSpec | EchoSpec, number: number) {
  const { scenario, srcaddr, dstaddr, ...more } = addressesOfSpec(spec)
  const isStream = spec.kind === 'stream'
  const icmp = srcaddr.includes(':') ? 'icmpv6' : 'icmp'
  return {
    scenario,
    protocol: isStream ? ('udp' as const) : (icmp as 'icmp' | 'icmpv6'),
    srcaddr,
    srcport: isStream ? portOf(number) : 0,
    dstaddr,
    dstport: isStream ? spec.port : 0,
    ...more,
  }
}
