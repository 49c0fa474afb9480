import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { WeirError } from '../base/errors.ts'
import { runningServer } from './running-server.ts'

/** What the program itself remembers, beside the log store. Every data directory has one. */
export const stateFile = 'weir.db'
/** Where closed windows wait until they are stored. */
export const spoolFolder = 'spool'

/** Whether `weir start` has made this folder its data directory. */
export const isDataDirectory = (folder: string): boolean => existsSync(join(folder, stateFile))

/** Works on a data directory itself, or through the server that has it. */
export async function withData<T>(
  dataDir: string,
  atServer: (server: string) => Promise<T>,
  here: () => Promise<T>,
): Promise<T> {
  if (!isDataDirectory(dataDir))
    throw new WeirError('DataDirInvalid', `there is no data directory ${dataDir}`, {
      hint: 'Give the folder that weir start --data has, ./data unless told',
    })
  try {
    return await here()
  } catch (error) {
    if (!(error instanceof WeirError) || error.code !== 'DataDirLocked') throw error
    const server = runningServer(dataDir)
    if (server === undefined) throw error
    return await atServer(server)
  }
}
