/** What a generator sends: UDP streams, echo requests, TCP connections, each counted as it goes. */
import { spawn } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import type {
  Call,
  CallReport,
  CallsInMinute,
  Echo,
  SentInMinute,
  SentReport,
  Stream,
} from './generator-messages.ts'
import { inMinute, pace } from './pace.ts'

const ipHeaderBytes = (address: string): number => (address.includes(':') ? 40 : 20)
const udpHeaderBytes = 8

/** Bytes of payload that make an IP packet of `packetBytes` to or from `address`. */
export const udpPayload = (packetBytes: number, address: string): Buffer =>
  Buffer.alloc(packetBytes - ipHeaderBytes(address) - udpHeaderBytes)

const newMinute = (minute: number): SentInMinute => ({
  minute,
  firstSecond: 0,
  packets: 0,
  bytes: 0,
  answers: 0,
  answerBytes: 0,
})

function countSent(minutes: SentInMinute[], now: number, bytes: number): void {
  const entry = inMinute(minutes, now, newMinute)
  if (entry.packets === 0) entry.firstSecond = Math.floor(now / 1000)
  entry.packets++
  entry.bytes += bytes
}

function countAnswer(minutes: SentInMinute[], bytes: number): void {
  const entry = inMinute(minutes, Date.now(), newMinute)
  entry.answers++
  entry.answerBytes += bytes
}

/** An answer leaves and is counted in the minute of its question. */
const streamMinuteEnd = 300

export class StreamSender {
  readonly #stream: Stream
  readonly #socket: Socket
  readonly #minutes: SentInMinute[] = []
  #failed = 0

  private constructor(stream: Stream, socket: Socket) {
    this.#stream = stream
    this.#socket = socket
    const headers = ipHeaderBytes(stream.to) + udpHeaderBytes
    socket.on('message', (_, { size }) => countAnswer(this.#minutes, size + headers))
    // What a network says of an earlier packet; the packet that it is said at is sent, or fails with it.
    socket.on('error', () => {})
  }

  static async open(stream: Stream): Promise<StreamSender> {
    const socket = createSocket(stream.from.includes(':') ? 'udp6' : 'udp4')
    socket.bind({ address: stream.from, port: stream.fromPort, exclusive: true })
    await once(socket, 'listening')
    socket.connect(stream.toPort, stream.to)
    await once(socket, 'connect')
    return new StreamSender(stream, socket)
  }

  async send(at: number, signal: AbortSignal): Promise<void> {
    const { count, everySeconds, beginSeconds, packetBytes, to } = this.#stream
    const payload = udpPayload(packetBytes, to)
    const beginAt = at + beginSeconds * 1000
    let last = Promise.resolve()
    const timing = { count, everySeconds, beginAt, minuteEndMilliseconds: streamMinuteEnd }
    await pace(timing, signal, () => {
      const now = Date.now()
      last = new Promise((resolve) =>
        this.#socket.send(payload, (error) => {
          if (error) this.#failed++
          else countSent(this.#minutes, now, packetBytes)
          resolve()
        }),
      )
    })
    await last
  }

  close(): SentReport {
    this.#socket.close()
    return { number: this.#stream.number, minutes: this.#minutes, failed: this.#failed }
  }
}

/** `ping` is started, sends and ends within this. */
const echoMinuteEnd = 1500
const echoPayloadBytes = 56

export class EchoSender {
  readonly #echo: Echo
  readonly #minutes: SentInMinute[] = []
  #failed = 0

  constructor(echo: Echo) {
    this.#echo = echo
  }

  async send(beginAt: number, signal: AbortSignal): Promise<void> {
    const running: Promise<void>[] = []
    const { count, everySeconds } = this.#echo
    const timing = { count, everySeconds, beginAt, minuteEndMilliseconds: echoMinuteEnd }
    await pace(timing, signal, () => void running.push(this.#ask()))
    await Promise.all(running)
  }

  /** Node has no sockets for ICMP. */
  async #ask(): Promise<void> {
    const { from, to } = this.#echo
    const bytes = ipHeaderBytes(to) + udpHeaderBytes + echoPayloadBytes
    const options = ['-n', '-q', '-c', '1', '-W', '1', '-s', String(echoPayloadBytes)]
    const now = Date.now()
    const ping = spawn('ping', [...options, '-I', from, to], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const said = await text(ping.stdout)
    const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(said) ?? []
    if (sent !== '1') this.#failed++
    else countSent(this.#minutes, now, bytes)
    if (received === '1') countAnswer(this.#minutes, bytes)
  }

  close(): SentReport {
    return { number: this.#echo.number, minutes: this.#minutes, failed: this.#failed }
  }
}

/** A connection begins and ends in one minute. */
const callMinuteEnd = 3000
/** A SYN is sent again after a second. */
const unansweredMilliseconds = 400
const answeredMilliseconds = 10_000

/** Ports of this process's connections, each used once before any is used again. */
const firstPort = 10_000
const ports = 20_000
let lastPort = firstPort + (Math.floor(Date.now() / 100) % ports)
const nextPort = (): number => (lastPort = firstPort + ((lastPort + 1 - firstPort) % ports))

export class CallSender {
  readonly #call: Call
  readonly #minutes: CallsInMinute[] = []

  constructor(call: Call) {
    this.#call = call
  }

  async send(beginAt: number, signal: AbortSignal): Promise<void> {
    const running: Promise<void>[] = []
    const { count, everySeconds } = this.#call
    const timing = { count, everySeconds, beginAt, minuteEndMilliseconds: callMinuteEnd }
    await pace(timing, signal, () => void running.push(this.#begin()))
    await Promise.all(running)
  }

  async #begin(): Promise<void> {
    const { from, to, toPort, answered } = this.#call
    const entry = inMinute(this.#minutes, Date.now(), (minute) => ({
      minute,
      attempts: 0,
      answered: 0,
    }))
    entry.attempts++
    const socket = connect({ host: to, port: toPort, localAddress: from, localPort: nextPort() })
    let bytes = 0
    const patience = answered ? answeredMilliseconds : unansweredMilliseconds
    const timer = setTimeout(() => socket.destroy(), patience)
    socket.on('connect', () => void socket.end(`GET / HTTP/1.1\r\nHost: ${to}\r\n\r\n`))
    socket.on('data', (chunk: Buffer) => void (bytes += chunk.length))
    // That nobody answers, or refuses, is what `answered` counts.
    socket.on('error', () => {})
    await new Promise<void>((resolve) => socket.on('close', () => resolve()))
    clearTimeout(timer)
    if (bytes > 0) entry.answered++
  }

  close(): CallReport {
    return { number: this.#call.number, minutes: this.#minutes }
  }
}
