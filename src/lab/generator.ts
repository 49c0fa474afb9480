/**
 * A process inside one namespace of the lab: it listens and sends as it is told on standard input, and reports on
 * standard output what it sent and heard. It ends when it is told to, and when nobody is there to tell it.
 */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type {
  FromGenerator,
  GeneratorPlan,
  GeneratorReport,
  ToGenerator,
} from './generator-messages.ts'
import { Ear } from './listeners.ts'
import { sleep } from './pace.ts'
import { CallSender, EchoSender, StreamSender } from './senders.ts'

/** How long nothing has come when everything has. */
const quietMilliseconds = 100

const say = (message: FromGenerator): void =>
  void process.stdout.write(`${JSON.stringify(message)}\n`)

class Generator {
  readonly #ears: readonly Ear[]
  readonly #streams: readonly StreamSender[]
  readonly #echoes: readonly EchoSender[]
  readonly #calls: readonly CallSender[]
  readonly #stopped = new AbortController()
  readonly #synsBefore = synsSentAgain()

  private constructor(plan: GeneratorPlan, ears: readonly Ear[], streams: readonly StreamSender[]) {
    this.#ears = ears
    this.#streams = streams
    this.#echoes = plan.echoes.map((each) => new EchoSender(each))
    this.#calls = plan.calls.map((each) => new CallSender(each))
  }

  static async open(plan: GeneratorPlan): Promise<Generator> {
    const ears = await Promise.all(plan.listeners.map((each) => Ear.open(each)))
    const streams = await Promise.all(plan.streams.map((each) => StreamSender.open(each)))
    return new Generator(plan, ears, streams)
  }

  async send(at: number): Promise<void> {
    const senders = [...this.#streams, ...this.#echoes, ...this.#calls]
    await Promise.all(senders.map((each) => each.send(at, this.#stopped.signal)))
  }

  stop(): void {
    this.#stopped.abort()
  }

  /** What is on its way is waited for. */
  async finish(): Promise<GeneratorReport> {
    const heard = (): number => this.#ears.reduce((sum, { received }) => sum + received, 0)
    const never = new AbortController().signal
    for (let before = -1; before !== heard();) {
      before = heard()
      await sleep(quietMilliseconds, never)
    }
    return {
      sent: [...this.#streams, ...this.#echoes].map((each) => each.close()),
      calls: this.#calls.map((each) => each.close()),
      listeners: this.#ears.map((each) => each.close()),
      synsSentAgain: synsSentAgain() - this.#synsBefore,
    }
  }
}

/** The kernel's count for this namespace, since it was made. */
function synsSentAgain(): number {
  const [names, values] = readFileSync('/proc/self/net/netstat', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('TcpExt:'))
    .map((line) => line.split(' '))
  return Number(values![names!.indexOf('TCPSynRetrans')])
}

let generator: Generator | undefined
// From the keyboard it reaches everyone; whoever started us tells what it means.
process.on('SIGINT', () => {})
for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line) as ToGenerator
  switch (message.kind) {
    case 'plan':
      generator = await Generator.open(message.plan)
      say({ kind: 'ready' })
      break
    case 'go':
      // Not awaited: `stop` may come meanwhile. An error ends the process with its reason.
      void generator!.send(message.at).then(() => say({ kind: 'sent' }))
      break
    case 'stop':
      generator!.stop()
      break
    case 'finish':
      say({ kind: 'report', report: await generator!.finish() })
      break
  }
}
process.exit()
