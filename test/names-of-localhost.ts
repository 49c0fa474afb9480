/**
 * Loaded first in a client's process (`node --import`): every name below `localhost` is this machine, as the name service
 * of systemd has it and plain glibc does not.
 */
import dns from 'node:dns'

const { lookup } = dns
Object.defineProperty(dns, 'lookup', {
  value: (name: string, ...more: unknown[]): unknown =>
    Reflect.apply(lookup, dns, [name.endsWith('.localhost') ? '127.0.0.1' : name, ...more]),
})
