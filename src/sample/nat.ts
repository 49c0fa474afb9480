import { askByUdp, ping, type Way } from './conversation.ts'
import { resolve, solicit } from './neighbourhood.ts'
import type { Random } from './random.ts'
import {
  beyond,
  cloudDns,
  machine,
  millisecond,
  moments,
  routerMac,
  swing,
  way,
  type Machine,
  type Scenario,
} from './scenario.ts'
import { Stream } from './stream.ts'
import type { Tape } from './tape.ts'

/**
 * "Assume you have multiple ECS instances in a region. All instances are deployed in the same vSwitch and
 * access the internet using SNAT on an Internet NAT Gateway." "The traffic from 10.0.0.1 (ECS1) to the
 * public IP address 120.26.XX.XX is the highest, at approximately 12 Kbps." The tap at the gateway sees
 * every packet twice: with the instance's address on the inner leg, with the gateway's on the outer.
 */
export const nat: Scenario = {
  name: 'nat',
  interfaces: ['ngw1', 'nat-ecs1', 'nat-ecs2', 'nat-ecs3', 'nat-ecs4'],
  play,
}

const gateway = machine(0, 10, '10.0.1.10', '2001:db8:40:1::10')
const instances = [1, 2, 3, 4].map((n) => machine(n, n, `10.0.0.${n}`, `2001:db8:40::${n}`))
const [ecs1, ecs2, ecs3, ecs4] = instances as [Machine, Machine, Machine, Machine]
const insideRouter = { address: '10.0.0.253', mac: routerMac }
const gatewayRouter = { address: '10.0.1.253', mac: routerMac }
const roundTrip = 30 * millisecond
/** Where on the way the gateway stands: a packet leaves it 0.03 ms after it came. */
const innerLeg = 0.01
const outerLeg = 0.012

/** Who sends how much where, in bit/s; `family` is that of the inner leg. */
const uploads = [
  { from: ecs1, to: '120.26.0.1', bitsPerSecond: 12_000, family: 'ipv4' },
  { from: ecs2, to: '120.26.0.1', bitsPerSecond: 5_200, family: 'ipv4' },
  { from: ecs3, to: '120.26.0.1', bitsPerSecond: 3_100, family: 'ipv4' },
  { from: ecs4, to: '120.26.0.1', bitsPerSecond: 1_900, family: 'ipv4' },
  { from: ecs2, to: '154.212.0.1', bitsPerSecond: 4_000, family: 'ipv4' },
  { from: ecs3, to: '198.235.0.1', bitsPerSecond: 2_400, family: 'ipv4' },
  { from: ecs4, to: '120.26.0.1', bitsPerSecond: 1_500, family: 'ipv6' },
] as const

/** Answers, which come back through the gateway: "out, and dstaddr is the private IP address". */
const downloads = [
  { by: ecs1, from: '120.26.0.1', bitsPerSecond: 6_000 },
  { by: ecs4, from: '121.43.0.1', bitsPerSecond: 9_000 },
] as const

function play(tape: Tape, random: Random): (minute: number) => void {
  // Ports the gateway gives out, one a connection, never one twice.
  let natPort = 1024
  const through = (client: Machine, address: string, family: 'ipv4' | 'ipv6' = 'ipv4') =>
    translated(client, address, family, natPort++)
  const https = { serverPort: 443, minutes: 60 }
  const up = uploads.map((its) => ({
    ...its,
    stream: new Stream(tape, random, {
      ...https,
      bursts: 6,
      way: through(its.from, its.to, its.family),
    }),
  }))
  const down = downloads.map((its) => ({
    ...its,
    stream: new Stream(tape, random, {
      ...https,
      bursts: 4,
      byServer: true,
      way: through(its.by, its.from),
    }),
  }))
  return (minute) => {
    up.forEach(({ stream, bitsPerSecond }, i) =>
      stream.minute(minute, bitsPerSecond * swing(minute + 3 * i, 0.03, 19)),
    )
    down.forEach(({ stream, bitsPerSecond }) =>
      stream.minute(minute, bitsPerSecond * swing(minute, 0.1, 14)),
    )
    otherTraffic(tape, random, minute, through)
  }
}

function otherTraffic(
  tape: Tape,
  random: Random,
  minute: number,
  through: (client: Machine, address: string) => Way,
): void {
  const at = () => moments(minute, 1, random)[0]!
  for (const asker of instances) {
    const bytes = { question: random.whole(28, 60), answer: random.whole(60, 220) }
    const ports = { client: random.clientPort(), server: 53 }
    askByUdp(tape, way(asker, cloudDns, millisecond), ports, at(), bytes)
    askByUdp(tape, through(asker, '223.5.5.5'), ports, at(), bytes)
    resolve(tape, asker.tap, asker.ipv4, insideRouter, at())
  }
  const its = { identifier: 40 + minute, count: 1, answered: true }
  ping(tape, through(ecs3, '121.43.0.1'), at(), its)
  ping(tape, way(ecs1, gateway, millisecond, { family: 'ipv6' }), at(), its)
  resolve(tape, gateway.tap, gateway.ipv4, gatewayRouter, at())
  solicit(tape, ecs1.tap, ecs1.ipv6, ecs2.ipv6, at())
}

/**
 * The way of a connection through the gateway. An IPv6 client reaches an IPv4 host by its address
 * behind 64:ff9b::/96 (NAT64, RFC 6146).
 */
function translated(
  client: Machine,
  address: string,
  family: 'ipv4' | 'ipv6',
  natPort: number,
): Way {
  const outside = beyond(address, `64:ff9b::${address}`)
  const inner = { client: client[family], server: outside[family] }
  const outer = { client: gateway.ipv4, server: outside.ipv4, clientPort: natPort }
  return {
    roundTripNanoseconds: roundTrip,
    sightings: [
      { tap: client.tap, position: 0, clientGoes: 'out', ...inner },
      { tap: gateway.tap, position: innerLeg, clientGoes: 'in', ...inner },
      { tap: gateway.tap, position: outerLeg, clientGoes: 'out', ...outer },
    ],
  }
}
