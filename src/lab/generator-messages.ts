/** What a generator process is told and what it tells: JSON, a message a line. */
import type { ScenarioName } from './scenarios.ts'

export interface Listener {
  readonly protocol: 'udp' | 'tcp'
  readonly address: string
  readonly port: number
  /** IP bytes of the answer to a datagram, payload bytes of the answer to a connection; 0: none. */
  readonly answerBytes: number
}

interface Sender {
  /** Its place in the plan of the whole run. */
  readonly number: number
  readonly scenario: ScenarioName
  readonly from: string
  readonly to: string
}

export interface Stream extends Sender {
  readonly fromPort: number
  readonly toPort: number
  readonly packetBytes: number
  /** How many packets, the first after `beginSeconds`, then one every `everySeconds`. */
  readonly count: number
  readonly beginSeconds: number
  readonly everySeconds: number
}

export interface Echo extends Sender {
  readonly count: number
  readonly everySeconds: number
}

export interface Call extends Sender {
  readonly toPort: number
  readonly count: number
  readonly everySeconds: number
  /** Otherwise it is given up unanswered, before its SYN is sent again. */
  readonly answered: boolean
}

/** What one process does. */
export interface GeneratorPlan {
  readonly listeners: readonly Listener[]
  readonly streams: readonly Stream[]
  readonly echoes: readonly Echo[]
  readonly calls: readonly Call[]
}

export type ToGenerator =
  | { readonly kind: 'plan'; readonly plan: GeneratorPlan }
  /** Begin at this moment (Unix milliseconds). */
  | { readonly kind: 'go'; readonly at: number }
  /** Send nothing more. */
  | { readonly kind: 'stop' }
  /** Everybody has sent everything: report and end. */
  | { readonly kind: 'finish' }

export type FromGenerator =
  | { readonly kind: 'ready' }
  | { readonly kind: 'sent' }
  | { readonly kind: 'report'; readonly report: GeneratorReport }

/** What was sent in one minute of the clock. Bytes are the IP layer's. */
export interface SentInMinute {
  /** Unix seconds, a multiple of 60. */
  readonly minute: number
  /** The second of the first packet. */
  firstSecond: number
  packets: number
  bytes: number
  /** Answers that came back. */
  answers: number
  answerBytes: number
}

/** Of a stream or of echo requests. */
export interface SentReport {
  readonly number: number
  readonly minutes: readonly SentInMinute[]
  /** Packets that the kernel did not take. */
  readonly failed: number
}

/** Connections begun in one minute of the clock. */
export interface CallsInMinute {
  readonly minute: number
  attempts: number
  answered: number
}

export interface CallReport {
  readonly number: number
  readonly minutes: readonly CallsInMinute[]
}

export interface ListenerReport extends Listener {
  /** Datagrams or connections. */
  readonly received: number
  readonly answers: number
}

export interface GeneratorReport {
  readonly sent: readonly SentReport[]
  readonly calls: readonly CallReport[]
  readonly listeners: readonly ListenerReport[]
  /** SYNs that the namespace sent again during the run. */
  readonly synsSentAgain: number
}
