import type { Sighting, Way } from './conversation.ts'
import type { Host } from './lane.ts'
import type { Random } from './random.ts'
import type { Tape } from './tape.ts'

/** One use case of the product page: a capture at the ENIs of its VPC. */
export interface Scenario {
  /** The name of the capture file and of the logstore. */
  readonly name: string
  /** The interfaces of the capture, by which taps find it; a tap's number is its place here. */
  readonly interfaces: readonly string[]
  /** Prepares the hour; the function it gives puts the packets of one minute, 0 to 59, on the tape. */
  play(tape: Tape, random: Random): (minute: number) => void
}

export const second = 1e9
export const millisecond = 1e6
export const minuteNanoseconds = 60 * second

/** A machine of a scenario: where its tap is, and its addresses. */
export interface Machine {
  /** The number of the capture's interface; -1 where nothing is captured. */
  readonly tap: number
  readonly ipv4: Host
  readonly ipv6: Host
}

export const machine = (tap: number, mac: number, ipv4: string, ipv6: string): Machine => ({
  tap,
  ipv4: { address: ipv4, mac },
  ipv6: { address: ipv6, mac },
})

type Family = 'ipv4' | 'ipv6'

/**
 * The way from one machine to another, seen at the taps of both, as far as they have one.
 */
export function way(
  client: Machine,
  server: Machine,
  roundTripNanoseconds: number,
  more: { family?: Family; packetBytesMax?: number } = {},
): Way {
  const family = more.family ?? 'ipv4'
  const ends = { client: client[family], server: server[family] }
  const sightings: Sighting[] = []
  if (client.tap >= 0) sightings.push({ tap: client.tap, position: 0, clientGoes: 'out', ...ends })
  if (server.tap >= 0) sightings.push({ tap: server.tap, position: 1, clientGoes: 'in', ...ends })
  const size = more.packetBytesMax === undefined ? {} : { packetBytesMax: more.packetBytesMax }
  return { sightings, roundTripNanoseconds, ...size }
}

/** The link-layer address of a vSwitch's router, behind which everything else lies. */
export const routerMac = 0xfd

/** A host beyond the router, where nothing is captured. */
export const beyond = (ipv4: string, ipv6 = '2001:db8:ffff::1'): Machine =>
  machine(-1, routerMac, ipv4, ipv6)

/** The cloud's own name server and clock: "traffic that accesses Alibaba Cloud services", path 5. */
export const cloudDns = beyond('100.100.2.136')
export const cloudTime = beyond('100.100.61.88')

/** Moments of a minute, `count` of them: one in each equal share of it, anywhere but at its end. */
export function moments(minute: number, count: number, random: Random): number[] {
  const share = minuteNanoseconds / count
  return Array.from(
    { length: count },
    (_, i) => minute * minuteNanoseconds + (i + random.real(0.05, 0.8)) * share,
  )
}

/** A value that swings around 1 by `amount`, once in `minutes`. */
export const swing = (minute: number, amount: number, minutes: number): number =>
  1 + amount * Math.sin((2 * Math.PI * minute) / minutes)
