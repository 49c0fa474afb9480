/** The server that has a data directory, as it says itself in a file there. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const serverFile = 'server.json'
/** Where the log store says which process has its lock. */
const lockHolderFile = 'lock.pid'

/**
 * @returns its URL; undefined when no server has written one, and when the one that did no longer has the
 *   directory, since by now its port may be that of another server
 */
export function runningServer(dataDir: string): string | undefined {
  const [written, holder] = [read(dataDir, serverFile), read(dataDir, lockHolderFile)]
  if (written === undefined || holder === undefined) return undefined
  const { url, pid } = JSON.parse(written) as { url: string; pid: number }
  return pid === Number(holder) ? url : undefined
}

function read(dataDir: string, name: string): string | undefined {
  try {
    return readFileSync(join(dataDir, name), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
