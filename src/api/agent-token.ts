/** Who may speak as an agent: programs on this machine, and those elsewhere that know the token. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { WeirError } from '../base/errors.ts'
import { assertFromThisMachine } from './loopback-only.ts'

/**
 * @param token undefined: agents on other machines are not let in
 * @throws WeirError AgentNotAllowed
 */
export function assertFromAgent(
  peer: string | undefined,
  headers: IncomingHttpHeaders,
  token: string | undefined,
): void {
  const given = /^Bearer (\S{1,1024})$/.exec(headers.authorization ?? '')?.[1]
  if (given !== undefined && token !== undefined && same(given, token)) return
  if (given !== undefined)
    throw new WeirError('AgentNotAllowed', "the agent's token is not this server's", {
      hint:
        token === undefined
          ? 'The server has none: write one to a file and name it in its configuration, agents: { tokenFile: FILE }'
          : 'Give the agent the same token: --token-file FILE',
    })
  try {
    assertFromThisMachine(peer, headers)
  } catch (cause) {
    throw new WeirError('AgentNotAllowed', 'agents on other machines need a token', {
      hint: 'Start it with --token-file FILE, with the token of the server in it',
      cause,
    })
  }
}

/** Takes the same time whatever differs. */
function same(a: string, b: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(a), hash(b))
}
