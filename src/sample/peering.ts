import { askByUdp, ping } from './conversation.ts'
import { multicast, resolve } from './neighbourhood.ts'
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
  type Scenario,
} from './scenario.ts'
import { Stream } from './stream.ts'
import type { Tape } from './tape.ts'
import { TcpConnection } from './tcp-connection.ts'

/**
 * "Assume you have two VPCs in different regions and each VPC contains multiple ECS instances. The two
 * VPCs are connected using a peering connection." "The results show a traffic spike of approximately
 * 6 Mbps from 10.0.0.1 to 172.16.0.1." Captured in VPC1; its fourth ENI is idle: what reaches it,
 * address resolution and multicast, makes no record.
 */
export const peering: Scenario = {
  name: 'peering',
  interfaces: ['vpc1-ecs1', 'vpc1-ecs2', 'vpc1-ecs3', 'vpc1-idle'],
  play,
}

const near1 = machine(0, 1, '10.0.0.1', '2001:db8:31::1')
const near2 = machine(1, 2, '10.0.0.2', '2001:db8:31::2')
const near3 = machine(2, 3, '10.0.0.3', '2001:db8:31::3')
const idle = machine(3, 4, '10.0.0.4', '2001:db8:31::4')
const far1 = beyond('172.16.0.1', '2001:db8:32::1')
const far2 = beyond('172.16.0.2', '2001:db8:32::2')
const router = { address: '10.0.0.253', mac: routerMac }
/** Hangzhou to Shanghai and back. */
const roundTrip = 8 * millisecond

/**
 * The spike, in bit/s by minute of the hour. It comes early, so that it is among "the first 100 results"
 * that the page's query displays: six pairs a minute.
 */
const spike = new Map([
  [8, 1_200_000],
  [9, 6_000_000],
  [10, 6_100_000],
  [11, 5_900_000],
  [12, 1_300_000],
])

function play(tape: Tape, random: Random): (minute: number) => void {
  const replica = { serverPort: 3306, minutes: 15 }
  const first = new Stream(tape, random, {
    ...replica,
    bursts: 12,
    way: way(near1, far1, roundTrip),
  })
  const backup = { serverPort: 873, bursts: 120, minutes: 1, way: way(near1, far1, roundTrip) }
  const surge = new Stream(tape, random, backup)
  const queue = { serverPort: 5672, bursts: 12, minutes: 20, way: way(near2, far2, roundTrip) }
  const second = new Stream(tape, random, queue)
  const third = new Stream(tape, random, {
    ...replica,
    bursts: 6,
    way: way(near3, far2, roundTrip),
  })
  const ipv6 = way(near2, far1, roundTrip, { family: 'ipv6' })
  const sixth = new Stream(tape, random, { ...replica, bursts: 6, way: ipv6 })
  return (minute) => {
    first.minute(minute, 48_000 * swing(minute, 0.2, 23))
    second.minute(minute, 31_000 * swing(minute, 0.3, 13))
    third.minute(minute, 16_000 * swing(minute + 4, 0.2, 9))
    sixth.minute(minute, 8_000)
    const bitsPerSecond = spike.get(minute)
    if (bitsPerSecond !== undefined) surge.minute(minute, bitsPerSecond)
    otherTraffic(tape, random, minute)
  }
}

function otherTraffic(tape: Tape, random: Random, minute: number): void {
  const at = () => moments(minute, 1, random)[0]!
  for (const asker of [near1, near2, near3]) {
    const ports = { client: random.clientPort(), server: 53 }
    const bytes = { question: random.whole(28, 60), answer: random.whole(60, 220) }
    askByUdp(tape, way(asker, cloudDns, millisecond), ports, at(), bytes)
    resolve(tape, asker.tap, asker.ipv4, router, at())
  }
  const its = { identifier: 300 + minute, count: 2, answered: true }
  ping(tape, way(near1, far1, roundTrip), at(), its)
  ping(tape, way(near3, far2, roundTrip, { family: 'ipv6' }), at(), its)
  if (minute % 10 === 5) {
    // A database port that VPC1's security group does not let in.
    const ports = { client: random.clientPort(), server: 3306 }
    new TcpConnection(tape, way(far2, near3, roundTrip), random, ports).knock(at())
  }
  resolve(tape, idle.tap, idle.ipv4, router, at())
  multicast(tape, idle.tap, near2.ipv4, 'in', at())
  multicast(tape, idle.tap, near2.ipv6, 'in', at())
}
