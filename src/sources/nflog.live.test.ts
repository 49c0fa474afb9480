/** nftables rules that reject and report, in network namespaces of the test's own. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { NamespacePair, noNamespaces } from '../../test/network-namespaces.ts'
import { about, PacketBatch, rowWords, word } from '../packet/packet.ts'
import { type Nflog, openNflog } from './nflog.ts'

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

const skip = reasonToSkip()

const rules = (namespace: string, text: string): void =>
  void execFileSync('ip', ['netns', 'exec', namespace, 'nft', '-f', '-'], { input: text })

/** Sends datagrams of 100 bytes, also where the firewall refuses them to the sender. */
const send = (address: string, port: number, count: number): string => `
  const socket = require('node:dgram').createSocket('udp${address.includes(':') ? 6 : 4}')
  const bytes = Buffer.alloc(100)
  const send = (left) => left === 0 ? socket.close()
    : socket.send(bytes, ${port}, '${address}', () => send(left - 1))
  socket.bind(6000, () => send(${count}))`

class Tally {
  readonly seen: Record<string, string> = {}
  packets = 0
  readonly #batch = new PacketBatch()
  readonly #sums = new Map<string, { rows: number; packets: number; bytes: number }>()

  /** Reads until nothing has come for `quietMs`; the kernel hands over what it gathers sooner. */
  drain(nflog: Nflog, quietMs = 400): this {
    const { words } = this.#batch
    while (nflog.read(this.#batch, quietMs) > 0)
      for (let row = 0; row < this.#batch.rows; row++) {
        const at = (index: number): number => words[row * rowWords + index]!
        const mark = at(word.about)
        const direction = ['-', 'in', 'out'][(mark >> about.directionShift) & about.directionMask]
        const key = `${direction} ${mark & about.ipv6 ? 6 : 4} ${at(word.ports) & 0xffff}`
        const sum = this.#sums.get(key) ?? { rows: 0, packets: 0, bytes: 0 }
        sum.rows++
        sum.packets += at(word.packets)
        sum.bytes += at(word.bytes) >>> 0
        this.packets += at(word.packets)
        this.#sums.set(key, sum)
        this.seen[key] = `${sum.packets} packets, ${sum.bytes} bytes`
      }
    return this
  }
}

test('rejects of a firewall in the guest, both ways and families, are exact', { skip }, () => {
  using pair = new NamespacePair()
  rules(
    pair.guest,
    `table inet sg {
      chain in {
        type filter hook input priority 0
        iifname "lo" accept
        udp dport 7000 log prefix "A:in" group 10 snaplen 128 accept
        meta l4proto udp log prefix "R:in" group 10 snaplen 128 drop
      }
      chain out {
        type filter hook output priority 0
        oifname "lo" accept
        udp dport 7025 log prefix "R:out" group 10 snaplen 128 queue-threshold 8 drop
      }
    }`,
  )
  const nflog = openNflog({ group: 10, netns: pair.guest, port: 'eth0' })
  try {
    pair.node(pair.host, send('10.99.0.1', 7022, 300))
    pair.node(pair.host, send('fd99::1', 7022, 200))
    pair.node(pair.host, send('10.99.0.1', 7000, 40))
    pair.node(pair.guest, send('10.99.0.2', 7025, 70))
    pair.node(pair.guest, send('fd99::2', 7025, 60))
    assert.deepEqual(new Tally().drain(nflog).seen, {
      'in 4 7022': `300 packets, ${300 * 128} bytes`,
      'in 6 7022': `200 packets, ${200 * 148} bytes`,
      'out 4 7025': `70 packets, ${70 * 128} bytes`,
      'out 6 7025': `60 packets, ${60 * 148} bytes`,
    })
    assert.equal(nflog.ignored, 40)
    assert.deepEqual(nflog.takeLoss(), { messages: 0, more: false })
    assert.equal(nflog.malformed + nflog.nonIp + nflog.estimated, 0)
  } finally {
    nflog.close()
  }
})

test(
  'rules at the far end of the veth: devices turn, and egress begins with Ethernet',
  { skip },
  () => {
    using pair = new NamespacePair()
    rules(
      pair.host,
      `table netdev sg {
      chain from {
        type filter hook ingress device "veth0" priority 0
        udp dport 7022 log prefix "R" group 11 drop
      }
      chain into {
        type filter hook egress device "veth0" priority 0
        udp dport 7025 log prefix "R" group 11 drop
      }
    }
    table inet other {
      chain out {
        type filter hook output priority 0
        udp dport 7099 log prefix "R" group 11 drop
      }
    }`,
    )
    const nflog = openNflog({ group: 11, netns: pair.host, side: 'host', port: 'veth0' })
    try {
      pair.node(pair.guest, send('10.99.0.2', 7022, 30))
      pair.node(pair.guest, send('fd99::2', 7022, 20))
      pair.node(pair.host, send('10.99.0.1', 7025, 10))
      pair.node(pair.host, send('fd99::1', 7025, 5))
      pair.node(pair.host, send('127.0.0.1', 7099, 3))
      assert.deepEqual(new Tally().drain(nflog).seen, {
        'out 4 7022': `30 packets, ${30 * 128} bytes`,
        'out 6 7022': `20 packets, ${20 * 148} bytes`,
        'in 4 7025': `10 packets, ${10 * 128} bytes`,
        'in 6 7025': `5 packets, ${5 * 148} bytes`,
      })
      assert.equal(nflog.ignored, 3, 'what is rejected at the loopback is not the ENI’s')
    } finally {
      nflog.close()
    }
  },
)

const rejectAll = (group: number): string => `table inet sg {
  chain in {
    type filter hook input priority 0
    meta l4proto udp log prefix "R:in" group ${group} snaplen 128 queue-threshold 1 drop
  }
}`

test('what found no room is counted: delivered + lost = sent', { skip }, () => {
  using pair = new NamespacePair({ ipv6: false })
  rules(pair.guest, rejectAll(12))
  const nflog = openNflog({ group: 12, netns: pair.guest, bufferBytes: 8192 })
  try {
    pair.node(pair.host, send('10.99.0.1', 7022, 2000))
    const tally = new Tally().drain(nflog)
    const { messages, more } = nflog.takeLoss()
    assert.deepEqual({ messages, more }, { messages: 0, more: true }, 'some, nobody knows how many')
    assert.ok(tally.packets < 2000, `${tally.packets} of 2000 were delivered`)
    pair.node(pair.host, send('10.99.0.1', 7022, 1))
    tally.drain(nflog)
    const loss = nflog.takeLoss()
    assert.equal(loss.more, false)
    assert.equal(tally.packets + loss.messages, 2001)
    assert.deepEqual(nflog.takeLoss(), { messages: 0, more: false }, 'said once')
    // Once more, in two stretches.
    for (const count of [500, 700]) pair.node(pair.host, send('10.99.0.1', 7022, count))
    tally.drain(nflog)
    pair.node(pair.host, send('10.99.0.1', 7022, 1))
    tally.drain(nflog)
    const again = nflog.takeLoss()
    assert.equal(again.more, false)
    assert.equal(tally.packets + loss.messages + again.messages, 2001 + 1201)
  } finally {
    nflog.close()
  }
})

test('a group is read by one program in a namespace', { skip }, () => {
  using pair = new NamespacePair({ ipv6: false })
  const first = openNflog({ group: 10, netns: pair.guest })
  try {
    assert.throws(() => openNflog({ group: 10, netns: pair.guest }), {
      name: 'CaptureFailed',
      message: 'NFLOG group 10 is read by another program',
      hint: /^Its netlink port is \d+, mostly its process id\. Stop it, or give this ENI a group of its own/,
    })
    openNflog({ group: 11, netns: pair.guest }).close()
    openNflog({ group: 10, netns: pair.host }).close()
  } finally {
    first.close()
  }
  openNflog({ group: 10, netns: pair.guest }).close()
})

test('no such port, and no right', { skip }, () => {
  using pair = new NamespacePair({ ipv6: false })
  assert.throws(() => openNflog({ group: 10, netns: pair.guest, port: 'eth7' }), {
    name: 'CaptureFailed',
    message: 'there is no interface "eth7"',
  })
  const script = `
    import { openNflog } from '${import.meta.dirname}/nflog.ts'
    process.setgid(65534)
    process.setuid(65534)
    try { openNflog({ group: 10 }) }
    catch (error) { console.log(error.name, error.message, error.hint) }`
  const program = [process.execPath, '--input-type=module', '-e', script]
  const said = execFileSync('ip', ['netns', 'exec', pair.guest, ...program], { encoding: 'utf8' })
  assert.equal(
    said,
    'CaptureNotPermitted reading NFLOG group 10 needs the right CAP_NET_ADMIN ' +
      'Run Weir as root, or give it CAP_NET_RAW and CAP_NET_ADMIN (under systemd: ' +
      'AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN)\n',
  )
})
