/** Work in another network namespace: `setns` acts on the calling thread alone, so others do not notice. */
import { closeSync, openSync } from 'node:fs'
import { assert } from '../base/assert.ts'
import { WeirError } from '../base/errors.ts'
import { setNetworkNamespace, SystemCallError } from './syscalls.ts'

/**
 * Runs `work` with the calling thread inside network namespace `name`, and comes back in any case.
 * Without a name `work` runs where the thread is.
 *
 * @param name as `ip netns` lists it, or a path such as /proc/1234/ns/net
 * @param work must not await
 * @throws WeirError CaptureFailed (no such namespace), CaptureNotPermitted (CAP_SYS_ADMIN is missing)
 */
export function inNetns<T>(name: string | undefined, work: () => T): T {
  if (name === undefined) return work()
  const target = openNamespace(name)
  try {
    const own = openSync('/proc/thread-self/ns/net', 'r')
    try {
      enter(name, target)
      try {
        const result = work()
        assert(!(result instanceof Promise), 'work in a network namespace must not await')
        return result
      } finally {
        setNetworkNamespace(own)
      }
    } finally {
      closeSync(own)
    }
  } finally {
    closeSync(target)
  }
}

function openNamespace(name: string): number {
  const path = name.startsWith('/') ? name : `/run/netns/${name}`
  try {
    return openSync(path, 'r')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'EACCES' || code === 'EPERM') throw notPermitted(name, cause)
    throw new WeirError('CaptureFailed', `there is no network namespace "${name}"`, {
      place: path,
      hint: 'List them with: ip netns list',
      cause,
    })
  }
}

function enter(name: string, fd: number): void {
  try {
    setNetworkNamespace(fd)
  } catch (cause) {
    if (cause instanceof SystemCallError && cause.is('EPERM')) throw notPermitted(name, cause)
    throw new WeirError('CaptureFailed', `"${name}" cannot be entered as a network namespace`, {
      cause,
    })
  }
}

const notPermitted = (name: string, cause: unknown): WeirError =>
  new WeirError(
    'CaptureNotPermitted',
    `capturing in the network namespace "${name}" needs the right CAP_SYS_ADMIN`,
    {
      hint:
        'Run Weir as root, or give it CAP_NET_RAW and CAP_SYS_ADMIN (under systemd: ' +
        'AmbientCapabilities=CAP_NET_RAW CAP_SYS_ADMIN)',
      cause,
    },
  )
