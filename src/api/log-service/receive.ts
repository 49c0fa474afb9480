/** Bodies on their way in: each has its limit. */
import type { IncomingMessage } from 'node:http'
import { refusalOf, type Room } from '../body-room.ts'
import { headerOf, tooLarge } from './compression.ts'

/** More than any client sends by mistake: from here on the connection is closed under the sender. */
const readBytesMax = 64 * 1024 * 1024

/**
 * Throws PostBodyTooLarge, WriteQuotaExceed. A body that is too large, or that there is no room for, is read to its end and
 * thrown away: a sender whose connection is closed under it does not learn why, and sends it again.
 */
export async function receiveBody(
  payload: IncomingMessage,
  bytesMax: number,
  room: Room,
): Promise<Buffer> {
  const told = Number(headerOf(payload.headers, 'content-length'))
  if (told > readBytesMax) throw tooLarge(bytesMax)
  const parts: Buffer[] = []
  let length = 0
  let refused = told > bytesMax ? tooLarge(bytesMax) : undefined
  for await (const part of payload.iterator({ destroyOnReturn: false })) {
    const bytes = part as Buffer
    length += bytes.length
    if (length > readBytesMax) throw tooLarge(bytesMax)
    refused ??= length > bytesMax ? tooLarge(bytesMax) : refusalOf(room, bytes.length)
    if (refused === undefined) parts.push(bytes)
    else {
      parts.length = 0
      room.leave()
    }
  }
  if (refused !== undefined) throw refused
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, length)
}
