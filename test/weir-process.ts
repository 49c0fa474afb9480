/** The real `bin/weir` as child processes. Whoever starts one waits for what it says, and ends it. */
import assert from 'node:assert/strict'
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { signedFetch } from './signed-fetch.ts'

export const weirPath = join(import.meta.dirname, '../bin/weir')
/** A child that hangs is ended after this long, so that its test fails and nothing stays behind. */
const timeoutMilliseconds = process.env['WEIR_LONG'] === '1' ? 1_800_000 : 120_000

export interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  /** Standard output as it was. */
  readonly bytes: Buffer
}

export interface RunOptions {
  readonly input?: Uint8Array | string
  /** Another program and its arguments, to which the command line is given: `ip netns exec X`. */
  readonly through?: readonly string[]
  /** After this long it is ended. */
  readonly milliseconds?: number
}

type Stream = 'stdout' | 'stderr'

export class WeirProcess implements AsyncDisposable {
  readonly child: ChildProcessWithoutNullStreams
  readonly ended: Promise<Ended>
  readonly #chunks: Record<Stream, Buffer[]> = { stdout: [], stderr: [] }
  #waiting: (() => void)[] = []
  #over = false

  constructor(
    args: readonly string[],
    { through = [], milliseconds = timeoutMilliseconds }: RunOptions = {},
  ) {
    const [file, ...rest] = [...through, weirPath, ...args]
    this.child = spawn(file!, rest, { timeout: milliseconds, killSignal: 'SIGKILL' })
    // A child that ended no longer reads its input: its status tells.
    this.child.stdin.on('error', () => {})
    for (const stream of ['stdout', 'stderr'] as const)
      this.child[stream].on('data', (chunk: Buffer) => {
        this.#chunks[stream].push(chunk)
        this.#wake()
      })
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', (status, signal) => {
        this.#over = true
        this.#wake()
        const bytes = Buffer.concat(this.#chunks.stdout)
        resolve({ status, signal, stdout: this.said('stdout'), stderr: this.said('stderr'), bytes })
      })
    })
  }

  said(stream: Stream): string {
    return Buffer.concat(this.#chunks[stream]).toString()
  }

  /** Resolves when it has said something like `pattern`; fails when it ended without. */
  async until(stream: Stream, pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.said(stream))
      if (found !== null) return found
      assert.ok(!this.#over, `it ended and never said ${pattern}:\n${this.said('stderr')}`)
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal)
    return await this.ended
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#over) await this.end('SIGKILL')
  }
}

/** Runs a command to its end. */
export async function weir(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const started = new WeirProcess(args, options)
  started.child.stdin.end(options.input)
  return await started.ended
}

/** Runs a command that is to succeed; gives its standard output. */
export async function weirSays(args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await weir(args, options)
  assert.equal(status, 0, stderr)
  return stdout
}

export class WeirServer extends WeirProcess {
  url = ''

  /** Resolves when it answers: it says where after its sample is filled and its capture runs. */
  static async start(args: readonly string[], options: RunOptions = {}): Promise<WeirServer> {
    const server = new WeirServer(['start', ...args], options)
    server.url = (await server.until('stdout', /^Weir is running at (\S+),[^]*Ctrl-C$/m))[1]!
    return server
  }

  /** As SIGTERM asks; it must end well. */
  async stop(): Promise<Ended> {
    const ended = await this.end('SIGTERM')
    assert.deepEqual([ended.status, ended.signal], [0, null], ended.stderr)
    return ended
  }
}

/** The body of a GET, signed as its owner's commands do, as JSON. */
export async function getJson<T>(url: string): Promise<T> {
  const response = await signedFetch(url)
  assert.equal(response.status, 200, url)
  return (await response.json()) as T
}

/** What /healthz says, but for where the data are. */
export async function healthOf(url: string): Promise<object> {
  const { data: _, ...rest } = await getJson<Record<string, unknown>>(`${url}/healthz`)
  return rest
}

/** The value of each series of /metrics that is Weir's own, by name with labels. */
export async function metricsOf(url: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line.startsWith('weir_'))
  return new Map(
    lines.map((line) => {
      const cut = line.lastIndexOf(' ')
      return [line.slice(0, cut), Number(line.slice(cut + 1))]
    }),
  )
}

/** Logstores and their rows, of each project of a server. */
export async function rowsByLogstore(url: string): Promise<Record<string, Record<string, number>>> {
  const { projects } = await getJson<{
    projects: { name: string; logstores: { name: string; rows: number }[] }[]
  }>(`${url}/weir/v1/projects`)
  return Object.fromEntries(
    projects.map(({ name, logstores }) => [
      name,
      Object.fromEntries(logstores.map((each) => [each.name, each.rows])),
    ]),
  )
}

/** The process ids of a process's descendants. */
export function descendantsOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean),
  )
  return children.flatMap((child) => [Number(child), ...descendantsOf(Number(child))])
}
