/** What a server orders of its own host and of agents: flow logs and the topology, each change a new revision. */
import { randomUUID } from 'node:crypto'
import type { AgentOrders } from '../agent/agent.ts'
import { unixSeconds } from '../base/time.ts'
import type { FlowLogs } from '../flow-log/flow-log.ts'
import type { Topology } from '../vpc/vpc.ts'

/** Flow logs that ended are told of for as long as a window may be open, and to an agent that was away. */
const endedSeconds = 7 * 86_400

export interface KnownTopology {
  readonly topology: Topology
  readonly text: string
}

export class CaptureOrders {
  readonly #flowLogs: Pick<FlowLogs, 'lately'>
  readonly #listeners = new Set<() => void>()
  readonly #server = randomUUID()
  #number = 1
  #topology: KnownTopology | undefined

  constructor(
    flowLogs: Pick<FlowLogs, 'lately' | 'onChange'>,
    topology: KnownTopology | undefined,
  ) {
    this.#flowLogs = flowLogs
    this.#topology = topology
    flowLogs.onChange(() => this.#changed())
  }

  /** Another one after each change, and after each start of the server. */
  get revision(): string {
    return `${this.#server}:${this.#number}`
  }

  get topology(): KnownTopology | undefined {
    return this.#topology
  }

  setTopology(topology: KnownTopology): void {
    this.#topology = topology
    this.#changed()
  }

  /** As the agent of this very host gets them. */
  current(): AgentOrders {
    const since = unixSeconds(Date.now() / 1000 - endedSeconds)
    return { flowLogs: this.#flowLogs.lately(since), topology: this.#topology?.topology }
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener)
  }

  #changed(): void {
    this.#number++
    for (const listener of this.#listeners) listener()
  }
}
