/**
 * A router with a packet filter, in a network namespace of a test's own; gone when the test is. Packets are handed to
 * it at one of two tun interfaces, and what gets through comes out of the other before the call returns: a tun
 * interface takes a packet through the kernel's receive path within the `write`, so nothing has to be waited for.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, constants, existsSync, openSync, readSync, writeSync } from 'node:fs'
import { inNetns } from '../src/sources/netns.ts'
import { ioctl } from '../src/sources/syscalls.ts'
import { noNamespaces } from './network-namespaces.ts'

/** Why there can be none here, or false. */
export function noFirewall(): string | false {
  const namespaces = noNamespaces()
  if (namespaces !== false) return namespaces
  if (!existsSync('/dev/net/tun')) return 'not run: needs /dev/net/tun'
  try {
    execFileSync('nft', ['--version'], { stdio: 'ignore' })
  } catch {
    return 'not run: needs nft (Debian: nftables)'
  }
  return false
}

/** TUNSETIFF of <linux/if_tun.h>; struct ifreq: a name of 16 bytes, then flags (IFF_TUN | IFF_NO_PI). */
const setInterface = 0x400454ca
const interfaceRequestBytes = 40
const tunWithoutHeader = 0x1001
const packetBytesMax = 2048

/** Where packets enter: `net0` leads to the world, `eni0` to the instances. */
type Interface = 'net0' | 'eni0'

export class TunFirewall implements Disposable {
  static #count = 0
  readonly #name: string
  readonly #fds: Partial<Record<Interface, number>> = {}
  readonly #buffer = Buffer.alloc(packetBytesMax)

  /**
   * @param sysctls as `net.netfilter.x=1`
   * @param rules for `nft -f`; hook `forward` sees every packet
   */
  constructor(sysctls: readonly string[], rules: string) {
    this.#name = `weir-test-${process.pid}-firewall-${TunFirewall.#count++}`
    execFileSync('ip', ['netns', 'add', this.#name])
    try {
      inNetns(this.#name, () => {
        for (const each of ['net0', 'eni0'] as const) this.#fds[each] = openTun(each)
      })
      const own = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']
      const quiet = ['net0', 'eni0'].flatMap((each) => [
        `net.ipv4.conf.${each}.rp_filter=0`,
        `net.ipv6.conf.${each}.addr_gen_mode=1`, // no address, so nothing that announces it
        `net.ipv6.conf.${each}.mldv2_unsolicited_report_interval=0`,
      ])
      this.#run('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0', ...own, ...quiet)
      for (const each of ['net0', 'eni0']) this.#run('ip', 'link', 'set', each, 'up')
      for (const [index, [from, to]] of [
        ['net0', 'eni0'],
        ['eni0', 'net0'],
      ].entries())
        for (const family of ['-4', '-6']) {
          const table = String(100 + index)
          this.#run('ip', family, 'rule', 'add', 'iif', from!, 'lookup', table)
          this.#run('ip', family, 'route', 'add', 'default', 'dev', to!, 'table', table)
        }
      execFileSync('ip', ['netns', 'exec', this.#name, 'nft', '-f', '-'], { input: rules })
      // Settings of connection tracking are there once the rules have asked for it.
      if (sysctls.length > 0) this.#run('sysctl', '-qw', ...sysctls)
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  /** Whether an IP packet that enters at an interface comes out of the other. Fails when anything else does. */
  passes(at: Interface, packet: Uint8Array): boolean {
    const other = at === 'net0' ? 'eni0' : 'net0'
    writeSync(this.#fds[at]!, packet)
    let passed = false
    for (let out = this.#read(other); out !== undefined; out = this.#read(other)) {
      if (isOwn(out)) continue
      assert.ok(
        !passed && isForwarded(packet, out),
        `${other} gave another packet: ${out.toString('hex')}`,
      )
      passed = true
    }
    const back = this.#read(at)
    assert.ok(back === undefined || isOwn(back), `${at} gave an answer: ${back?.toString('hex')}`)
    return passed
  }

  #read(from: Interface): Buffer | undefined {
    try {
      return this.#buffer.subarray(0, readSync(this.#fds[from]!, this.#buffer))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined
      throw error
    }
  }

  #run(...command: string[]): void {
    execFileSync('ip', ['netns', 'exec', this.#name, ...command])
  }

  [Symbol.dispose](): void {
    for (const fd of Object.values(this.#fds)) closeSync(fd)
    execFileSync('ip', ['netns', 'del', this.#name])
  }
}

function openTun(name: Interface): number {
  const fd = openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK)
  const request = Buffer.alloc(interfaceRequestBytes)
  request.write(name)
  request.writeUInt16LE(tunWithoutHeader, 16)
  ioctl(fd, setInterface, request)
  return fd
}

/** The router's own IPv6 multicast (ff00::/8): its reports of what it listens to. */
const isOwn = (packet: Uint8Array): boolean => packet[0]! >>> 4 === 6 && packet[24] === 0xff

/** The same packet, its time to live one less (and so the IPv4 header checksum another). */
function isForwarded(sent: Uint8Array, got: Uint8Array): boolean {
  const four = sent[0]! >>> 4 === 4
  return (
    sent.length === got.length &&
    sent.every((byte, i) => {
      if (four ? i === 10 || i === 11 : false) return true
      return got[i] === (i === (four ? 8 : 7) ? byte - 1 : byte)
    })
  )
}
