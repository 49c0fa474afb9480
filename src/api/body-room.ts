/** Bodies on their way in, of all APIs: all together have a limit, so that many senders cannot fill the memory. */
import { getHeapStatistics } from 'node:v8'
import { WeirError } from '../base/errors.ts'

const mebibyte = 1 << 20
/** 25 of the largest bodies with and without their compression: more senders at once are told to come again. */
const roomBytesMax = 256 * mebibyte
/** Some of the largest bodies always fit. */
const roomBytesMin = 40 * mebibyte
/** A body's logs are several times its size while they are decoded and put into columns. */
const shareOfHeap = 1 / 8

/** What the bodies that are held at once may have in bytes, by the memory this process may use. */
export const roomBytes = (): number =>
  Math.min(roomBytesMax, Math.max(roomBytesMin, getHeapStatistics().heap_size_limit * shareOfHeap))

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

  constructor(bytesMax = roomBytes()) {
    this.#bytesMax = bytesMax
  }

  enter(): Room {
    let held = 0
    return {
      take: (bytes) => {
        if (this.#used + bytes > this.#bytesMax)
          throw new WeirError('WriteQuotaExceed', 'the server holds as much as it can at once', {
            hint: 'Send it again in a second',
          })
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

/** Takes room; when there is none, gives back what the request had, and says why. */
export function refusalOf(room: Room, bytes: number): WeirError | undefined {
  try {
    room.take(bytes)
    return undefined
  } catch (error) {
    if (!(error instanceof WeirError)) throw error
    room.leave()
    return error
  }
}
