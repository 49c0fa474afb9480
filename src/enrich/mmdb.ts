/** MMDB files, for the family they are made for. */
import { Reader, type Response } from 'mmdb-lib'
import { ipv4Text, ipv6Text } from '../base/ip.ts'
import { WeirError } from '../base/errors.ts'
import type { Family } from './address.ts'
import type { FamilyFiles } from './contract.ts'
import { readFile, unreadable } from './read-file.ts'

export type MmdbRecord = Readonly<Record<string, unknown>>

export class Mmdb {
  readonly #readers: Partial<Record<Family, Reader<Response>>> = {}

  /**
   * Whichever of the two families a file is for: an IPv6 address looked up in a file for IPv4 does not fail, but
   * gives the place of its first 32 bits.
   * @throws WeirError FileUnreadable; ConfigInvalid when a file for IPv4 is given for IPv6
   */
  constructor(files: FamilyFiles) {
    if (typeof files === 'string') {
      const reader = open(files)
      this.#readers[4] = reader
      if (reader.metadata.ipVersion === 6) this.#readers[6] = reader
      return
    }
    if (files.ipv4 !== undefined) this.#readers[4] = open(files.ipv4)
    if (files.ipv6 === undefined) return
    const reader = open(files.ipv6)
    if (reader.metadata.ipVersion !== 6)
      throw new WeirError('ConfigInvalid', `${files.ipv6} is for IPv4 addresses only`, {
        hint: 'Give it as the file for IPv4, and another for IPv6',
      })
    this.#readers[6] = reader
  }

  get(family: Family, words: Uint32Array): MmdbRecord | undefined {
    const reader = this.#readers[family]
    if (reader === undefined) return undefined
    const record: unknown = reader.get(family === 4 ? ipv4Text(words[0]!) : ipv6Text(words))
    return isRecord(record) ? record : undefined
  }
}

function open(path: string): Reader<Response> {
  const bytes = readFile(path)
  try {
    return new Reader(bytes)
  } catch (error) {
    throw unreadable(path, error)
  }
}

const isRecord = (value: unknown): value is MmdbRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A value of a record, or of one within it. */
export function inside(record: unknown, ...path: readonly string[]): unknown {
  let value = record
  for (const name of path) value = isRecord(value) ? value[name] : undefined
  return value
}

/** A text that says something. */
export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' && value !== '-' ? value : undefined
