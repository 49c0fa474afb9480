/**
 * Watches a topology file while the program runs. It is looked at once a second (a file that an editor replaces by
 * renaming another one over it cannot be watched for events); what was read is taken when its text is a good
 * topology, else the last good one stays in force and the fault is shown until the file is good again.
 */
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { describeError, WeirError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { unixSeconds } from '../base/time.ts'
import { parseTopology, type Topology, type TopologyVersions } from '../vpc/vpc.ts'
import { ownerOf } from './file-owner.ts'

/**
 * Reads and checks a topology file, for those who keep its text too.
 * @throws WeirError FileUnreadable, TopologyInvalid
 */
export async function readTopologyFile(
  path: string,
): Promise<{ readonly topology: Topology; readonly text: string }> {
  const { readTopologyText } = await import('../vpc/topology.ts')
  const text = readTopologyText(path)
  return { topology: await parseTopology(text, path), text }
}

export interface TopologyFileEffects {
  /** Between two looks. */
  readonly lookMilliseconds: number
  now(): number
}

const realEffects: TopologyFileEffects = { lookMilliseconds: 1000, now: () => Date.now() }

/**
 * A file changed this shortly before it was read may change again without a new time of change: clocks of file
 * systems tick in steps of some milliseconds, some in steps of two seconds.
 */
const settledMilliseconds = 3000

export class TopologyFile {
  readonly #path: string
  readonly #changed: (topology: Topology, text: string) => void | Promise<void>
  readonly #log: Log
  readonly #effects: TopologyFileEffects
  #problem: string | undefined
  /** Of the text that was taken last, and of the one (or the reading error) that was last found wrong. */
  #taken: string
  #refused: string | undefined
  /** What told the file that was read from others; undefined when it has to be read again. */
  #stamp: string | undefined
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #stopped = false

  /**
   * @param text what is in force now; only another text is a change
   * @param changed takes a new topology; a WeirError it throws is a problem of the file, too
   */
  constructor(
    path: string,
    text: string,
    changed: (topology: Topology, text: string) => void | Promise<void>,
    log: Log,
    effects: TopologyFileEffects = realEffects,
  ) {
    this.#path = path
    this.#taken = hashOf(text)
    this.#changed = changed
    this.#log = log
    this.#effects = effects
  }

  /** Looks again and again, until `stop`. */
  start(): void {
    this.#timer = setTimeout(() => {
      void this.look().then(() => {
        if (!this.#stopped) this.start()
      })
    }, this.#effects.lookMilliseconds)
  }

  /** After this no topology is handed over. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#looking
  }

  /** A sentence on what is wrong with the file now, undefined when nothing is. */
  problem(): string | undefined {
    return this.#problem
  }

  /** Looks at the file now, or waits for a look under way. Never rejects for what the file is. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #look(): Promise<void> {
    let text: string
    try {
      const stamp = await this.#stampNow()
      if (stamp !== undefined && stamp === this.#stamp) return
      text = await readFile(this.#path, 'utf8')
      this.#stamp = stamp
    } catch (error) {
      this.#stamp = undefined
      const reason = (error as NodeJS.ErrnoException).code ?? String(error)
      this.#refuse(reason, `the topology file ${this.#path} cannot be read: ${reason}`)
      return
    }
    await this.#take(text)
  }

  /** Another one when the file was written or replaced; undefined while that cannot be told. */
  async #stampNow(): Promise<string | undefined> {
    const { mtimeMs, mtimeNs, ctimeNs, size, ino } = await stat(this.#path, { bigint: true })
    if (this.#effects.now() - Number(mtimeMs) < settledMilliseconds) return undefined
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`
  }

  async #take(text: string): Promise<void> {
    const hash = hashOf(text)
    if (hash === this.#taken) return this.#good()
    if (hash === this.#refused) return
    try {
      const topology = await parseTopology(text, this.#path)
      if (this.#stopped) return
      await this.#changed(topology, text)
    } catch (error) {
      if (!(error instanceof WeirError)) throw error
      this.#refuse(hash, `the topology in force is an older one: ${describeError(error)}`)
      return
    }
    this.#taken = hash
    this.#good()
  }

  #good(): void {
    this.#problem = undefined
    this.#refused = undefined
  }

  #refuse(what: string, problem: string): void {
    this.#problem = problem
    if (what !== this.#refused) this.#log.warn('topology file not taken', { problem })
    this.#refused = what
  }
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/**
 * Keeps a topology's text as the newest version, in force from now on, with whom the file belongs to.
 * @returns the topology, numbered and dated as that version
 */
export function keepVersion(
  versions: TopologyVersions,
  topology: Topology,
  text: string,
  now: number,
): Topology {
  const { version } = versions.add(text, topology.file, unixSeconds(now), ownerOf(topology.file))
  return Object.freeze({ ...topology, version: version.number, loadedAt: version.since })
}
