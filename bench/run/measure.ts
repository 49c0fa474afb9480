/**
 * Runs one program to its end and says what it cost: CPU seconds (user and system) of the process and
 * of all it waited for, its start included, and its peak memory.
 *
 * CPU comes from getrusage(RUSAGE_CHILDREN), to the microsecond, as the difference around a run: so only
 * one program runs at a time. Memory comes from GNU time, started between the two: on Linux a process
 * inherits the peak of the one that started it, and Node's own would hide that of small programs.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, openSync, closeSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import koffi from 'koffi'

export interface Command {
  readonly line: readonly string[]
  /** Where standard output goes: a path, nowhere (unless told), or into what the program `said`. */
  readonly output?: { readonly path: string } | 'nowhere' | 'said'
}

export interface Usage {
  readonly userSeconds: number
  readonly systemSeconds: number
  readonly wallSeconds: number
  readonly peakBytes: number
  /** The end of what the program said on standard error, and on standard output when told so. */
  readonly said: string
}

const gnuTime = '/usr/bin/time'
const rusageChildren = -1
const rusageBytes = 144
const saidBytesMax = 64 * 1024

/** What the machine lacks for measuring, or nothing. */
export function whatMeasuringLacks(): string | undefined {
  if (process.platform !== 'linux') return `Linux, and this is ${process.platform}`
  if (existsSync(gnuTime)) return undefined
  return `${gnuTime}: scripts/install-debian.sh bench installs it`
}

/**
 * @param folder emptied before the run; the program may write there
 * @param signal ends the program, and all that it started
 * @throws Error when the program does not end with status 0
 */
export async function measure(
  command: Command,
  folder: string,
  signal: AbortSignal,
): Promise<Usage> {
  signal.throwIfAborted()
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const peakPath = join(folder, 'peak')
  const output = typeof command.output === 'object' ? openSync(command.output.path, 'w') : undefined
  const before = childrenSeconds()
  const began = performance.now()
  const child = spawn(gnuTime, ['-f', '%M', '-o', peakPath, '--', ...command.line], {
    stdio: ['ignore', output ?? (command.output === 'said' ? 'pipe' : 'ignore'), 'pipe'],
    detached: true, // a process group of its own, so that the whole of it can be ended
  })
  if (output !== undefined) closeSync(output)
  const end = (): void => void (child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'))
  signal.addEventListener('abort', end, { once: true })
  let said = ''
  const keep = (text: string): void => void (said = (said + text).slice(-saidBytesMax))
  child.stdout?.setEncoding('utf8').on('data', keep)
  child.stderr?.setEncoding('utf8').on('data', keep)
  const status = await new Promise<string>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, killedBy) => resolve(String(code ?? killedBy)))
  })
  signal.removeEventListener('abort', end)
  signal.throwIfAborted()
  if (status !== '0') throw new Error(`${command.line.join(' ')}: status ${status}\n${said}`)
  const after = childrenSeconds()
  return {
    userSeconds: after.user - before.user,
    systemSeconds: after.system - before.system,
    wallSeconds: (performance.now() - began) / 1000,
    peakBytes: Number(readFileSync(peakPath, 'utf8')) * 1024,
    said,
  }
}

let getrusage: ((who: number, into: Uint8Array) => number) | undefined

/** CPU seconds of all children that ended and were waited for. */
export function childrenSeconds(): { user: number; system: number } {
  getrusage ??= koffi.load('libc.so.6').func('int getrusage(int who, _Out_ uint8_t *into)')
  const bytes = new Uint8Array(rusageBytes)
  if (getrusage!(rusageChildren, bytes) !== 0) throw new Error('getrusage failed')
  const words = new BigInt64Array(bytes.buffer) // seconds and microseconds: user, then system
  const seconds = (at: number): number => Number(words[at]) + Number(words[at + 1]) / 1e6
  return { user: seconds(0), system: seconds(2) }
}
