import { chmodSync, linkSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { chmod, chown, mkdtemp, unlink } from 'node:fs/promises'
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
}

/** Makes the folder anew; what a server before left in it is gone. */
export function prepareRights({ folder }: WorkerRights): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true, mode: 0o700 })
}

/**
 * The working directory of one query process, with hard links to the segments of its query and nothing
 * else. The process was put there while it was root, and reaches it, but nothing above it, as itself; it
 * owns neither the folder nor the segments, so it writes neither.
 */
export class LinkFolder {
  readonly path: string
  #links: string[] = []
  #made = 0

  private constructor(path: string) {
    this.path = path
  }

  static async make({ folder, gid }: WorkerRights): Promise<LinkFolder> {
    const path = await mkdtemp(join(folder, 'query-'))
    await chown(path, 0, gid)
    await chmod(path, 0o750)
    return new LinkFolder(path)
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
    const name = `${this.#made++}.parquet`
    const linked = join(this.path, name)
    linkSync(path, linked)
    this.#links.push(linked)
    const { mode } = statSync(linked)
    if ((mode & 0o004) === 0) chmodSync(linked, (mode & 0o777) | 0o004)
    return name
  }

  /** Takes the links out; the segments stay. */
  async clear(): Promise<void> {
    const links = this.#links
    this.#links = []
    await Promise.all(links.map((each) => unlink(each)))
  }
}
