/** Network namespaces of a test's own, with a veth pair between them; gone when the test is. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' })

/** Why there can be none here, or false. */
export function noNamespaces(): string | false {
  if (process.platform !== 'linux') return 'not run: needs Linux'
  if (process.getuid?.() !== 0) return 'not run: needs root to make network namespaces'
  const name = `weir-test-${process.pid}-try`
  try {
    ip('netns', 'add', name)
  } catch (error) {
    const why = error instanceof Error ? error.message.trim().split('\n').at(-1) : error
    return `not run: no network namespace can be made: ${String(why)}`
  }
  ip('netns', 'del', name)
  return false
}

/**
 * `eth0` of `guest` is the other end of `veth0` of `host`; they have 10.99.0.1 and .2, fd99::1 and ::2. Neighbours are
 * fixed, so no packet crosses that the test did not send; .9 and ::9 are neighbours that nobody is. The loopback
 * of both is up.
 */
export class NamespacePair implements Disposable {
  static #count = 0
  readonly guest: string
  readonly host: string

  readonly #families: readonly string[]

  /** @param ipv6 without it nothing is sent but what a test sends, not even multicast */
  constructor({ ipv6 = true } = {}) {
    this.#families = ipv6 ? ['10.99.0.', 'fd99::'] : ['10.99.0.']
    const name = `weir-test-${process.pid}-${NamespacePair.#count++}`
    this.guest = `${name}-guest`
    this.host = `${name}-host`
    try {
      for (const each of [this.guest, this.host]) {
        ip('netns', 'add', each)
        ip('-n', each, 'link', 'set', 'lo', 'up')
        if (!ipv6)
          for (const scope of ['all', 'default']) {
            const setting = `net.ipv6.conf.${scope}.disable_ipv6=1`
            ip('netns', 'exec', each, 'sysctl', '-qw', setting)
          }
      }
      const macs = { guest: '02:00:00:00:00:01', host: '02:00:00:00:00:02' }
      const ends = `eth0 address ${macs.guest} type veth peer name veth0 address ${macs.host}`
      ip('-n', this.guest, 'link', 'add', ...ends.split(' '), 'netns', this.host)
      this.#end(this.guest, 'eth0', 1, { 2: macs.host, 9: '02:00:00:00:00:09' })
      this.#end(this.host, 'veth0', 2, { 1: macs.guest, 9: '02:00:00:00:00:09' })
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  #end(namespace: string, device: string, own: number, neighbours: Record<number, string>): void {
    ip('-n', namespace, 'link', 'set', device, 'up')
    for (const family of this.#families) {
      const length = family.includes(':') ? '/64 nodad' : '/24'
      const address = `${family}${own}${length}`.split(' ')
      ip('-n', namespace, 'addr', 'add', ...address, 'dev', device)
      for (const [last, mac] of Object.entries(neighbours))
        ip('-n', namespace, 'neigh', 'replace', `${family}${last}`, 'lladdr', mac, 'dev', device)
    }
  }

  /** `ip` on the network of one of them. */
  ip(namespace: string, ...args: string[]): void {
    ip('-n', namespace, ...args)
  }

  /** Runs a script with this Node inside a namespace to its end; gives what it printed. */
  node(namespace: string, script: string): string {
    const program = [process.execPath, '-e', script]
    return execFileSync('ip', ['netns', 'exec', namespace, ...program], {
      encoding: 'utf8',
      timeout: 60_000,
    })
  }

  [Symbol.dispose](): void {
    for (const each of [this.guest, this.host])
      if (existsSync(`/run/netns/${each}`)) ip('netns', 'del', each)
  }
}
