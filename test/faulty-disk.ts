import { readFileSync, writeFileSync } from 'node:fs'
import { type Disk, nodeDisk } from '../src/base/disk.ts'

/** A disk whose next writes of a log go wrong. */
export function faultyDisk() {
  const faults = { shortBy: 0, code: '', syncCode: '', free: 1e12 }
  const calls: string[] = []
  const error = (code: string) => Object.assign(new Error(`${code}: injected`), { code })
  const disk: Disk = {
    ...nodeDisk,
    freeBytes: () => faults.free,
    async create(path) {
      const file = await nodeDisk.create(path)
      return {
        async write(bytes, position) {
          if (faults.code) throw error(faults.code)
          calls.push('write')
          return file.write(bytes.subarray(0, bytes.length - faults.shortBy), position)
        },
        async sync() {
          if (faults.syncCode) throw error(faults.syncCode)
          calls.push('sync')
          await file.sync()
        },
        async truncate(length) {
          calls.push(`truncate ${length}`)
          await file.truncate(length)
        },
        close: () => file.close(),
      }
    },
  }
  return { disk, faults, calls }
}

export function flipBit(path: string, byte: number): void {
  const bytes = readFileSync(path)
  bytes[byte]! ^= 4
  writeFileSync(path, bytes)
}
