import {
  chmodSync,
  linkSync,
  mkdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { chmod, chown, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import type { SourceFile } from './engine.ts'

/** Whom query processes run as, where the server is root. */
export interface WorkerRights {
  readonly uid: number
  readonly gid: number
  /**
   * A folder for this alone, on the file system of the segments: it is emptied, and closed to all but root.
   * The folders around the segments keep others out: they must be closed to this user.
   */
  readonly folder: string
  /** Where it may reach a folder of its own, for what does not fit into memory; undefined: the system's. */
  readonly tempFolder?: string | undefined
}

/** Makes the folder anew; what a server before left in it is gone. */
export function prepareFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true, mode: 0o700 })
}

/** Whether the file system of the folder, which is there, knows hard links. */
export function takesLinks(folder: string): boolean {
  const [file, link] = [join(folder, 'file'), join(folder, 'link')]
  try {
    writeFileSync(file, '')
    linkSync(file, link)
    return true
  } catch {
    return false
  } finally {
    for (const each of [file, link]) rmSync(each, { force: true })
  }
}

/** Names that are remembered: a file keeps its name, so that what an engine knows of it holds. */
const namesMax = 10_000

/**
 * The working directory of one query process, with hard links to the segments of its query and nothing
 * else. A process with fewer rights than the server was put there while it was root, and reaches it, but
 * nothing above it, as itself; it owns neither the folder nor the segments, so it writes neither.
 */
export class LinkFolder {
  readonly path: string
  readonly #isForOthers: boolean
  readonly #names = new Map<string, string>()
  readonly #links = new Set<string>()
  #made = 0

  private constructor(path: string, isForOthers: boolean) {
    this.path = path
    this.#isForOthers = isForOthers
  }

  /** @param gid of those it is for; undefined: for the server's own user */
  static async make(folder: string, gid: number | undefined): Promise<LinkFolder> {
    const path = await mkdtemp(join(folder, 'query-'))
    if (gid !== undefined) {
      await chown(path, 0, gid)
      await chmod(path, 0o750)
    }
    return new LinkFolder(path, gid !== undefined)
  }

  /**
   * The files under names in the folder. Throws what the file system throws. Synchronous: a link takes
   * some 20 µs, and a tenth of a millisecond through the thread pool.
   */
  link(files: readonly SourceFile[]): SourceFile[] {
    return files.map(({ path, rollup, ...file }) =>
      rollup === undefined
        ? { ...file, path: this.#link(path) }
        : { ...file, path, rollup: this.#link(rollup) },
    )
  }

  #link(path: string): string {
    const name = this.#names.get(path) ?? `${this.#made++}.parquet`
    if (this.#links.has(name)) return name
    if (this.#names.size >= namesMax) this.#names.clear()
    this.#names.set(path, name)
    const linked = join(this.path, name)
    linkSync(path, linked)
    this.#links.add(name)
    if (!this.#isForOthers) return name
    const { mode } = statSync(linked)
    if ((mode & 0o004) === 0) chmodSync(linked, (mode & 0o777) | 0o004)
    return name
  }

  /** Takes the links out; the segments stay. Throws what the file system throws. */
  clear(): void {
    for (const name of this.#links) {
      this.#links.delete(name)
      unlinkSync(join(this.path, name))
    }
  }
}
