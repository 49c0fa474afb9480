/** Every place where a packet may be rejected, and what the taps at both ends of the veth see of it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { NamespacePair, noNamespaces } from '../../test/network-namespaces.ts'
import { about, PacketBatch, rowWords, word } from '../packet/packet.ts'
import { openNflog } from './nflog.ts'
import { openRing } from './ring.ts'
import { seenBeforeVerdict, sideOfRules } from './verdict-place.ts'

test('rules are at the side of a tap in the same namespace', () => {
  assert.equal(sideOfRules('guest', true), 'guest')
  assert.equal(sideOfRules('host', true), 'host')
  assert.equal(sideOfRules('host', false), 'guest')
  assert.equal(sideOfRules('guest', false), 'host')
})

function reasonToSkip(): string | false {
  const none = noNamespaces()
  if (none !== false) return none
  try {
    execFileSync('nft', ['--version'])
    return false
  } catch {
    return 'not run: needs nft'
  }
}

interface Place {
  readonly side: 'guest' | 'host'
  readonly family: 'netdev' | 'bridge' | 'inet'
  readonly hook: string
  readonly direction: 'in' | 'out'
}

const places: readonly Place[] = [
  { side: 'guest', family: 'netdev', hook: 'ingress', direction: 'in' },
  { side: 'guest', family: 'inet', hook: 'prerouting', direction: 'in' },
  { side: 'guest', family: 'inet', hook: 'input', direction: 'in' },
  { side: 'guest', family: 'inet', hook: 'output', direction: 'out' },
  { side: 'guest', family: 'inet', hook: 'postrouting', direction: 'out' },
  { side: 'guest', family: 'netdev', hook: 'egress', direction: 'out' },
  { side: 'host', family: 'netdev', hook: 'ingress', direction: 'out' },
  { side: 'host', family: 'bridge', hook: 'prerouting', direction: 'out' },
  { side: 'host', family: 'bridge', hook: 'forward', direction: 'out' },
  { side: 'host', family: 'inet', hook: 'forward', direction: 'out' },
  { side: 'host', family: 'bridge', hook: 'forward', direction: 'in' },
  { side: 'host', family: 'bridge', hook: 'postrouting', direction: 'in' },
  { side: 'host', family: 'netdev', hook: 'egress', direction: 'in' },
]
const firstPort = 7001
const group = 5

/** A chain for each place; each rejects the datagrams of its own port. */
const rulesOf = (side: Place['side']): string =>
  places
    .map((place, i) => {
      if (place.side !== side) return ''
      const device = side === 'guest' ? 'eth0' : 'veth0'
      const hook = place.family === 'netdev' ? `${place.hook} device "${device}"` : place.hook
      return `table ${place.family} t${i} {
        chain c {
          type filter hook ${hook} priority 0
          udp dport ${firstPort + i} log prefix "R" group ${group} snaplen 128 drop
        }
      }`
    })
    .join('\n')

/** A namespace of its own behind the host's bridge, with the neighbour's address. */
class Neighbour implements Disposable {
  readonly name: string
  readonly #ip = (...args: string[]): void => void execFileSync('ip', args)

  constructor(pair: NamespacePair) {
    this.name = `${pair.guest}-neighbour`
    const address = '02:00:00:00:00:09'
    this.#ip('netns', 'add', this.name)
    const ends = `veth1 type veth peer name eth0 address ${address} netns ${this.name}`
    pair.ip(pair.host, 'link', 'add', ...ends.split(' '))
    pair.ip(pair.host, 'link', 'add', 'br0', 'type', 'bridge')
    for (const port of ['veth0', 'veth1'])
      pair.ip(pair.host, 'link', 'set', port, 'master', 'br0', 'up')
    pair.ip(pair.host, 'link', 'set', 'br0', 'up')
    this.#ip('-n', this.name, 'link', 'set', 'eth0', 'up')
    this.#ip('-n', this.name, 'addr', 'add', '10.99.0.9/24', 'dev', 'eth0')
    const guest = '10.99.0.1 lladdr 02:00:00:00:00:01 dev eth0'
    this.#ip('-n', this.name, 'neigh', 'replace', ...guest.split(' '))
    const setting = 'net.bridge.bridge-nf-call-iptables=1'
    this.#ip('netns', 'exec', pair.host, 'sysctl', '-qw', setting)
  }

  [Symbol.dispose](): void {
    this.#ip('netns', 'del', this.name)
  }
}

const sendTo = (address: string, ports: readonly number[]): string => `
  const socket = require('node:dgram').createSocket('udp4')
  const ports = ${JSON.stringify(ports)}
  const next = () => ports.length === 0 ? socket.close()
    : socket.send('hello', ports.shift(), '${address}', next)
  next()`

interface Source {
  read(batch: PacketBatch, timeoutMs: number): number
}

/** Direction and time of the one packet to each port. */
function drain(source: Source): Map<number, { direction: string; micros: number }> {
  const batch = new PacketBatch()
  const seen = new Map<number, { direction: string; micros: number }>()
  while (source.read(batch, 300) > 0)
    for (let row = 0; row < batch.rows; row++) {
      const at = (index: number): number => batch.words[row * rowWords + index]!
      const direction = (at(word.about) >> about.directionShift) & about.directionMask
      seen.set(at(word.ports) & 0xffff, {
        direction: ['-', 'in', 'out'][direction]!,
        micros: (at(word.second) >>> 0) * 1e6 + Math.floor(at(word.nanosecond) / 1000),
      })
    }
  return seen
}

test('what taps see of packets that are rejected, at each place', { skip: reasonToSkip() }, () => {
  using pair = new NamespacePair({ ipv6: false })
  using neighbour = new Neighbour(pair)
  for (const side of ['guest', 'host'] as const)
    execFileSync('ip', ['netns', 'exec', pair[side], 'nft', '-f', '-'], { input: rulesOf(side) })
  const ringBytes = 1 << 20
  const guest = { interfaceName: 'eth0', side: 'guest', netns: pair.guest, ringBytes } as const
  const host = { interfaceName: 'veth0', side: 'host', netns: pair.host, ringBytes } as const
  const nflogs = {
    guest: openNflog({ group, netns: pair.guest, side: 'guest', port: 'eth0' }),
    host: openNflog({ group, netns: pair.host, side: 'host', port: 'veth0' }),
  }
  const rings = { guest: openRing(guest), host: openRing(host) }
  try {
    const ports = (way: string): number[] =>
      places.flatMap(({ direction }, i) => (direction === way ? [firstPort + i] : []))
    pair.node(neighbour.name, sendTo('10.99.0.1', ports('in')))
    pair.node(pair.guest, sendTo('10.99.0.9', ports('out')))
    const rejected = { guest: drain(nflogs.guest), host: drain(nflogs.host) }
    const seen = { guest: drain(rings.guest), host: drain(rings.host) }
    places.forEach(({ side, family, hook, direction }, i) => {
      const port = firstPort + i
      const place = `${direction} at ${family} ${hook} of the ${side}`
      assert.equal(rejected[side].get(port)?.direction, direction, place)
      const before = seenBeforeVerdict(side, direction)
      for (const tap of ['guest', 'host'] as const)
        assert.equal(seen[tap].get(port)?.direction, before ? direction : undefined, place)
      // Ring and firewall tell the same time, so that both put the packet into the same window.
      if (before)
        assert.equal(seen[side].get(port)?.micros, rejected[side].get(port)?.micros, place)
    })
  } finally {
    for (const each of [...Object.values(nflogs), ...Object.values(rings)]) each.close()
  }
})
