/** The stores that `npm run bench store` measures Weir beside, filled with the same records. */
import type { Engine } from './store-ask.ts'
import { openChdb } from './store-chdb.ts'
import { openNfdump } from './store-nfdump.ts'
import { openSqlite } from './store-sqlite.ts'

export interface PeerOptions {
  readonly rows: number
  /** What SQLite holds, at most. */
  readonly peerRows: number
  readonly seed: number
  /** Where peers keep what they need. */
  readonly kept: string
  /** Weir's Parquet files. */
  readonly files: readonly string[]
  readonly say: (line: string) => void
}

/** Answers with why when the machine has no such peer. */
const peers: Readonly<
  Record<string, (options: PeerOptions) => Promise<readonly Engine[] | string>>
> = { nfdump: openNfdump, sqlite: openSqlite, chdb: openChdb }

/** @param names of the peers that take part */
export async function openPeers(
  options: PeerOptions & { readonly peers: readonly string[] },
): Promise<Engine[]> {
  const open: Engine[] = []
  for (const [name, openPeer] of Object.entries(peers)) {
    if (!options.peers.includes(name)) continue
    const found = await openPeer(options)
    if (typeof found === 'string') options.say(`left out: ${name}: ${found}`)
    else open.push(...found)
  }
  return open
}
