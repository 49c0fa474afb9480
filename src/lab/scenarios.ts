/**
 * The traffic of the lab as data: the product page's use cases, at its rates. Rates come out exactly: so many
 * packets of so many bytes in so many seconds.
 */
import { addressesOf, machineNamed } from './network.ts'

export const scenarioNames = ['web', 'ecs', 'peering', 'nat', 'express'] as const
export type ScenarioName = (typeof scenarioNames)[number]

export const scenarioSays: Readonly<Record<ScenarioName, string>> = {
  web: 'five sources at port 80 of web1, one of them let in',
  ecs: 'ecs1 to ecs2 at 1.4 Mbit/s, to ecs3 at 700 kbit/s, inside VPC1',
  peering: 'ecs1 to far1 with a spike of 6 Mbit/s, between two regions',
  nat: 'instances to public addresses by SNAT, ecs1 to 120.26.0.1 at 12 kbit/s',
  express: 'two VPCs on the line to the site, 130 to 62 kbit/s',
}

/** Where a process speaks or listens. */
export interface End {
  readonly namespace: string
  readonly address: string
}

interface Conversation {
  readonly scenario: ScenarioName
  readonly from: End
  readonly to: End
  /** What the client knows `to` by, where that is not its address. */
  readonly publicly?: string
}

/** UDP packets at a rate. */
export interface StreamSpec extends Conversation {
  readonly kind: 'stream'
  readonly port: number
  /** IP bytes of a packet, header included. */
  readonly packetBytes: number
  readonly packetsPerSecond: number
  /** IP bytes of the answer to each packet; none when 0. */
  readonly answerBytes: number
  /** The part of the run, from 0 to 1, in which it is sent. */
  readonly during: readonly [number, number]
}

/** One echo request at a time. */
export interface EchoSpec extends Conversation {
  readonly kind: 'echo'
  readonly everySeconds: number
  readonly answered: boolean
}

/** TCP connections: a request and an answer of some bytes, or a SYN that nobody answers. */
export interface CallSpec extends Conversation {
  readonly kind: 'call'
  readonly port: number
  readonly everySeconds: number
  readonly answered: boolean
  readonly answerBytes: number
}

export type Spec = StreamSpec | EchoSpec | CallSpec

type Family = 'ipv4' | 'ipv6'
const at = (name: string, family: Family = 'ipv4'): End => ({
  namespace: name,
  address: addressesOf(machineNamed(name))[family],
})
const internet = (address: string): End => ({ namespace: 'internet', address })
const site = (address: string): End => ({ namespace: 'site', address })

type Rate = Pick<StreamSpec, 'port' | 'packetBytes' | 'packetsPerSecond'> &
  Partial<Pick<StreamSpec, 'answerBytes' | 'during'>>

const stream = (scenario: ScenarioName, from: End, to: End, rate: Rate): StreamSpec => ({
  kind: 'stream',
  scenario,
  from,
  to,
  answerBytes: 0,
  during: [0, 1],
  ...rate,
})

const echo = (
  scenario: ScenarioName,
  from: End,
  to: End,
  everySeconds: number,
  answered = true,
): EchoSpec => ({ kind: 'echo', scenario, from, to, everySeconds, answered })

interface Call {
  readonly port: number
  readonly everySeconds: number
  /** Without: nobody answers. */
  readonly answerBytes?: number
}

const call = (
  scenario: ScenarioName,
  from: End,
  to: End,
  { port, everySeconds, answerBytes }: Call,
): CallSpec => ({
  kind: 'call',
  scenario,
  from,
  to,
  port,
  everySeconds,
  answered: answerBytes !== undefined,
  answerBytes: answerBytes ?? 0,
})

/**
 * "Five source IP addresses accessed port 80 ... All requests from 120.26.XX.XX were allowed, while all requests
 * from the other public IP addresses were rejected."
 */
function web(): Spec[] {
  const web1 = at('web1')
  const publicly = machineNamed('web1').publicIp!
  const knock = (source: string, port: number, everySeconds: number): Spec => ({
    ...call('web', internet(source), web1, { port, everySeconds }),
    publicly,
  })
  return [
    {
      ...call('web', internet('120.26.0.1'), web1, {
        port: 80,
        everySeconds: 1,
        answerBytes: 8000,
      }),
      publicly,
    },
    knock('121.43.0.1', 80, 2),
    knock('154.212.0.1', 80, 5),
    ...[80, 22, 443, 3389, 8080].map((port) => knock('176.65.0.1', port, 4)),
    knock('198.235.0.1', 80, 8),
    call('web', internet('2001:db8:bad::7'), at('web1', 'ipv6'), { port: 80, everySeconds: 8 }),
    { ...echo('web', internet('198.235.0.1'), web1, 6, false), publicly },
    stream('web', web1, internet('223.5.5.5'), {
      port: 53,
      packetBytes: 70,
      packetsPerSecond: 0.2,
      answerBytes: 150,
    }),
    call('web', at('web1', 'ipv6'), internet('2001:db8:f00d::80'), {
      port: 443,
      everySeconds: 10,
      answerBytes: 20_000,
    }),
    // Rejected on the way out.
    call('web', web1, internet('223.5.5.5'), { port: 25, everySeconds: 5 }),
  ]
}

