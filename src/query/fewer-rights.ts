import { chmodSync, chownSync, readFileSync, statSync, type Stats } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { errorCode } from '../base/disk.ts'
import { prepareFolder, takesLinks } from './rights.ts'
import type { WorkerRights } from './rights.ts'

/** "nobody" and "nogroup": of every Linux, and owners of nothing. */
const nobody = 65_534

export interface FewerRights {
  /** Undefined: query processes run as the server's own user. */
  readonly rights: WorkerRights | undefined
  /** Why they run as root although they should not, and what is to be done: a sentence. */
  readonly problem: string | undefined
}

/**
 * Whom the query processes of a server run as: nobody, if it is root. To be called when the data directory is
 * this process's own: it is closed to all but its owner and group, and its folder `query` is emptied.
 */
export function fewerRights(dataDir: string): FewerRights {
  if (process.getuid?.() !== 0) return { rights: undefined, problem: undefined }
  const root = resolve(dataDir)
  const rights = { uid: nobody, gid: nobody, folder: join(root, 'query'), tempFolder: openFolder() }
  const reason =
    lackOfCapabilities() ?? closeToOthers(root) ?? unfit(rights.folder, join(root, 'segments'))
  if (reason === undefined) return { rights, problem: undefined }
  return {
    rights: undefined,
    problem: `queries run as root, not as a user without rights: ${reason}`,
  }
}

/** Bits of Linux capabilities: to hand a folder over, open a segment, end a query, and become another user. */
const capabilities = { chown: 0, fowner: 3, kill: 5, setgid: 6, setuid: 7 }

function lackOfCapabilities(): string | undefined {
  const held = /^CapEff:\s*([0-9a-f]+)$/m.exec(ownStatus())?.[1]
  if (held === undefined) return undefined
  const bits = BigInt(`0x${held}`)
  const lacking = Object.entries(capabilities)
    .filter(([, bit]) => ((bits >> BigInt(bit)) & 1n) === 0n)
    .map(([name]) => `CAP_${name.toUpperCase()}`)
  if (lacking.length === 0) return undefined
  return `this process lacks ${lacking.join(', ')}; give it that, or start it as another user than root`
}

function ownStatus(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return '' // not Linux, where root may do all of it
    throw error
  }
}

const forOthers = 0o007
const forGroup = 0o070
const sticky = 0o1000
const writtenByOthers = 0o002

/** @returns why it cannot be, or undefined when it is */
function closeToOthers(folder: string): string | undefined {
  const { mode, uid, gid } = statSync(folder)
  if (uid === nobody || (gid === nobody && (mode & forGroup) !== 0))
    return `${folder} belongs to that user; give it to root: chown root:root ${folder}`
  if ((mode & (sticky | writtenByOthers)) !== 0)
    return `${folder} is shared with others; take a folder of Weir's own: --data`
  if ((mode & forOthers) !== 0) chmodSync(folder, mode & 0o7777 & ~forOthers)
  return undefined
}

function unfit(folder: string, segments: string): string | undefined {
  try {
    prepareFolder(folder)
    if (!takesLinks(folder)) return `the file system of ${folder} has no hard links`
    const { dev } = statSync(folder)
    if ((statSync(segments, { throwIfNoEntry: false })?.dev ?? dev) !== dev)
      return `${segments} is on another file system than ${folder}`
    chownSync(folder, nobody, nobody)
    chownSync(folder, 0, 0)
    return undefined
  } catch (error) {
    return `${folder} cannot be given to another user: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** A temporary folder that everybody reaches; that of root may be closed to others. */
const openFolder = (): string | undefined =>
  [tmpdir(), '/var/tmp', '/tmp'].find((each) => isOpen(each))

function isOpen(folder: string): boolean {
  const stats: Stats | undefined = statSync(folder, { throwIfNoEntry: false })
  if (stats === undefined || (stats.mode & 0o001) === 0) return false
  const above = dirname(folder)
  return above === folder || isOpen(above)
}
