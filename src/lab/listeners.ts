/** What a generator hears and answers: UDP sinks and TCP servers, each counted. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import type { Listener, ListenerReport } from './generator-messages.ts'
import { udpPayload } from './senders.ts'

/**
 * Of a socket for datagrams, as far as the kernel lets it (net.core.rmem_max): by default a listener that is not run for a fifth of a second
 * misses some of 500 packets a second, which the network has delivered and flow logs have.
 */
const receiveBytes = 4 * 1024 * 1024

export class Ear {
  readonly #listener: Listener
  readonly #socket: Socket | Server
  received = 0
  #answers = 0

  private constructor(listener: Listener, socket: Socket | Server) {
    this.#listener = listener
    this.#socket = socket
  }

  static async open(listener: Listener): Promise<Ear> {
    const { protocol, address, port } = listener
    const socket =
      protocol === 'tcp'
        ? createServer({ allowHalfOpen: true })
        : createSocket(address.includes(':') ? 'udp6' : 'udp4')
    const ear = new Ear(listener, socket)
    if ('bind' in socket) {
      ear.#hearDatagrams(socket)
      socket.bind({ address, port, exclusive: true })
    } else {
      ear.#hearConnections(socket)
      socket.listen({ host: address, port, exclusive: true })
    }
    await once(socket, 'listening')
    if ('setRecvBufferSize' in socket) socket.setRecvBufferSize(receiveBytes)
    return ear
  }

  #hearDatagrams(socket: Socket): void {
    const { answerBytes, address } = this.#listener
    const answer = answerBytes > 0 ? udpPayload(answerBytes, address) : undefined
    // What a network says of an answer that nobody took.
    socket.on('error', () => {})
    socket.on('message', (_, from) => {
      this.received++
      if (answer !== undefined)
        socket.send(answer, from.port, from.address, (error) => {
          if (!error) this.#answers++
        })
    })
  }

  /** Answers a request and closes first, as HTTP servers do. */
  #hearConnections(server: Server): void {
    const { answerBytes } = this.#listener
    server.on('connection', (socket) => {
      this.received++
      socket.on('error', () => socket.destroy())
      socket.once('data', () => {
        this.#answers++
        socket.end(`HTTP/1.1 200 OK\r\n\r\n${'.'.repeat(answerBytes)}`)
      })
      socket.resume()
    })
  }

  close(): ListenerReport {
    this.#socket.close()
    return { ...this.#listener, received: this.received, answers: this.#answers }
  }
}
