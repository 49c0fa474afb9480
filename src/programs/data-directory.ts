import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** What the program itself remembers, beside the log store. Every data directory has one. */
export const stateFile = 'weir.db'

/** Whether `weir start` has made this folder its data directory. */
export const isDataDirectory = (folder: string): boolean => existsSync(join(folder, stateFile))
