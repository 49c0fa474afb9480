/** Bodies on their way in: each has its limit, and all together have one, so that many senders cannot fill the memory. */
import type { IncomingMessage } from 'node:http'
import { WeirError } from '../../base/errors.ts'
import { headerOf, tooLarge } from './compression.ts'

/** What one request holds of the room for all. */
export interface Room {
  /** @throws WeirError WriteQuotaExceed when there is no room for so many bytes more */
  take(bytes: number): void
  /** Gives back all that was taken. */
  leave(): void
}

/** Room for the bodies of requests that are not answered yet, as they came and without their compression. */
export class BodyRoom {
  readonly #bytesMax: number
  #used = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  enter(): Room {
    let held = 0
    return {
      take: (bytes) => {
        if (this.#used + bytes > this.#bytesMax)
          throw new WeirError('WriteQuotaExceed', 'the server holds as much as it can at once')
        this.#used += bytes
        held += bytes
      },
      leave: () => {
        this.#used -= held
        held = 0
      },
    }
  }
}

/** Throws PostBodyTooLarge, WriteQuotaExceed; the connection stays, so that the sender reads why. */
export async function receiveBody(
  payload: IncomingMessage,
  bytesMax: number,
  room: Room,
): Promise<Buffer> {
  if (Number(headerOf(payload.headers, 'content-length')) > bytesMax) throw tooLarge(bytesMax)
  const parts: Buffer[] = []
  let length = 0
  for await (const part of payload.iterator({ destroyOnReturn: false })) {
    const bytes = part as Buffer
    length += bytes.length
    if (length > bytesMax) throw tooLarge(bytesMax)
    room.take(bytes.length)
    parts.push(bytes)
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, length)
}
