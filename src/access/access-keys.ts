import { randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { WeirError } from '../base/errors.ts'
import { type Caller, callerOf } from './caller.ts'
import type { MasterKey } from './master-key.ts'
import { parsePolicy, type Policy, type PolicyDocument } from './policy.ts'
import { changedLimits, type KeyLimits, type LimitsChange, parseLimits } from './rate-limits.ts'
import { inTransaction, openTables } from './tables.ts'

export interface NewKey {
  /** For people. */
  readonly name: string
  readonly policy: PolicyDocument
  readonly limits?: KeyLimits
  /** Unix seconds; after it the key is as if disabled. */
  readonly expiresAt?: number
  /** Whose it is, for good: it touches nothing of another account. Of all accounts unless told. */
  readonly account?: string
}

export interface KeyEntry extends NewKey {
  readonly policy: Policy
  readonly id: string
  readonly enabled: boolean
  /** Unix seconds. */
  readonly createdAt: number
  /** Unix seconds; undefined when it never was. */
  readonly usedAt: number | undefined
}

interface Kept {
  readonly entry: KeyEntry
  readonly secret: string
  readonly caller: Caller
  usedAt: number | undefined
}

const nameMax = 128
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** The keys of a server. Secrets are encrypted at rest, since a signature is checked with the secret itself. */
export class AccessKeys {
  readonly #db: DatabaseSync
  #master: MasterKey
  readonly #now: () => number
  readonly #keys = new Map<string, Kept>()
  /** Used since `saveUses`. */
  readonly #used = new Set<string>()

  /**
   * @param now Unix seconds
   * @throws WeirError MasterKeyInvalid
   */
  constructor(
    db: DatabaseSync,
    master: MasterKey,
    now: () => number = () => Math.floor(Date.now() / 1000),
  ) {
    this.#db = db
    this.#master = master
    this.#now = now
    openTables(db)
    for (const row of db.prepare('SELECT * FROM access_keys').all()) this.#keep(row)
  }

  /**
   * The secret is told here and never again.
   *
   * @param wanted with a `secret` when the key has one elsewhere already: 16 to 128 letters, digits and marks
   * @throws WeirError ParameterInvalid
   */
  create(wanted: NewKey & { readonly secret?: string }): {
    readonly id: string
    readonly secret: string
  } {
    const { name, secret = randomText(30), expiresAt, account } = wanted
    checkName(name)
    checkAccount(account)
    if (!/^[!-~]{16,128}$/.test(secret))
      throw new WeirError('ParameterInvalid', "a key's secret has 16 to 128 ASCII characters")
    const policy = JSON.stringify(parsePolicy(wanted.policy))
    const limits = JSON.stringify(parseLimits(wanted.limits ?? {}))
    const id = `LTAI${randomText(20)}`
    const sealed = this.#master.seal(secret, id)
    this.#db
      .prepare('INSERT INTO access_keys VALUES (?, ?, ?, ?, ?, 1, ?, ?, NULL, ?)')
      .run(id, name, sealed, policy, limits, this.#now(), expiresAt ?? null, account ?? null)
    this.#reload(id)
    return { id, secret }
  }

  /** The oldest first. */
  list(): readonly KeyEntry[] {
    return [...this.#keys.values()]
      .map(({ entry, usedAt }) => ({ ...entry, usedAt }))
      .toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
  }

  /** Throws AccessKeyNotExist. */
  get(id: string): KeyEntry {
    const { entry, usedAt } = this.#kept(id)
    return { ...entry, usedAt }
  }

  /** What is left out stays, of the limits too. Throws AccessKeyNotExist, ParameterInvalid. */
  change(
    id: string,
    change: {
      readonly name?: string
      readonly policy?: unknown
      readonly enabled?: boolean
      readonly limits?: LimitsChange
    },
  ): KeyEntry {
    const { entry } = this.#kept(id)
    const { name, enabled } = { ...entry, ...change }
    checkName(name)
    const limits = changedLimits(entry.limits ?? {}, change.limits ?? {})
    const policy = change.policy === undefined ? entry.policy : parsePolicy(change.policy)
    this.#db
      .prepare('UPDATE access_keys SET name = ?, policy = ?, enabled = ?, limits = ? WHERE id = ?')
      .run(name, JSON.stringify(policy), enabled ? 1 : 0, JSON.stringify(limits), id)
    this.#reload(id)
    return this.get(id)
  }

  /** Throws AccessKeyNotExist. */
  delete(id: string): void {
    this.#kept(id)
    this.#db.prepare('DELETE FROM access_keys WHERE id = ?').run(id)
    this.#keys.delete(id)
    this.#used.delete(id)
  }

  /** Of a key that may be used. Throws InvalidAccessKeyId, Unauthorized when it is disabled or over. */
  secretOf(id: string): string {
    return this.#usable(id).secret
  }

  /** Whose signature was found good. Throws as `secretOf`. */
  caller(id: string): Caller {
    const kept = this.#usable(id)
    kept.usedAt = this.#now()
    this.#used.add(id)
    return kept.caller
  }

  /** Writes down when keys were used last: to be called now and then, and at the end. */
  saveUses(): void {
    if (this.#used.size === 0) return
    const save = this.#db.prepare('UPDATE access_keys SET used_at = ? WHERE id = ?')
    inTransaction(this.#db, () => {
      for (const id of this.#used) save.run(this.#keys.get(id)?.usedAt ?? null, id)
    })
    this.#used.clear()
  }

  /**
   * From now on all secrets are encrypted with another master key. It is done for all, or for none; what was encrypted
   * with the one before is wiped from the file.
   */
  rewrap(master: MasterKey): void {
    this.#db.exec('PRAGMA secure_delete = ON')
    const save = this.#db.prepare('UPDATE access_keys SET secret = ? WHERE id = ?')
    inTransaction(this.#db, () => {
      for (const [id, { secret }] of this.#keys) save.run(master.seal(secret, id), id)
    })
    this.#master = master
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }

  #usable(id: string): Kept {
    const kept = this.#keys.get(id)
    if (kept === undefined)
      throw new WeirError('InvalidAccessKeyId', `The access key id you provided is invalid: ${id}.`)
    const { enabled, expiresAt } = kept.entry
    if (!enabled || (expiresAt !== undefined && expiresAt <= this.#now()))
      throw new WeirError('Unauthorized', `The access key ${id} is disabled.`)
    return kept
  }

  #kept(id: string): Kept {
    const kept = this.#keys.get(id)
    if (kept !== undefined) return kept
    throw new WeirError('AccessKeyNotExist', `there is no key ${id}`)
  }

  #reload(id: string): void {
    this.#keep(this.#db.prepare('SELECT * FROM access_keys WHERE id = ?').get(id)!)
  }

  #keep(row: Record<string, unknown>): void {
    const id = String(row['id'])
    const expires = row['expires_at']
    const used = row['used_at']
    const account = row['account']
    const entry: KeyEntry = {
      id,
      name: String(row['name']),
      policy: parsePolicy(JSON.parse(String(row['policy']))),
      limits: parseLimits(JSON.parse(String(row['limits']))),
      enabled: row['enabled'] === 1,
      createdAt: Number(row['created_at']),
      usedAt: used === null ? undefined : Number(used),
      ...(expires === null ? {} : { expiresAt: Number(expires) }),
      ...(typeof account === 'string' ? { account } : {}),
    }
    this.#keys.set(id, {
      entry,
      secret: this.#master.open(row['secret'] as Uint8Array, id),
      caller: callerOf(id, entry.name, entry.policy, entry.limits ?? {}, entry.account),
      usedAt: this.#keys.get(id)?.usedAt ?? entry.usedAt,
    })
  }
}

function checkName(name: string): void {
  if (name.trim() !== '' && name.length <= nameMax && !/\p{Cc}/u.test(name)) return
  throw new WeirError('ParameterInvalid', `a key's name has 1 to ${nameMax} printable characters`)
}

/** As a topology names accounts: the cloud's are 16 digits. */
function checkAccount(account: string | undefined): void {
  if (account === undefined || /^[^\s\p{Cc}]{1,64}$/u.test(account)) return
  throw new WeirError(
    'ParameterInvalid',
    'an account is named by 1 to 64 characters without spaces, as 1234567890123456',
  )
}

/** Bytes past the last whole multiple are left out, so each letter is as likely. */
function randomText(length: number): string {
  let text = ''
  while (text.length < length)
    for (const byte of randomBytes(length))
      if (byte < 256 - (256 % letters.length) && text.length < length)
        text += letters[byte % letters.length]!
  return text
}
