import { join } from 'node:path'
import type { ColumnSpec } from '../base/columns.ts'
import type { SegmentFile, SegmentLease } from './contract.ts'
import { shardColumn } from './contract.ts'
import type { Catalogue } from './catalogue.ts'
import type { Disk } from '../base/disk.ts'
import type { RollupFile, Segment, SegmentTable } from './segments.ts'

/**
 * The segment files on disk: where they lie, who reads them, and when they go. A file that is no
 * segment any more is unlinked when the last lease on it is released; until then it is listed in the
 * catalogue's pending deletes, so a crash only postpones it.
 */
export class SegmentFiles {
  readonly #dataDir: string
  readonly #disk: Disk
  readonly #catalogue: Catalogue
  readonly #table: SegmentTable
  readonly #leases = new Map<string, number>()
  readonly #onFailure: (error: unknown) => void
  #sweeping: Promise<void> | undefined
  #sweepAgain = false
  #stopped = false

  constructor(
    dataDir: string,
    disk: Disk,
    catalogue: Catalogue,
    table: SegmentTable,
    onFailure: (error: unknown) => void,
  ) {
    this.#dataDir = dataDir
    this.#disk = disk
    this.#catalogue = catalogue
    this.#table = table
    this.#onFailure = onFailure
  }

  absolute(path: string): string {
    return join(this.#dataDir, path)
  }

  /** Below the data directory; the folder exists when this resolves. */
  async pathFor(
    { project, name }: { project: string; name: string },
    hour: number,
    level: number,
    id: number,
  ): Promise<string> {
    const [day, time] = new Date(hour * 3_600_000).toISOString().split('T')
    const folder = join('segments', project, name, day ?? '')
    await this.#disk.makeFolder(this.absolute(folder))
    return join(folder, `${(time ?? '').slice(0, 2)}-${level}-${id}.parquet`)
  }

  /** `columns`: those of their logstore. */
  lease(
    segments: readonly Segment[],
    columns: readonly ColumnSpec[],
    rollup?: string,
  ): SegmentLease {
    const rollupOf = ({ rollups }: Segment) => rollups.find(({ name }) => name === rollup)
    const whole = segments.filter(({ damage }) => damage === undefined)
    const paths = whole.flatMap((each) =>
      [each.path, rollupOf(each)?.path].filter((path) => path !== undefined),
    )
    for (const path of paths) this.#leases.set(path, (this.#leases.get(path) ?? 0) + 1)
    const names = [...columns, shardColumn].map(({ name }) => name)
    const fileOf = ({ path, rows, timeMin, timeMax }: Segment) => ({
      path: this.absolute(path),
      rows,
      timeMin,
      timeMax,
    })
    let held = true
    return {
      files: whole.map((each) => ({
        ...fileOf(each),
        lacks: names.filter((name) => !each.sums.has(name)),
        sameAsTime: each.sameAsTime,
        ...this.#rollup(each.id, rollupOf(each)),
      })),
      missing: segments.filter(({ damage }) => damage !== undefined).map(fileOf),
      release: () => {
        if (!held) return
        held = false
        let freed = false
        for (const path of paths) freed = this.#giveUp(path) || freed
        if (freed) void this.sweep()
      },
    }
  }

  /** Unlinks what is pending and not leased. Never rejects: what fails is reported and stays pending. */
  sweep(): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    this.#sweepAgain = true
    this.#sweeping ??= this.#run()
    return this.#sweeping
  }

  /** After it nothing is unlinked: leases may be released when the catalogue is closed already. */
  async stop(): Promise<void> {
    await this.sweep()
    this.#stopped = true
  }

  #rollup(id: number, file: RollupFile | undefined): Pick<SegmentFile, 'rollup' | 'rollupPart'> {
    if (file === undefined) return {}
    const rollup = this.absolute(file.path)
    return file.parts === 1 ? { rollup } : { rollup, rollupPart: { id, of: file.parts } }
  }

  #giveUp(path: string): boolean {
    const left = (this.#leases.get(path) ?? 1) - 1
    if (left > 0) this.#leases.set(path, left)
    else this.#leases.delete(path)
    return left === 0
  }

  async #run(): Promise<void> {
    while (this.#sweepAgain) {
      this.#sweepAgain = false
      try {
        await this.#unlinkPending()
      } catch (error) {
        this.#onFailure(error)
      }
    }
    this.#sweeping = undefined
  }

  async #unlinkPending(): Promise<void> {
    const paths = this.#table.pendingDeletes().filter((path) => !this.#leases.has(path))
    if (paths.length === 0) return
    for (const path of paths) await this.#disk.remove(this.absolute(path))
    this.#catalogue.transaction(() => this.#table.deleted(paths))
  }
}
