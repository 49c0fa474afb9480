import { askByUdp, ping } from './conversation.ts'
import { broadcast, multicast, resolve, solicit } from './neighbourhood.ts'
import type { Random } from './random.ts'
import {
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
 * "Assume you have deployed three ECS instances in one VPC and there is traffic between the instances."
 * "The traffic rate from 10.0.0.1 to 10.0.0.2 is the highest, at approximately 1.4 Mbps. The traffic rate
 * from 10.0.0.1 to 10.0.0.3 is the second highest, at approximately 700 Kbps. Other traffic accounts
 * for a small proportion."
 */
export const ecs: Scenario = { name: 'ecs', interfaces: ['ecs1', 'ecs2', 'ecs3'], play }

const ecs1 = machine(0, 1, '10.0.0.1', '2001:db8:20::1')
const ecs2 = machine(1, 2, '10.0.0.2', '2001:db8:20::2')
const ecs3 = machine(2, 3, '10.0.0.3', '2001:db8:20::3')
const router = { address: '10.0.0.253', mac: routerMac }
const roundTrip = 0.2 * millisecond
/** Instances of one VPC talk in jumbo frames. */
const jumbo = { packetBytesMax: 8500 }

function play(tape: Tape, random: Random): (minute: number) => void {
  const bulk = { serverPort: 9092, bursts: 120, minutes: 20 }
  const toEcs2 = new Stream(tape, random, { ...bulk, way: way(ecs1, ecs2, roundTrip, jumbo) })
  const copy = { serverPort: 873, bursts: 60, minutes: 12 }
  const toEcs3 = new Stream(tape, random, { ...copy, way: way(ecs1, ecs3, roundTrip, jumbo) })
  const shell = { serverPort: 22, bursts: 30, minutes: 30 }
  const ssh = new Stream(tape, random, { ...shell, way: way(ecs3, ecs1, roundTrip) })
  return (minute) => {
    toEcs2.minute(minute, 1_400_000 * swing(minute, 0.03, 17) * random.real(0.99, 1.01))
    toEcs3.minute(minute, 700_000 * swing(minute + 5, 0.03, 11) * random.real(0.99, 1.01))
    ssh.minute(minute, 400)
    for (const at of moments(minute, 2, random)) healthCheck(tape, random, at)
    otherTraffic(tape, random, minute)
  }
}

/** ECS2 asks ECS1 whether it is well, by IPv6. */
function healthCheck(tape: Tape, random: Random, at: number): void {
  const ports = { client: random.clientPort(), server: 8080 }
  const ipv6 = way(ecs2, ecs1, roundTrip, { family: 'ipv6' })
  const connection = new TcpConnection(tape, ipv6, random, ports)
  const asked = connection.data(true, connection.open(at), 140, 0)
  connection.close(connection.data(false, asked + 2 * millisecond, 310, 0))
}

function otherTraffic(tape: Tape, random: Random, minute: number): void {
  const at = () => moments(minute, 1, random)[0]!
  for (const asker of [ecs1, ecs2, ecs3]) {
    const ports = { client: random.clientPort(), server: 53 }
    const bytes = { question: random.whole(28, 60), answer: random.whole(60, 220) }
    askByUdp(tape, way(asker, cloudDns, millisecond), ports, at(), bytes)
    multicast(tape, asker.tap, asker.ipv4, 'out', at())
  }
  const its = { identifier: 700 + minute, count: 3, answered: true }
  ping(tape, way(ecs2, ecs1, roundTrip), at(), its)
  ping(tape, way(ecs3, ecs1, roundTrip, { family: 'ipv6' }), at(), its)
  resolve(tape, 0, ecs1.ipv4, router, at())
  solicit(tape, 0, ecs1.ipv6, ecs2.ipv6, at())
  multicast(tape, 0, ecs2.ipv6, 'in', at())
  const announcement = { destination: '10.0.0.255', port: 7423, bytes: 96 }
  const heard = [
    { tap: ecs2.tap, goes: 'out' },
    { tap: ecs1.tap, goes: 'in' },
    { tap: ecs3.tap, goes: 'in' },
  ] as const
  broadcast(tape, ecs2.ipv4, announcement, heard, at())
}
