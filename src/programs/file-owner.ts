import { readFileSync, statSync } from 'node:fs'

/**
 * The user a file belongs to: by name where the host has one for it, else `uid N`; undefined for a file that is gone.
 * An editor that writes a new file beside the old one, as most do, makes it its user's.
 */
export function ownerOf(path: string): string | undefined {
  const owner = statSync(path, { throwIfNoEntry: false })?.uid
  if (owner === undefined) return undefined
  return nameOf(owner) ?? `uid ${owner}`
}

/** As passwd(5) has it: `name:password:uid:...`. */
function nameOf(uid: number): string | undefined {
  for (const line of readUsers().split('\n')) {
    const [name, , id] = line.split(':')
    if (id === String(uid)) return name
  }
  return undefined
}

/** A host without the file has numbers only. */
function readUsers(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8')
  } catch {
    return ''
  }
}
