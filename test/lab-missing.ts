/** Why there can be no lab here, or false. */
import { noNamespaces } from './network-namespaces.ts'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

export function labMissing(): string | false {
  const script = join(import.meta.dirname, '../scripts/install-debian.sh')
  const { stdout, status } = spawnSync(script, ['--missing', 'lab'], { encoding: 'utf8' })
  const missing = status === 0 ? stdout.trim().replaceAll('\n', ', ') : 'a list of what is missing'
  return missing === '' ? noNamespaces() : `not run: needs ${missing}`
}