/**
 * "The traffic rate from 10.0.0.1 to 10.0.0.2 is the highest, at approximately 1.4 Mbps. The traffic rate from
 * 10.0.0.1 to 10.0.0.3 is the second highest, at approximately 700 Kbps. Other traffic accounts for a small
 * proportion."
 */
function ecs(): Spec[] {
  const [ecs1, ecs2, ecs3] = [at('ecs1'), at('ecs2'), at('ecs3')]
  const ecs1v6 = at('ecs1', 'ipv6')
  return [
    stream('ecs', ecs1, ecs2, { port: 9092, packetBytes: 1400, packetsPerSecond: 125 }),
    stream('ecs', ecs1, ecs3, { port: 873, packetBytes: 1400, packetsPerSecond: 62.5 }),
    stream('ecs', ecs3, ecs1, { port: 514, packetBytes: 100, packetsPerSecond: 0.5 }),
    stream('ecs', ecs2, ecs3, {
      port: 7946,
      packetBytes: 200,
      packetsPerSecond: 5,
      answerBytes: 80,
    }),
    stream('ecs', at('ecs2', 'ipv6'), ecs1v6, {
      port: 4789,
      packetBytes: 500,
      packetsPerSecond: 2,
    }),
    echo('ecs', ecs2, ecs1, 5),
    echo('ecs', at('ecs3', 'ipv6'), ecs1v6, 5),
    call('ecs', at('ecs2', 'ipv6'), ecs1v6, { port: 8080, everySeconds: 5, answerBytes: 310 }),
  ]
}

/** "The results show a traffic spike of approximately 6 Mbps from 10.0.0.1 to 172.16.0.1." */
function peering(): Spec[] {
  const [ecs1, ecs2, ecs3, far1, far2] = ['ecs1', 'ecs2', 'ecs3', 'far1', 'far2'].map((name) =>
    at(name),
  ) as [End, End, End, End, End]
  return [
    stream('peering', ecs1, far1, {
      port: 873,
      packetBytes: 1500,
      packetsPerSecond: 500,
      during: [1 / 6, 5 / 6],
    }),
    stream('peering', ecs1, far1, {
      port: 3306,
      packetBytes: 600,
      packetsPerSecond: 10,
      answerBytes: 100,
    }),
    stream('peering', ecs2, far2, { port: 5672, packetBytes: 775, packetsPerSecond: 5 }),
    stream('peering', at('ecs2', 'ipv6'), at('far1', 'ipv6'), {
      port: 3306,
      packetBytes: 500,
      packetsPerSecond: 2,
    }),
    echo('peering', far1, ecs1, 5),
    echo('peering', at('ecs3', 'ipv6'), at('far2', 'ipv6'), 5),
    // A port that VPC1's security group does not let in.
    call('peering', far2, ecs3, { port: 3306, everySeconds: 5 }),
  ]
}

/**
 * "On the path to the NAT gateway, the traffic from 10.0.0.1 (ECS1) to the public IP address 120.26.XX.XX is the
 * highest, at approximately 12 Kbps."
 */
function nat(): Spec[] {
  const up = (name: string, to: string, packetBytes: number, packetsPerSecond: number): Spec =>
    stream('nat', at(name), internet(to), {
      port: 443,
      packetBytes,
      packetsPerSecond,
      answerBytes: 250,
    })
  return [
    up('ecs1', '120.26.0.1', 500, 3),
    up('ecs2', '120.26.0.1', 325, 2),
    up('ecs3', '120.26.0.1', 400, 1),
    up('ecs2', '154.212.0.1', 500, 1),
    up('ecs3', '198.235.0.1', 300, 1),
    echo('nat', at('ecs3'), internet('121.43.0.1'), 5),
  ]
}

/** "The proportion of traffic from VPC1 to the on-premises data center is higher." */
function express(): Spec[] {
  const line = (from: End, to: string, port: number, bytes: number, rate: number): Spec =>
    stream('express', from, site(to), {
      port,
      packetBytes: bytes,
      packetsPerSecond: rate,
      answerBytes: 60,
    })
  const [app1v6, app2v6] = [at('app1', 'ipv6'), at('app2', 'ipv6')]
  const site6 = '2001:db8:a1::10'
  return [
    line(at('app1'), '10.1.0.10', 1521, 1250, 9),
    line(at('app1'), '10.1.0.20', 445, 1000, 5),
    line(at('app2'), '10.1.0.10', 587, 900, 6.25),
    line(at('app2'), '10.1.0.20', 6514, 425, 5),
    line(app1v6, site6, 5432, 500, 3),
    echo('express', app2v6, site(site6), 5),
    call('express', app1v6, site(site6), { port: 8443, everySeconds: 5, answerBytes: 3000 }),
  ]
}

const scenarios: Readonly<Record<ScenarioName, () => Spec[]>> = { web, ecs, peering, nat, express }

export const specsOf = (names: readonly ScenarioName[]): Spec[] =>
  scenarioNames.filter((name) => names.includes(name)).flatMap((name) => scenarios[name]())
