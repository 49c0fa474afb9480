/** What tests of the lab share: whether there can be one, and what is there of it. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { noNamespaces } from './network-namespaces.ts'

/** Why there can be no lab here, or false. */
export function labMissing(): string | false {
  const script = join(import.meta.dirname, '../scripts/install-debian.sh')
  const { stdout, status } = spawnSync(script, ['--missing', 'lab'], { encoding: 'utf8' })
  const missing = status === 0 ? stdout.trim().replaceAll('\n', ', ') : 'a list of what is missing'
  return missing === '' ? noNamespaces() : `not run: needs ${missing}`
}

/** The network namespaces of this machine whose names begin so. */
export const namespacesLike = (prefix: string): string[] =>
  existsSync('/run/netns')
    ? readdirSync('/run/netns')
        .filter((name) => name.startsWith(prefix))
        .toSorted()
    : []
