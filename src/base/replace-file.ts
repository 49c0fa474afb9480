import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Writes a file whole or not at all: nobody ever reads half of it, and it is on the disk when the call returns. One that
 * was left by a crash on the way is not trusted with the mode it has.
 */
export function replaceFile(file: string, text: string, mode: number): void {
  const temporary = `${file}.new`
  rmSync(temporary, { force: true })
  synced(openSync(temporary, 'wx', mode), (handle) => {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length;) at += writeSync(handle, bytes, at)
  })
  renameSync(temporary, file)
  synced(openSync(dirname(file), 'r'), () => {})
}

function synced(handle: number, work: (handle: number) => void): void {
  try {
    work(handle)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
