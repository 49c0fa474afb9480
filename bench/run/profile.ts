/** Where the CPU time of a replay goes: V8's sampling profile, added up by folder and by function. */
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The parts of a .cpuprofile file that are read (Chrome DevTools Protocol, Profiler.Profile). */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      /** From 0. */
      readonly lineNumber: number
    }
  }[]
  /** The node that was on top at each sample. */
  readonly samples: readonly number[]
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[]
}

export interface Share {
  readonly name: string
  readonly seconds: number
}

export interface TimeShares {
  readonly folders: readonly Share[]
  readonly functions: readonly Share[]
}

const root = join(import.meta.dirname, '../..')
const intervalMicroseconds = 500

/** Profiles `bin/weir` with these arguments; `folder` is emptied first. Its records are thrown away. */
export async function profileWeir(
  args: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<TimeShares> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const node = ['--cpu-prof', `--cpu-prof-interval=${intervalMicroseconds}`]
  const line = [...node, `--cpu-prof-dir=${folder}`, join(root, 'bin/weir'), ...args]
  const child = spawn(process.execPath, line, { stdio: ['ignore', 'ignore', 'inherit'], signal })
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, killedBy) => {
      if (code === 0) resolve()
      else reject(new Error(`weir ${args.join(' ')}: status ${code ?? killedBy}`))
    })
  })
  const profiles = readdirSync(folder)
    .filter((name) => name.endsWith('.cpuprofile'))
    .map((name): CpuProfile => JSON.parse(readFileSync(join(folder, name), 'utf8')))
  return addUp(profiles)
}

/** Time on top of the stack, longest first; what waited is left out. */
export function addUp(profiles: readonly CpuProfile[]): TimeShares {
  const folders = new Map<string, number>()
  const functions = new Map<string, number>()
  for (const { nodes, samples, timeDeltas } of profiles) {
    const places = new Map(nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]))
    samples.forEach((id, i) => {
      const place = places.get(id)
      if (place === undefined || place.functionName === '(idle)') return
      const seconds = (timeDeltas[i] ?? 0) / 1e6
      const name = place.at === '' ? place.functionName : `${place.functionName} ${place.at}`
      folders.set(place.folder, (folders.get(place.folder) ?? 0) + seconds)
      functions.set(name, (functions.get(name) ?? 0) + seconds)
    })
  }
  return { folders: sorted(folders), functions: sorted(functions) }
}

function sorted(seconds: ReadonlyMap<string, number>): Share[] {
  return [...seconds]
    .map(([name, each]) => ({ name, seconds: each }))
    .toSorted((a, b) => b.seconds - a.seconds)
}

function placeOf(its: CpuProfile['nodes'][number]['callFrame']): {
  readonly functionName: string
  readonly folder: string
  readonly at: string
} {
  const functionName = its.functionName === '' ? '(anonymous)' : its.functionName
  if (!its.url.startsWith('file:')) {
    const folder = functionName.startsWith('(') && its.url === '' ? functionName : 'Node'
    return { functionName, folder, at: its.url }
  }
  const path = fileURLToPath(its.url).replace(`${root}/`, '')
  const [top, below] = path.split('/')
  const folder = top === 'src' && below?.endsWith('.ts') === false ? `${below}/` : 'start'
  return { functionName, folder, at: `${path}:${its.lineNumber + 1}` }
}
