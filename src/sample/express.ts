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
 * "An enterprise uses two VPCs in an Alibaba Cloud region to deploy different services and connects its
 * on-premises data center to Alibaba Cloud using an Express Connect circuit and CEN." "The proportion of
 * traffic from VPC1 to the on-premises data center is higher." What stays inside VPC1 does not pass the
 * transit router.
 */
export const express: Scenario = {
  name: 'express',
  interfaces: ['vpc1-app1', 'vpc1-app2', 'vpc2-app1', 'vpc2-app2'],
  play,
}

const app1 = machine(0, 11, '192.168.20.11', '2001:db8:51::11')
const app2 = machine(1, 12, '192.168.20.12', '2001:db8:51::12')
const other1 = machine(2, 21, '192.168.10.11', '2001:db8:52::11')
const other2 = machine(3, 22, '192.168.10.12', '2001:db8:52::12')
const site1 = beyond('10.1.0.10', '2001:db8:a1::10')
const site2 = beyond('10.1.0.20', '2001:db8:a1::20')
const roundTrip = 5 * millisecond
const inVpc = 0.2 * millisecond

function play(tape: Tape, random: Random): (minute: number) => void {
  const line = { bursts: 20, minutes: 15 }
  const stream = (from: typeof app1, to: typeof site1, serverPort: number) =>
    new Stream(tape, random, { ...line, serverPort, way: way(from, to, roundTrip) })
  const erp = stream(app1, site1, 1521)
  const files = stream(app2, site2, 445)
  const mail = stream(other1, site1, 587)
  const logs = stream(other2, site2, 6514)
  const ipv6 = way(app1, site1, roundTrip, { family: 'ipv6' })
  const mirror = new Stream(tape, random, { ...line, serverPort: 5432, way: ipv6 })
  const answers = new Stream(tape, random, {
    ...line,
    serverPort: 8443,
    byServer: true,
    way: way(other1, site2, roundTrip),
  })
  return (minute) => {
    erp.minute(minute, 90_000 * swing(minute, 0.18, 25) * random.real(0.95, 1.05))
    files.minute(minute, 40_000 * swing(minute, 0.1, 8) * random.real(0.95, 1.05))
    mail.minute(minute, 45_000 * swing(minute + 9, 0.18, 31) * random.real(0.95, 1.05))
    logs.minute(minute, 17_000 * swing(minute + 2, 0.1, 6) * random.real(0.95, 1.05))
    mirror.minute(minute, 12_000)
    answers.minute(minute, 30_000)
    for (const at of moments(minute, 6, random)) inside(tape, random, at)
    otherTraffic(tape, random, minute)
  }
}

/** A request from one application to the other, inside VPC1. */
function inside(tape: Tape, random: Random, at: number): void {
  const ports = { client: random.clientPort(), server: 8080 }
  const connection = new TcpConnection(tape, way(app1, app2, inVpc), random, ports)
  const asked = connection.data(true, connection.open(at), 300, 0)
  connection.close(connection.data(false, asked + millisecond, random.whole(500, 9000), 10_000))
}

function otherTraffic(tape: Tape, random: Random, minute: number): void {
  const at = () => moments(minute, 1, random)[0]!
  for (const asker of [app1, app2, other1, other2]) {
    const ports = { client: random.clientPort(), server: 53 }
    const bytes = { question: random.whole(28, 60), answer: random.whole(60, 220) }
    askByUdp(tape, way(asker, cloudDns, millisecond), ports, at(), bytes)
    multicast(tape, asker.tap, asker.ipv6, 'out', at())
  }
  resolve(tape, app1.tap, app1.ipv4, { address: '192.168.20.253', mac: routerMac }, at())
  resolve(tape, other1.tap, other1.ipv4, { address: '192.168.10.253', mac: routerMac }, at())
  const its = { identifier: 90 + minute, count: 2, answered: true }
  ping(tape, way(app2, site1, roundTrip), at(), its)
  ping(tape, way(other2, site2, roundTrip, { family: 'ipv6' }), at(), its)
}
