/** Runs the tools that the lab is built with: `ip`, `bridge`, `nft`. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { WeirError } from '../base/errors.ts'

/** A tool that hangs is ended after this long: each has a few lines to do. */
const timeoutMilliseconds = 30_000

/** Where Debian keeps them, whatever the user's own path is. */
const path = `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`
export const toolEnvironment = { ...process.env, PATH: path }

const tools = ['ip', 'bridge', 'nft', 'ping'] as const

/** @returns what it printed @throws WeirError LabFailed with what it said */
export function runTool(tool: 'ip' | 'bridge', args: readonly string[], input = ''): string {
  const options = { input, encoding: 'utf8', env: toolEnvironment, timeout: timeoutMilliseconds }
  const { status, stdout, stderr, error, signal } = spawnSync(tool, args, {
    ...options,
    encoding: 'utf8',
  })
  if (status === 0) return stdout
  const why = error?.message ?? (stderr.trim() || `ended by ${signal ?? `status ${status}`}`)
  throw new WeirError('LabFailed', `${[tool, ...args].join(' ')}: ${why}`)
}

/** Throws LabNotPossible with all that is missing. */
export function checkAbleToBuild(): void {
  if (process.platform !== 'linux')
    throw new WeirError('LabNotPossible', `the lab needs Linux, and this is ${process.platform}`)
  const folders = path.split(':')
  const missing = tools.filter((tool) => !folders.some((each) => existsSync(join(each, tool))))
  if (missing.length > 0)
    throw new WeirError('LabNotPossible', `the lab needs ${missing.join(', ')}`, {
      hint: 'On Debian: sudo scripts/install-debian.sh lab',
    })
  if (process.getuid?.() !== 0)
    throw new WeirError('LabNotPossible', 'the lab needs root, to make network namespaces', {
      hint: 'Run it with sudo; everything happens inside namespaces of its own',
    })
}
