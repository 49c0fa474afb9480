/** The server that has a data directory, as it says itself in a file there. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const serverFile = 'server.json'

/** @returns its URL, undefined when no server has written one */
export function runningServer(dataDir: string): string | undefined {
  try {
    const { url } = JSON.parse(readFileSync(join(dataDir, serverFile), 'utf8')) as { url: string }
    return url
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
