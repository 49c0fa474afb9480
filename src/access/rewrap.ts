/**
 * The keys of a server, opened with the master key that their secrets are encrypted with, and that master key changed.
 * A change is three steps, each of them whole or not at all: the new master key is in a file beside the old one; all
 * secrets are encrypted with it; it has the old one's name. Whoever opens the keys next ends what was cut short.
 */
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { WeirError } from '../base/errors.ts'
import { replaceFile } from '../base/replace-file.ts'
import { AccessKeys } from './access-keys.ts'
import { masterKeyVariable, openMasterKey } from './master-key.ts'

/** What secrets are encrypted with until the next start, which encrypts them with WEIR_MASTER_KEY. */
const oldVariable = 'WEIR_MASTER_KEY_OLD'

/** @throws WeirError MasterKeyInvalid */
export function openKeys(db: DatabaseSync, file: string, env: NodeJS.ProcessEnv): AccessKeys {
  const master = openMasterKey(file, env)
  const isGiven = env[masterKeyVariable] !== undefined
  const next = nextOf(file)
  let keys: AccessKeys
  try {
    keys = new AccessKeys(db, master)
  } catch (error) {
    const old = env[oldVariable]
    const isOther = isGiven ? old !== undefined : existsSync(next)
    if (!isOther || !(error instanceof WeirError)) throw error
    const other = openMasterKey(next, isGiven ? { [masterKeyVariable]: old } : {})
    keys = new AccessKeys(db, other)
    if (isGiven) keys.rewrap(master)
    else takeNext(file)
  }
  rmSync(next, { force: true })
  return keys
}

/**
 * From now on secrets are encrypted with a new master key, which is in `file`.
 *
 * @returns where the old one is kept: backups from before need it
 * @throws WeirError ParameterInvalid when it is in the environment
 */
export function changeMasterKey(keys: AccessKeys, file: string, env: NodeJS.ProcessEnv): string {
  if (env[masterKeyVariable] !== undefined)
    throw new WeirError('ParameterInvalid', `the master key is given by ${masterKeyVariable}`, {
      hint: `Start the server once with the new one there and the old one in ${oldVariable}`,
    })
  keys.rewrap(openMasterKey(nextOf(file), {}))
  return takeNext(file)
}

const nextOf = (file: string): string => `${file}.next`

function takeNext(file: string): string {
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const kept = `${file}.until-${time}`
  replaceFile(kept, readFileSync(file, 'utf8'), 0o600)
  renameSync(nextOf(file), file)
  return kept
}
