/** What runs in the namespaces of `npm run bench live`: the sender of frames, and one tool at a time. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { NamespacePair } from '../../test/network-namespaces.ts'
import type { SendOrder, Sent } from './frame-sender.ts'
import { exporterPort, interfaceName, type LiveTool } from './live-tools.ts'
import { childrenSeconds } from './measure.ts'

/** Frames come in on one processor, collectors run on the other. */
const processor = { frames: '1', tools: '0' } as const
/** A collector runs for weeks: what it takes to begin is not what a packet costs. */
const warmPackets = 300_000
const readyMilliseconds = 30_000
const endMilliseconds = 120_000
const here = import.meta.dirname

export interface Cost {
  readonly sent: Sent
  /** CPU of the tool and its children after it had begun, its end and last records included. */
  readonly toolNanoseconds: number
  readonly counted: number
  readonly peakBytes: number
}

export class LiveNetwork implements AsyncDisposable {
  readonly #pair = new NamespacePair({ ipv6: false })
  readonly #folder: string
  readonly #sender: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(folder: string) {
    this.#folder = folder
    const link = execFileSync('ip', ['-n', this.#pair.guest, '-o', 'link', 'show', interfaceName], {
      encoding: 'utf8',
    })
    const script = join(here, 'frame-sender.ts')
    const args = [script, String(Number.parseInt(link)), String(exporterPort)]
    const program = [process.execPath, ...args]
    this.#sender = this.#start(this.#pair.guest, processor.frames, program)
    this.#lines = createInterface({ input: this.#sender.stdout! })[Symbol.asyncIterator]()
  }

  /** @param folder where tools write */
  static async open(folder: string): Promise<LiveNetwork> {
    const network = new LiveNetwork(folder)
    await network.#lines.next()
    return network
  }

  async send(order: SendOrder): Promise<Sent> {
    this.#sender.stdin!.write(`${JSON.stringify(order)}\n`)
    const { value } = await this.#lines.next()
    if (value === undefined) throw new Error('the sender of frames has ended')
    return JSON.parse(value as string) as Sent
  }

  /** What it costs to have a tool look at so many frames, once it has seen some already. */
  async cost(tool: LiveTool, order: SendOrder): Promise<Cost> {
    const before = sum(childrenSeconds())
    let sent: Sent | undefined
    const warm = { ...order, packets: Math.min(warmPackets, order.packets) }
    const { counted, readyNanoseconds, peakBytes } = await this.#with(
      tool,
      async () => void (sent = await this.send(order)),
      async () => void (await this.send(warm)),
    )
    const total = (sum(childrenSeconds()) - before) * 1e9
    return {
      sent: sent!,
      toolNanoseconds: total - readyNanoseconds,
      counted: counted - warm.packets,
      peakBytes,
    }
  }

  /** Round trip times in microseconds, ascending, while `tool` looks on, or nobody. */
  async roundTrips(tool: LiveTool | undefined, count: number): Promise<number[]> {
    const script = join(here, 'round-trips.ts')
    const echo = this.#start(this.#pair.host, processor.frames, [
      process.execPath,
      script,
      'echo',
      '10.99.0.2',
    ])
    const gone = once(echo, 'close')
    try {
      await once(echo.stdout!, 'data')
      let times = ''
      const ask = async () => {
        const asking = [process.execPath, script, 'ask', '10.99.0.2', String(count)]
        const child = this.#start(this.#pair.guest, processor.tools, asking)
        for await (const text of child.stdout!.setEncoding('utf8')) times += text as string
      }
      if (tool === undefined) await ask()
      else await this.#with(tool, ask)
      return (JSON.parse(times) as number[]).toSorted((a, b) => a - b)
    } finally {
      echo.kill('SIGKILL')
      await gone
    }
  }

  /** Runs `work` while the tool captures, then lets it end. */
  async #with(
    tool: LiveTool,
    work: () => Promise<void>,
    warmUp: () => Promise<void> = () => Promise.resolve(),
  ): Promise<{ counted: number; readyNanoseconds: number; peakBytes: number }> {
    rmSync(this.#folder, { recursive: true, force: true })
    mkdirSync(this.#folder, { recursive: true })
    const { guest } = this.#pair
    const child = this.#start(guest, processor.tools, tool.command(this.#folder))
    let said = ''
    const closed = once(child, 'close')
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (said += text))
    try {
      for (const until = performance.now() + readyMilliseconds; ; await sleep(20)) {
        if (tool.saysReady ? said.includes('ready') : this.#hasPacketSocket()) break
        if (child.exitCode !== null) throw new Error(`${tool.name} has ended: ${said}`)
        if (performance.now() > until) throw new Error(`${tool.name} does not begin: ${said}`)
      }
      await warmUp()
      const readyNanoseconds = groupNanoseconds(child.pid!)
      await work()
      const peakBytes = groupPeakBytes(child.pid!)
      said += tool.ask?.(this.#folder) ?? ''
      if (tool.stop === 'end of input') child.stdin!.end()
      else child.kill(tool.stop)
      const end = await Promise.race([closed, sleep(endMilliseconds, undefined, { ref: false })])
      if (end === undefined) throw new Error(`${tool.name} does not end`)
      return { counted: tool.counted(this.#folder, said), readyNanoseconds, peakBytes }
    } finally {
      if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGKILL')
      await closed
    }
  }

  /** Collectors on libpcap look at an interface through one. */
  #hasPacketSocket(): boolean {
    const sockets = execFileSync('ip', [
      'netns',
      'exec',
      this.#pair.guest,
      'cat',
      '/proc/net/packet',
    ])
    return sockets.toString().trim().split('\n').length > 1
  }

  /** In a process group of its own. */
  #start(netns: string, cpu: string, program: readonly string[]): ChildProcess {
    return spawn('ip', ['netns', 'exec', netns, 'taskset', '-c', cpu, ...program], {
      stdio: ['pipe', 'pipe', program[0] === process.execPath ? 'inherit' : 'ignore'],
      detached: true,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#sender, 'close')
    this.#sender.kill('SIGKILL')
    await gone
    this.#pair[Symbol.dispose]()
  }
}

const sum = ({ user, system }: { user: number; system: number }): number => user + system

/** The processes of a group. */
function processesOf(group: number): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    const stat = readIfThere(`/proc/${pid}/stat`)
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]) === group
  })
}

function groupNanoseconds(group: number): number {
  let total = 0
  for (const pid of processesOf(group))
    for (const thread of readdirSync(`/proc/${pid}/task`))
      total += Number(readIfThere(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0] ?? 0)
  return total
}

function groupPeakBytes(group: number): number {
  const peaks = processesOf(group).map((pid) => {
    const found = /VmHWM:\s*(\d+) kB/.exec(readIfThere(`/proc/${pid}/status`))
    return Number(found?.[1] ?? 0) * 1024
  })
  return peaks.reduce((total, each) => total + each, 0)
}

/** Processes may end while they are looked at. */
function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (
      error instanceof Error &&
      'code' in error &&
      (error.code === 'ENOENT' || error.code === 'ESRCH')
    )
      return ''
    throw error
  }
}
