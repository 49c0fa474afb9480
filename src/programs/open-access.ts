/**
 * Who may ask a server: its keys, with a master key in a file of its own, and the key that commands of its owner on this
 * host find.
 */
import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import {
  type AccessKeys,
  AuditLog,
  type Caller,
  changeMasterKey,
  Nonces,
  openKeys,
  policyOf,
  RateLimits,
  verifyCloud,
  verifyLogService,
} from '../access/access.ts'
import type { AccessGate } from '../api/api.ts'
import type { CloudGate } from '../api/cloud/cloud.ts'
import { localKeyFile, readKeyFile } from '../api/client-key.ts'
import { describeError, WeirError } from '../base/errors.ts'
import { replaceFile } from '../base/replace-file.ts'

export interface Access extends AccessGate, CloudGate {
  readonly audit: AuditLog
  /** Made because there was none but the host's own: to be shown once. */
  readonly firstKey: { readonly id: string; readonly secret: string } | undefined
  /** What is broken now, a sentence each. */
  readonly problems: () => readonly string[]
  close(): void
}

const admin = policyOf([{ project: '*', level: 'admin' }])
export const localKeyName = 'commands on this host'

/** @throws WeirError MasterKeyInvalid, StorageBroken */
export function openAccess(dataDir: string, masterKeyFile: string): Access {
  const file = join(dataDir, 'access.db')
  const db = new DatabaseSync(file)
  try {
    chmodSync(file, 0o600)
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    const keys = openKeys(db, masterKeyFile, process.env)
    const audit = new AuditLog(db)
    const nonces = new Nonces(db)
    const rates = new RateLimits()
    const uses = saveUses(keys)
    const isFirst = keys.list().length === 0
    const firstKey = isFirst ? keys.create({ name: 'first', policy: admin }) : undefined
    keepLocalKey(dataDir, keys)
    return {
      keys,
      audit,
      firstKey,
      verify: (request) => verifyLogService(request, keys, Date.now()),
      verifyCloud: (request) => verifyCloud(request, keys, nonces, Date.now()),
      take: (caller, bytes) => takeOf(rates, caller, bytes),
      changeMasterKey: () => changeMasterKey(keys, masterKeyFile, process.env),
      begin: (intents) => audit.begin(intents.map((each) => ({ ...each, at: Date.now() }))),
      problems: () => [...uses.problems(), ...problemOf(audit)],
      close: () => {
        try {
          uses.stop()
        } finally {
          db.close()
        }
      },
    }
  } catch (error) {
    db.close()
    throw error
  }
}

const problemOf = (audit: AuditLog): string[] => {
  const problem = audit.problem()
  return problem === undefined ? [] : [problem]
}

const savedEveryMilliseconds = 60_000

/** Writes down when keys were used last; a disk that takes no more leaves them usable. */
function saveUses(keys: AccessKeys) {
  let problem: string | undefined
  const timer = setInterval(() => {
    try {
      keys.saveUses()
      problem = undefined
    } catch (error) {
      problem = `when keys were used last cannot be written down: ${describeError(error)}`
    }
  }, savedEveryMilliseconds).unref()
  return {
    problems: () => (problem === undefined ? [] : [problem]),
    stop(): void {
      clearInterval(timer)
      keys.saveUses()
    },
  }
}

function takeOf(rates: RateLimits, caller: Pick<Caller, 'keyId' | 'limits'>, bytes: number): void {
  const { bodyBytesMax = Infinity } = caller.limits
  if (bytes > bodyBytesMax)
    throw new WeirError(
      'PostBodyTooLarge',
      `key ${caller.keyId} sends at most ${bodyBytesMax} bytes at once, not ${bytes}`,
    )
  const wait = rates.take(caller.keyId, bytes, caller.limits, performance.now())
  if (wait === undefined) return
  const code = bytes > 0 ? 'WriteQuotaExceed' : 'ReadQuotaExceed'
  throw new WeirError(code, `key ${caller.keyId} asks more than its limits allow`, {
    hint: `Try again in ${Math.ceil(wait * 10) / 10} s`,
  })
}

/** The file is made anew when it or its key is gone. */
function keepLocalKey(dataDir: string, keys: AccessKeys): void {
  const file = join(dataDir, localKeyFile)
  if (isKept(file, keys)) return
  for (const { id, name } of keys.list()) if (name === localKeyName) keys.delete(id)
  const key = keys.create({ name: localKeyName, policy: admin })
  replaceFile(file, JSON.stringify(key), 0o600)
}

function isKept(file: string, keys: AccessKeys): boolean {
  try {
    readFileSync(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
  const { id, secret } = readKeyFile(file)
  return keys.list().some((each) => each.id === id) && keys.secretOf(id) === secret
}
