/**
 * The file layer: every byte of a log, and every rename, sync and unlink of a file that must last, passes
 * here, so a test can record, shorten or fail each of them. Errors are the system's own (`code`).
 */
import { statfsSync } from 'node:fs'
import * as fs from 'node:fs/promises'

export interface DiskFile {
  /** Writes once; the count may be short when the disk is full. */
  write(bytes: Uint8Array, position: number): Promise<number>
  /** fdatasync: the content and the size survive power loss. */
  sync(): Promise<void>
  truncate(length: number): Promise<void>
  close(): Promise<void>
}

export interface Disk {
  /** A new file for writing; fails with EEXIST when it is there. Its folder is synced. */
  create(path: string): Promise<DiskFile>
  /** Cuts an existing file and syncs it. */
  truncate(path: string, length: number): Promise<void>
  read(path: string): Promise<Buffer>
  /** Some bytes of a file; fewer when it ends before. */
  readPart(path: string, position: number, length: number): Promise<Buffer>
  size(path: string): Promise<number>
  /** The names in a folder, sorted; folders end in "/". A folder that is not there has none. */
  list(folder: string): Promise<readonly string[]>
  /** Makes a folder and those above it, and syncs the one above. */
  makeFolder(folder: string): Promise<void>
  /** Gives a finished file its name for good: file synced, renamed, folder synced. */
  publish(temporary: string, path: string): Promise<void>
  /** Removes a file; one that is gone already is fine. */
  remove(path: string): Promise<void>
  /** Removes a folder if it is empty. */
  removeEmptyFolder(folder: string): Promise<void>
  /** Bytes an ordinary user may still write on the disk of this folder. */
  freeBytes(folder: string): number
}

export const nodeDisk: Disk = {
  async create(path) {
    const handle = await fs.open(path, 'wx')
    await syncFolder(folderOf(path))
    return {
      write: async (bytes, position) =>
        (await handle.write(bytes, 0, bytes.length, position)).bytesWritten,
      sync: () => handle.datasync(),
      truncate: (length) => handle.truncate(length),
      close: () => handle.close(),
    }
  },
  async truncate(path, length) {
    const handle = await fs.open(path, 'r+')
    try {
      await handle.truncate(length)
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
  read: (path) => fs.readFile(path),
  async readPart(path, position, length) {
    const handle = await fs.open(path, 'r')
    try {
      const { buffer, bytesRead } = await handle.read(
        Buffer.allocUnsafe(length),
        0,
        length,
        position,
      )
      return buffer.subarray(0, bytesRead)
    } finally {
      await handle.close()
    }
  },
  size: async (path) => (await fs.stat(path)).size,
  async list(folder) {
    const entries = await ignoring('ENOENT', [], fs.readdir(folder, { withFileTypes: true }))
    return entries.map((each) => (each.isDirectory() ? `${each.name}/` : each.name)).sort()
  },
  async makeFolder(folder) {
    const first = await fs.mkdir(folder, { recursive: true })
    if (first === undefined) return
    for (let each = folder; each.length >= first.length; each = folderOf(each))
      await syncFolder(folderOf(each))
  },
  async publish(temporary, path) {
    await syncPath(temporary, 'r+')
    await fs.rename(temporary, path)
    await syncFolder(folderOf(path))
  },
  remove: (path) => ignoring('ENOENT', undefined, fs.unlink(path)),
  removeEmptyFolder: (folder) =>
    ignoring('ENOTEMPTY', undefined, ignoring('ENOENT', undefined, fs.rmdir(folder))),
  freeBytes(folder) {
    const stats = statfsSync(folder)
    return stats.bavail * stats.bsize
  },
}

/** The `code` of a system error, or undefined. */
export const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined

/** No room, no quota, or larger than a file may be: more space cures it. */
export const isFull = (error: unknown): boolean =>
  ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(errorCode(error) ?? '')

const folderOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf('/'), 1))

const syncFolder = (folder: string): Promise<void> => syncPath(folder, 'r')

async function syncPath(path: string, flags: string): Promise<void> {
  const handle = await fs.open(path, flags)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function ignoring<T>(code: string, instead: T, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (errorCode(error) === code) return instead
    throw error
  }
}
