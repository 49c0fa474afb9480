/** A generator inside a namespace, as whoever started it sees it. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { WeirError } from '../base/errors.ts'
import type {
  FromGenerator,
  GeneratorPlan,
  GeneratorReport,
  ToGenerator,
} from './generator-messages.ts'
import { toolEnvironment } from './run-tool.ts'

const script = fileURLToPath(new URL('./generator.ts', import.meta.url))

export class GeneratorProcess {
  readonly namespace: string
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #lines: AsyncIterator<string>
  readonly #closed: Promise<unknown>
  #stderr = ''

  /** @param namespace with its prefix */
  constructor(namespace: string) {
    this.namespace = namespace
    const program = [process.execPath, ...process.execArgv, script]
    this.#child = spawn('ip', ['netns', 'exec', namespace, ...program], {
      env: toolEnvironment,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#closed = once(this.#child, 'close').catch(() => {})
    this.#child.on('error', (error) => void (this.#stderr += String(error)))
    this.#child.stderr.on('data', (chunk: Buffer) => void (this.#stderr += chunk.toString()))
    // A child that has ended reads nothing more: that it never answers is said where the answer is awaited.
    this.#child.stdin.on('error', () => {})
    const lines: Interface = createInterface({ input: this.#child.stdout })
    this.#lines = lines[Symbol.asyncIterator]()
  }

  /** Resolves when it hears and could send. */
  async prepare(plan: GeneratorPlan): Promise<void> {
    this.#tell({ kind: 'plan', plan })
    await this.#hear('ready')
  }

  /** Resolves when everything is sent. @param at Unix milliseconds */
  async send(at: number): Promise<void> {
    this.#tell({ kind: 'go', at })
    await this.#hear('sent')
  }

  /** What is not sent yet never is. */
  stop(): void {
    this.#tell({ kind: 'stop' })
  }

  async finish(): Promise<GeneratorReport> {
    this.#tell({ kind: 'finish' })
    return (await this.#hear('report')).report
  }

  /** Resolves when the process is gone. */
  async end(): Promise<void> {
    this.#child.stdin.end()
    this.#child.kill('SIGKILL')
    await this.#closed
  }

  #tell(message: ToGenerator): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`)
  }

  async #hear<Kind extends FromGenerator['kind']>(
    kind: Kind,
  ): Promise<Extract<FromGenerator, { kind: Kind }>> {
    const { value, done } = await this.#lines.next()
    if (done === true) {
      await this.#closed
      const why = /^\w*Error.*$/m.exec(this.#stderr)?.[0] ?? this.#stderr.trim()
      throw new WeirError('LabFailed', `the generator in ${this.namespace} ended: ${why}`)
    }
    const message = JSON.parse(value) as FromGenerator
    if (message.kind !== kind)
      throw new Error(`a generator said ${message.kind} where ${kind} was due`)
    return message as Extract<FromGenerator, { kind: Kind }>
  }
}
