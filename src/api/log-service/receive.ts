/** Bodies on their way in: each has its limit. */
import type { IncomingMessage } from 'node:http'
import type { WeirError } from '../../base/errors.ts'
import { refusalOf, type Room } from '../body-room.ts'
import { headerOf, tooLarge } from './compression.ts'

/**
 * Throws PostBodyTooLarge, WriteQuotaExceed. A body that there is no room for is read to its end and thrown away: a
 * sender whose connection is closed under it does not learn that it shall come again.
 */
export async function receiveBody(
  payload: IncomingMessage,
  bytesMax: number,
  room: Room,
): Promise<Buffer> {
  if (Number(headerOf(payload.headers, 'content-length')) > bytesMax) throw tooLarge(bytesMax)
  const parts: Buffer[] = []
  let length = 0
  let refused: WeirError | undefined
  for await (const part of payload.iterator({ destroyOnReturn: false })) {
    const bytes = part as Buffer
    length += bytes.length
    if (length > bytesMax) throw tooLarge(bytesMax)
    refused ??= refusalOf(room, bytes.length)
    if (refused === undefined) parts.push(bytes)
    else parts.length = 0
  }
  if (refused !== undefined) throw refused
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, length)
}
