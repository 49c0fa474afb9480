/**
 * A disk that writes down every call, and what a power loss at any of them leaves: what was synced is
 * there, of what was not any part, in pieces of 512 bytes.
 *
 * SQLite goes around the disk. Its commits are synced when they return (WAL, synchronous = FULL) and run
 * within one turn of the event loop, so its files, copied at each call, are what a power loss leaves of
 * them: those at the call, or those at the next, as a commit may have come between.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { type Disk, errorCode, nodeDisk } from '../src/base/disk.ts'

/** Paths are below the data directory. */
type Call =
  | { readonly kind: 'create' | 'sync' | 'remove'; readonly path: string }
  | { readonly kind: 'write'; readonly path: string; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly path: string; readonly length: number }
  | { readonly kind: 'publish'; readonly path: string; readonly bytes: Buffer }
  /** Of the test: it was told something. */
  | { readonly kind: 'note'; readonly path: string }

export type RecordedCall = Call & { readonly catalogue: ReadonlyMap<string, Buffer> }

type Change = Extract<Call, { kind: 'write' | 'truncate' }>

const sectorBytes = 512
const catalogueFiles = ['catalogue.db', 'catalogue.db-wal']

export function powerDisk(root: string) {
  const calls: RecordedCall[] = []
  let known: ReadonlyMap<string, Buffer> = new Map()
  const record = (call: Call) => {
    const now = new Map(catalogueFiles.flatMap((name) => fileAt(root, name)))
    const same = [...now].every(([name, bytes]) => known.get(name)?.equals(bytes))
    if (!same || now.size !== known.size) known = now
    calls.push({ ...call, catalogue: known })
  }
  const below = (path: string) => relative(root, path)
  const disk: Disk = {
    ...nodeDisk,
    async create(full) {
      const path = below(full)
      const file = await nodeDisk.create(full)
      record({ kind: 'create', path })
      return {
        async write(bytes, at) {
          const written = await file.write(bytes, at)
          record({ kind: 'write', path, at, bytes: Buffer.from(bytes.subarray(0, written)) })
          return written
        },
        async sync() {
          await file.sync()
          record({ kind: 'sync', path })
        },
        async truncate(length) {
          await file.truncate(length)
          record({ kind: 'truncate', path, length })
        },
        close: () => file.close(),
      }
    },
    async truncate(full, length) {
      await nodeDisk.truncate(full, length)
      record({ kind: 'truncate', path: below(full), length })
      record({ kind: 'sync', path: below(full) })
    },
    async publish(temporary, full) {
      await nodeDisk.publish(temporary, full)
      record({ kind: 'publish', path: below(full), bytes: readFileSync(full) })
    },
    async remove(full) {
      await nodeDisk.remove(full)
      record({ kind: 'remove', path: below(full) })
    },
  }
  return { disk, calls, note: (path: string) => record({ kind: 'note', path }) }
}

function fileAt(root: string, name: string): [string, Buffer][] {
  try {
    return [[name, readFileSync(join(root, name))]]
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}

interface FileState {
  synced: Buffer
  unsynced: Change[]
  /** Unlinked, but the folder was not synced since. */
  removed: boolean
}

/** Says of each thing that was not synced whether it lasts. */
export type Lasts = () => boolean

/** Writes what a power loss after the first `count` calls leaves into a new folder. */
export function layOut(
  calls: readonly RecordedCall[],
  count: number,
  target: string,
  lasts: Lasts,
): void {
  const files = new Map<string, FileState>()
  for (const call of calls.slice(0, count)) apply(files, call)
  for (const name of ['log', 'segments', 'tmp']) mkdirSync(join(target, name), { recursive: true })
  for (const [path, { synced, unsynced, removed }] of files) {
    if (removed && lasts()) continue
    const bytes = unsynced.reduce((sofar, change) => partly(sofar, change, lasts), synced)
    mkdirSync(join(target, dirname(path)), { recursive: true })
    writeFileSync(join(target, path), bytes)
  }
  const { catalogue } = calls[Math.min(lasts() ? count : count - 1, calls.length - 1)]!
  for (const [name, bytes] of catalogue) writeFileSync(join(target, name), bytes)
}

function apply(files: Map<string, FileState>, call: Call): void {
  const { kind, path } = call
  const file = files.get(path)
  if (kind === 'write' || kind === 'truncate') file?.unsynced.push(call)
  if (kind === 'remove' && file) file.removed = true
  if (kind === 'sync' && file) {
    file.synced = file.unsynced.reduce(
      (sofar, change) => partly(sofar, change, always),
      file.synced,
    )
    file.unsynced = []
  }
  if (kind === 'create' || kind === 'publish') {
    for (const [other, { removed }] of files)
      if (removed && dirname(other) === dirname(path)) files.delete(other)
    const synced = kind === 'publish' ? call.bytes : Buffer.alloc(0)
    files.set(path, { synced, unsynced: [], removed: false })
  }
}

const always: Lasts = () => true

/** The file with some sectors of a change; what lies between them is zeros. */
function partly(before: Buffer, change: Change, lasts: Lasts): Buffer {
  if (change.kind === 'truncate')
    return lasts() ? Buffer.from(before.subarray(0, change.length)) : before
  let after = before
  for (let from = 0; from < change.bytes.length; from += sectorBytes) {
    if (!lasts()) continue
    const piece = change.bytes.subarray(from, from + sectorBytes)
    const size = Math.max(after.length, change.at + from + piece.length)
    const grown = Buffer.alloc(size)
    after.copy(grown)
    piece.copy(grown, change.at + from)
    after = grown
  }
  return after
}
