/** Another commit of this project, checked out beside it for the time of a bench. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

export interface Worktree extends Disposable {
  readonly path: string
  /** Short, as git prints it. */
  readonly commit: string
}

/**
 * Checks `revision` out into a temporary folder. It runs on the packages of this checkout.
 * @param say told when those are not the packages it was made with
 * @throws Error when git does not know the revision
 */
export function checkOut(revision: string, say: (line: string) => void): Worktree {
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', root, ...args], { encoding: 'utf8' })
  const commit = git('rev-parse', '--short', '--verify', `${revision}^{commit}`).trim()
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'))
  const path = join(folder, 'weir')
  git('worktree', 'add', '--quiet', '--detach', path, commit)
  const packages = join(path, 'node_modules')
  linkPackages(packages)
  const lock = (at: string): string => readFileSync(join(at, 'package-lock.json'), 'utf8')
  if (lock(path) !== lock(root))
    say(`${commit} has another package-lock.json and runs on the packages of this checkout`)
  return {
    path,
    commit,
    [Symbol.dispose]: () => {
      rmSync(packages, { recursive: true }) // links are removed, never followed
      git('worktree', 'remove', '--force', path)
      rmSync(folder, { recursive: true })
    },
  }
}

/** A folder of links, so that what is cached beside packages stays apart. */
function linkPackages(to: string): void {
  const from = join(root, 'node_modules')
  mkdirSync(to)
  for (const name of readdirSync(from))
    if (name !== '.cache') symlinkSync(join(from, name), join(to, name))
}
