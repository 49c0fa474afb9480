/** Progress of long work, on a terminal only, on standard error, from its second second on. */
import type { ByteSource } from '../packet/packet.ts'

const quietMilliseconds = 1000
const intervalMilliseconds = 200
const mebibyte = 1 << 20

interface Bar {
  update(done: number): void
  stop(): void
}

export interface Progress {
  readonly tick: () => void | Promise<void>
  readonly stop: () => void
}

/** Follows how much of the sources has been taken. `tick` is cheap. */
export function startProgress(what: string, sources: readonly ByteSource[]): Progress {
  if (process.stderr.isTTY !== true) return { tick: () => {}, stop: () => {} }
  const total = sources.reduce((sum, { size }) => sum + (size ?? Number.NaN), 0)
  const taken = (): number => sources.reduce((sum, source) => sum + source.taken, 0)
  let next = Date.now() + quietMilliseconds
  let bar: Bar | undefined
  return {
    tick: () => {
      const now = Date.now()
      if (now < next) return undefined
      next = now + intervalMilliseconds
      if (bar !== undefined) return bar.update(taken() / mebibyte)
      return openBar(what, total / mebibyte).then((opened) => void (bar = opened))
    },
    stop: () => bar?.stop(),
  }
}

/** Follows files that are read one after another. `tick` is cheap. */
export function startFileProgress(what: string) {
  let next = Date.now() + quietMilliseconds
  let bar: Bar | undefined
  let opening: Promise<void> | undefined
  return {
    tick: (files: number, of: number): void => {
      const now = Date.now()
      if (process.stderr.isTTY !== true || now < next) return
      next = now + intervalMilliseconds
      bar?.update(files)
      opening ??= openFileBar(what, of).then((opened) => void (bar = opened))
    },
    stop: async (): Promise<void> => {
      await opening
      bar?.stop()
    },
  }
}

async function openFileBar(what: string, of: number): Promise<Bar> {
  const { default: cliProgress } = await import('cli-progress')
  const bar = new cliProgress.SingleBar({
    format: `${what} {bar} {percentage} % | {value} of {total} files | {eta_formatted} left`,
    clearOnComplete: true,
    stream: process.stderr,
  })
  bar.start(of, 0)
  return { update: (done) => bar.update(done), stop: () => bar.stop() }
}

async function openBar(what: string, totalMebibytes: number): Promise<Bar> {
  const { default: cliProgress } = await import('cli-progress')
  const known = Number.isFinite(totalMebibytes)
  const bar = new cliProgress.SingleBar({
    format: known
      ? `${what} {bar} {percentage} % | {value} of {total} MiB | {eta_formatted} left`
      : `${what} | {value} MiB | {duration_formatted}`,
    formatValue: (value, _, type) =>
      type === 'value' || type === 'total' ? value.toFixed(0) : String(value),
    clearOnComplete: true,
    stream: process.stderr,
  })
  bar.start(known ? totalMebibytes : 1, 0)
  return { update: (done) => bar.update(done), stop: () => bar.stop() }
}
