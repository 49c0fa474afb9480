/** Results go to standard output, written before the call returns: memory does not grow with the results. */
import { writeSync } from 'node:fs'
import { exitStatus } from './exit-status.ts'

const pauseMilliseconds = 1
const nobodyWakes = new Int32Array(new SharedArrayBuffer(4))

/** Ends the process quietly when the reader has gone away, as a pipeline expects. */
export function writeStandardOutput(bytes: Uint8Array | string): void {
  let rest = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest))
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'EPIPE') process.exit(exitStatus.brokenPipe)
      if (code !== 'EAGAIN') throw error
      Atomics.wait(nobodyWakes, 0, 0, pauseMilliseconds) // a pipe somebody made non-blocking is full
    }
  }
}
