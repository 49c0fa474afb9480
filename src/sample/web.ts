import { askByUdp, ping } from './conversation.ts'
import { broadcast, multicast, resolve, solicit } from './neighbourhood.ts'
import type { Random } from './random.ts'
import {
  beyond,
  cloudDns,
  cloudTime,
  machine,
  millisecond,
  moments,
  routerMac,
  second,
  way,
  type Machine,
  type Scenario,
} from './scenario.ts'
import type { Tape } from './tape.ts'
import { TcpConnection } from './tcp-connection.ts'

/**
 * "Assume you have a web server that listens on port 80 and is accessible from the internet. Access to
 * the server is restricted by a security group based on source IP addresses." One source is let in;
 * four others knock and are never answered.
 */
export const web: Scenario = { name: 'web', interfaces: ['web1'], play }

const server = machine(0, 1, '10.0.0.1', '2001:db8:10::1')
const router = { address: '10.0.0.253', mac: routerMac }
const routerIpv6 = { address: 'fe80::1', mac: routerMac }
const letIn = beyond('120.26.0.1')
const strangerIpv6 = beyond('0.0.0.0', '2001:db8:bad::7')
const mirror = beyond('0.0.0.0', '2001:db8:f00d::80')
const roundTrip = 28 * millisecond

/** Who is refused, and how many minutes lie between two tries at each of the ports. */
const refused = [
  { from: beyond('121.43.0.1'), ports: [80], every: 1 },
  { from: beyond('154.212.0.1'), ports: [80], every: 3 },
  { from: beyond('176.65.0.1'), ports: [80, 22, 443, 3389, 8080], every: 2 },
  { from: beyond('198.235.0.1'), ports: [80], every: 5 },
]

function play(tape: Tape, random: Random): (minute: number) => void {
  return (minute) => {
    for (const at of moments(minute, 30, random)) request(tape, random, at)
    for (const { from, ports, every } of refused) {
      if (minute % every !== 0) continue
      for (const port of ports) knock(tape, random, from, port, moments(minute, 1, random)[0]!)
    }
    otherTraffic(tape, random, minute)
  }
}

/** One HTTP request of the source that is let in; a few of its clients give up half way. */
function request(tape: Tape, random: Random, at: number): void {
  const ports = { client: random.clientPort(), server: 80 }
  const connection = new TcpConnection(tape, way(letIn, server, roundTrip), random, ports)
  const opened = connection.open(at)
  const asked = connection.data(true, opened, random.whole(250, 900), 0)
  const thought = asked - roundTrip / 2 + random.real(1, 40) * millisecond
  const answered = connection.data(false, thought, random.whole(800, 24_000), 120_000)
  if (random.whole(1, 40) === 1) connection.reset(answered)
  else connection.close(answered + random.real(1, 300) * millisecond)
}

function knock(tape: Tape, random: Random, from: Machine, port: number, at: number): void {
  const ports = { client: random.clientPort(), server: port }
  new TcpConnection(tape, way(from, server, 2 * roundTrip), random, ports).knock(at)
}

function otherTraffic(tape: Tape, random: Random, minute: number): void {
  const at = () => moments(minute, 1, random)[0]!
  const bytes = { question: random.whole(28, 60), answer: random.whole(60, 220) }
  const ports = { client: random.clientPort(), server: 53 }
  askByUdp(tape, way(server, cloudDns, millisecond), ports, at(), bytes)
  if (minute % 10 === 4) {
    const clocks = { question: 48, answer: 48 }
    askByUdp(tape, way(server, cloudTime, millisecond), { client: 123, server: 123 }, at(), clocks)
  }
  if (minute % 2 === 1) fetchByIpv6(tape, random, at())
  if (minute % 4 === 2) {
    const ipv6 = way(strangerIpv6, server, roundTrip, { family: 'ipv6' })
    new TcpConnection(tape, ipv6, random, { client: random.clientPort(), server: 80 }).knock(at())
  }
  if (minute % 6 === 3) {
    const its = { identifier: random.whole(1, 65535), count: 3, answered: false }
    ping(tape, way(beyond('198.235.0.1'), server, roundTrip), at(), its)
  }
  resolve(tape, 0, server.ipv4, router, at())
  solicit(tape, 0, server.ipv6, routerIpv6, at())
  multicast(tape, 0, server.ipv4, 'out', at())
  multicast(tape, 0, server.ipv6, 'out', at())
  if (minute % 30 === 12) {
    const lease = { destination: '255.255.255.255', port: 68, bytes: 300 }
    broadcast(tape, server.ipv4, lease, [{ tap: 0, goes: 'out' }], at())
  }
}

/** The server fetches packages from a mirror; security groups let everything out. */
function fetchByIpv6(tape: Tape, random: Random, at: number): void {
  const ports = { client: random.clientPort(), server: 443 }
  const ipv6 = way(server, mirror, 9 * millisecond, { family: 'ipv6' })
  const connection = new TcpConnection(tape, ipv6, random, ports)
  const asked = connection.data(true, connection.open(at), 517, 0)
  const answered = connection.data(false, asked, random.whole(4000, 30_000), 120_000)
  connection.close(answered + 0.01 * second)
}
