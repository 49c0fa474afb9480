/**
 * Packets and records as lines, for tests that are a list of facts. Times are seconds after `begin`, which is
 * the bound of a window of any length.
 *
 *     10.5 10.0.0.1:4000 > 10.0.0.2:80 SA       TCP with these of the flags FSRPAUEC, `.` for none
 *     10 [fd00::1]:53 > [fd00::2]:4000 udp+8    with 8 bytes of payload
 *     10 10.0.0.1 > 10.0.0.2 icmp               an echo request; icmp6 for IPv6
 *     10 arp                                    a frame that is not IP
 *     - 10.0.0.1:4000 > 10.0.0.2:80 S           a packet without a time
 *
 * A record reads `10.0.0.1:4000 > 10.0.0.2:80 tcp 2p 80B FS 10..60`, with ENI, direction, action and path
 * behind it unless it is the record of a capture without a topology; `eni-capture NODATA 0..60` otherwise.
 */
import assert from 'node:assert/strict'
import {
  etherType,
  ethernet,
  icmp,
  icmpv6,
  ipv4,
  ipv6,
  tcp,
  type Transport,
  udp,
} from '../src/packet/packet.ts'
import { pcapngOf, pcapOf, replayMade, type Replayed, type TextRecord } from './replayed.ts'
import type { WindowSeconds } from '../src/window/window.ts'

export const begin = 1_700_000_400

const flagLetters = 'FSRPAUEC'
const endpointPattern = /^(?:\[([^\]]+)\]|([^:]+|[\da-f:]*::[\da-f:]*))(?::(\d+))?$/

function endpoint(text: string): { address: string; port: number } {
  const [, six, four, port = '0'] = endpointPattern.exec(text) ?? []
  const address = six ?? four
  assert.ok(address !== undefined, `${text} is no endpoint`)
  return { address, port: Number(port) }
}

function transportOf(what: string, sourcePort: number, destinationPort: number): Transport {
  const [name = '', size = '0'] = what.split('+')
  const payload = new Uint8Array(Number(size))
  if (name === 'udp') return udp({ sourcePort, destinationPort, payload })
  if (name === 'icmp') return icmp({ type: 8, payload })
  if (name === 'icmp6') return icmpv6({ type: 128, payload })
  let flags = 0
  for (const letter of name.replace('.', '')) {
    assert.ok(flagLetters.includes(letter), `what is ${what}?`)
    flags |= 1 << flagLetters.indexOf(letter)
  }
  return tcp({ sourcePort, destinationPort, flags, payload })
}

/** The Ethernet frame of a line without its time. */
export function frameOf(line: string): Uint8Array {
  if (line === 'arp') return ethernet({}, etherType.arp, new Uint8Array(28))
  const [from = '', , to = '', what = ''] = line.split(' ')
  const source = endpoint(from)
  const destination = endpoint(to)
  const carried = transportOf(what, source.port, destination.port)
  const addresses = { source: source.address, destination: destination.address }
  return source.address.includes(':')
    ? ethernet({}, etherType.ipv6, ipv6(addresses, carried))
    : ethernet({}, etherType.ipv4, ipv4(addresses, carried))
}

/** A time as written: exact to the nanosecond. */
function timeOf(text: string): readonly [number, number] {
  const [whole = '', fraction = ''] = text.split('.')
  return [begin + Number(whole), Number(fraction.padEnd(9, '0'))]
}

function framesOf(lines: readonly string[]) {
  return lines.map((line) => {
    const at = line.slice(0, line.indexOf(' '))
    return [at, frameOf(line.slice(at.length + 1))] as const
  })
}

/** A capture of the lines: pcap, or pcapng when a packet has no time. */
export function captureOf(lines: readonly string[]): Uint8Array {
  const frames = framesOf(lines)
  if (frames.some(([at]) => at === '-'))
    return pcapngOf(
      frames.map(([at, frame]) =>
        at === '-' ? (['untimed', frame] as const) : ([timeOf(at), frame] as const),
      ),
    )
  return pcapOf(frames.map(([at, frame]) => [timeOf(at), frame]))
}

const protocolNames: Readonly<Record<string, string>> = {
  '1': 'icmp',
  '6': 'tcp',
  '17': 'udp',
  '58': 'icmp6',
}

export function recordLine(record: TextRecord): string {
  const time = (text: string): string => String(Number(text) - begin)
  const span = `${time(record.start)}..${time(record.end)}`
  if (record['log-status'] !== 'OK') return `${record['eni-id']} ${record['log-status']} ${span}`
  const six = record.type === 'IPv6'
  const end = (address: string, port: string): string =>
    port === '0' ? address : `${six ? `[${address}]` : address}:${port}`
  const flags = flagLetters
    .split('')
    .filter((_, bit) => Number(record['tcp-flags']) & (1 << bit))
    .join('')
  const line = [
    `${end(record.srcaddr, record.srcport)} > ${end(record.dstaddr, record.dstport)}`,
    protocolNames[record.protocol] ?? record.protocol,
    `${record.packets}p ${record.bytes}B ${flags === '' ? '.' : flags} ${span}`,
  ].join(' ')
  if (record['eni-id'] === 'eni-capture') return line
  return `${line} ${record['eni-id']} ${record.direction} ${record.action} ${record.traffic_path}`
}

/** Records as lines, by window and in it by text. */
export function recordLines(records: readonly TextRecord[], windowSeconds: number): string[] {
  return records
    .map((record) => ({
      window: Math.floor(Number(record.start) / windowSeconds),
      line: recordLine(record),
    }))
    .sort((a, b) => a.window - b.window || (a.line < b.line ? -1 : 1))
    .map(({ line }) => line)
}

export interface Replay {
  readonly windowSeconds?: WindowSeconds
  readonly topology?: string
}

/** Replays captures, each a list of lines. */
export const replayLines = (
  captures: readonly (readonly string[])[],
  { windowSeconds = 60, topology }: Replay = {},
): Promise<Replayed> =>
  replayMade(
    captures.map((lines) => ({ bytes: captureOf(lines) })),
    windowSeconds,
    topology,
  )

/** Replays a capture of these packets and compares its records, NODATA left out, with these lines. */
export async function becomes(
  packets: readonly string[],
  expected: readonly string[],
  how: Replay = {},
): Promise<void> {
  const { records } = await replayLines([packets], how)
  const spoken = records.filter((record) => record['log-status'] !== 'NODATA')
  assert.deepEqual(recordLines(spoken, how.windowSeconds ?? 60), expected, packets.join('\n'))
}
