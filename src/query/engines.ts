import { join } from 'node:path'
import { closeEngine, createEngine, createShutEngine } from './engine.ts'
import type { Engine, EngineLimits } from './engine.ts'
import type { Lookups } from './udf-lookups.ts'

/** Projects whose engine is kept: one that is idle has some 5 MB. */
const keptMax = 4

/** For whom an engine is taken. */
export interface EngineUser {
  /** Those of one scope may follow each other on an engine; undefined: nobody after it. */
  readonly scope: string | undefined
  readonly memoryBytesMax?: number
}

/**
 * The engines of one process, in which one query runs at a time. Making one costs 12 to 20 ms, which is more than
 * most queries do: it is kept for the next query of its scope. What was in the way of a query, or was stopped
 * in it, is not kept.
 */
export class Engines {
  readonly #limits: EngineLimits
  readonly #lookups: Lookups
  /** Whether the files of a query come into the working directory. */
  readonly #isLinked: boolean
  /** By scope; that of the last query comes last. */
  readonly #kept = new Map<string, Engine>()
  #made = 0
  #spare: Promise<Engine>

  constructor(limits: EngineLimits, lookups: Lookups, isLinked: boolean) {
    this.#limits = limits
    this.#lookups = lookups
    this.#isLinked = isLinked
    this.#spare = this.#make(isLinked)
  }

  /** Resolves when the next query of whatever scope finds one. */
  async ready(): Promise<void> {
    await this.#spare
  }

  /** Give it back by `give`, whatever becomes of it. */
  async take({ scope, memoryBytesMax = Infinity }: EngineUser): Promise<Engine> {
    const kept = scope === undefined ? undefined : this.#kept.get(scope)
    if (memoryBytesMax < this.#limits.memoryBytesMax && this.#isLinked) return this.#make(false)
    if (kept === undefined) return this.#spare
    this.#kept.delete(scope!)
    return kept
  }

  /** @param isClean it ended by itself */
  async give(engine: Engine, { scope }: EngineUser, isClean: boolean): Promise<void> {
    const wasSpare = engine === (await this.#spare)
    if (!isClean || !engine.isShut || scope === undefined) closeEngine(engine)
    else this.#keep(scope, engine)
    if (wasSpare) this.#spare = this.#make(this.#isLinked)
    await this.#spare
  }

  #keep(scope: string, engine: Engine): void {
    this.#kept.set(scope, engine)
    const [oldest] = this.#kept
    if (this.#kept.size <= keptMax || oldest === undefined) return
    closeEngine(oldest[1])
    this.#kept.delete(oldest[0])
  }

  #make(isShut: boolean): Promise<Engine> {
    const { tempDirectory } = this.#limits
    // Each its own: an engine takes its folder away when it is closed.
    const own = tempDirectory === '' ? '' : join(tempDirectory, String(this.#made++))
    const limits = { ...this.#limits, tempDirectory: own }
    return isShut ? createShutEngine(limits, this.#lookups) : createEngine(limits, this.#lookups)
  }
}
