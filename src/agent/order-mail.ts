/** Orders to a thread that has no event loop to wait in: they are counted in shared memory and then taken. */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'

const lookMilliseconds = 100

export class OrderMail<Order> {
  readonly #port: MessagePort
  readonly #posted: Int32Array<SharedArrayBuffer>
  #seen = 0

  /** @param posted counts the orders that were posted, so that a busy thread need not look for them */
  constructor(port: MessagePort, posted: Int32Array<SharedArrayBuffer>) {
    this.#port = port
    this.#posted = posted
  }

  /** Returns when an order is there, or nothing came for so long. */
  wait(milliseconds: number): void {
    Atomics.wait(this.#posted, 0, this.#seen, milliseconds)
  }

  /** Gives every order that was posted, in order. */
  takeAll(take: (order: Order) => void): void {
    const posted = Atomics.load(this.#posted, 0)
    while (this.#seen !== posted) {
      const received = receiveMessageOnPort(this.#port) as { message: Order } | undefined
      if (received === undefined) return
      this.#seen = (this.#seen + 1) | 0
      take(received.message)
    }
  }

  /** Gives orders as they come, until all is done or it has taken too long. */
  takeUntil(isDone: () => boolean, milliseconds: number, take: (order: Order) => void): void {
    const last = performance.now() + milliseconds
    while (!isDone() && performance.now() < last) {
      this.wait(lookMilliseconds)
      this.takeAll(take)
    }
  }
}
