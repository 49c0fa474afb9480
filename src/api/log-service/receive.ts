/** Bodies on their way in: each has its limit. */
import type { IncomingMessage } from 'node:http'
import type { Room } from '../body-room.ts'
import { headerOf, tooLarge } from './compression.ts'

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
