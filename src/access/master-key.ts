/** The key that the secrets of AccessKeys are encrypted with: in a file of its own, or in the environment. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { WeirError } from '../base/errors.ts'
import { replaceFile } from '../base/replace-file.ts'

const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16
export const masterKeyVariable = 'WEIR_MASTER_KEY'

export interface MasterKey {
  /** AES-256-GCM, bound to the name of what is encrypted. */
  seal(text: string, name: string): Uint8Array
  /** Throws MasterKeyInvalid when it was sealed with another key, under another name, or changed since. */
  open(sealed: Uint8Array, name: string): string
}

/**
 * Base64 of 32 bytes, from the environment's WEIR_MASTER_KEY, else from `file`, which is made with mode 0600 if it is not
 * there.
 * @throws WeirError MasterKeyInvalid
 */
export function openMasterKey(file: string, env: NodeJS.ProcessEnv): MasterKey {
  const given = env[masterKeyVariable]
  if (given !== undefined) return masterKeyOf(bytesOf(given, masterKeyVariable))
  try {
    return masterKeyOf(readKey(file) ?? makeKey(file))
  } catch (cause) {
    if (cause instanceof WeirError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new WeirError('MasterKeyInvalid', `the master key cannot be opened: ${reason}`, {
      place: file,
      cause,
    })
  }
}

function readKey(file: string): Buffer | undefined {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (stat === undefined) return undefined
  if ((stat.mode & 0o077) !== 0)
    throw new WeirError('MasterKeyInvalid', 'others can read the master key', {
      place: file,
      hint: `chmod 600 ${file}`,
    })
  return bytesOf(readFileSync(file, 'utf8'), file)
}

function makeKey(file: string): Buffer {
  const made = randomBytes(keyBytes)
  replaceFile(file, `${made.toString('base64')}\n`, 0o600)
  return made
}

function bytesOf(text: string, place: string): Buffer {
  const bytes = Buffer.from(text.trim(), 'base64')
  if (bytes.length === keyBytes && bytes.toString('base64') === text.trim()) return bytes
  throw new WeirError('MasterKeyInvalid', `the master key is not ${keyBytes} bytes in base64`, {
    place,
    hint: 'Restore it: without it no secret of a key can be read. A new one is made by openssl rand -base64 32',
  })
}

function masterKeyOf(key: Buffer): MasterKey {
  return {
    seal(text, name) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(name))
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), body])
    },
    open(sealed, name) {
      const bytes = Buffer.from(sealed)
      const nonce = bytes.subarray(0, nonceBytes)
      const tag = bytes.subarray(nonceBytes, nonceBytes + tagBytes)
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
        decipher.setAAD(Buffer.from(name)).setAuthTag(tag)
        const rest = bytes.subarray(nonceBytes + tagBytes)
        return Buffer.concat([decipher.update(rest), decipher.final()]).toString('utf8')
      } catch (cause) {
        throw new WeirError('MasterKeyInvalid', `the secret of ${name} cannot be decrypted`, {
          hint: 'It was encrypted with another master key: give that one back',
          cause,
        })
      }
    },
  }
}
