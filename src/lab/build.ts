/** Builds the namespaces of a lab, and takes them away again. */
import { existsSync } from 'node:fs'
import { WeirError } from '../base/errors.ts'
import { type NamespacePlan, planBuild } from './build-plan.ts'
import { waysOut } from './isolation.ts'
import { runTool } from './run-tool.ts'

/** The namespaces that lead nowhere further: where a default route would be a way out. */
const ends = ['internet', 'site', 'tr', 'vbr']

export const namespaceExists = (name: string): boolean => existsSync(`/run/netns/${name}`)

/** Throws LabFailed; then some of the namespaces may be there. */
export function buildNamespaces(prefix: string): void {
  const full = (namespace: string): string => `${prefix}${namespace}`
  const plans = planBuild(full)
  for (const namespace of plans.keys()) runTool('ip', ['netns', 'add', full(namespace)])
  const each = (step: (namespace: string, plan: NamespacePlan) => void): void =>
    plans.forEach((plan, namespace) => step(full(namespace), plan))
  each((namespace, { settings }) => applySettings(namespace, settings))
  each((namespace, { links }) => batch('ip', namespace, links))
  each((namespace, { forwarding }) => batch('bridge', namespace, forwarding))
  each((namespace, { addresses }) => batch('ip', namespace, addresses))
  each((namespace, { routes }) => batch('ip', namespace, routes))
  each((namespace, { firewall }) => {
    if (firewall !== '') runTool('ip', ['netns', 'exec', namespace, 'nft', '-f', '-'], firewall)
  })
  const out = waysOut([...plans.keys()].map(full), ends.map(full))
  if (out.length > 0) throw new WeirError('LabFailed', `the lab is not closed: ${out.join('; ')}`)
}

/** A setting that this kernel does not know is of something that it does not do. */
function applySettings(namespace: string, settings: NamespacePlan['settings']): void {
  const script = settings
    .map(
      ([file, value]) => `[ ! -e /proc/sys/net/${file} ] || echo ${value} > /proc/sys/net/${file}`,
    )
    .join('\n')
  runTool('ip', ['netns', 'exec', namespace, 'sh', '-e'], `${script}\n`)
}

function batch(tool: 'ip' | 'bridge', namespace: string, lines: readonly string[]): void {
  if (lines.length > 0) runTool(tool, ['-n', namespace, '-batch', '-'], `${lines.join('\n')}\n`)
}

/** The processes that run inside, by namespace: those where there are some. */
export const processesIn = (namespaces: readonly string[]): Map<string, number[]> =>
  new Map(
    namespaces
      .filter(namespaceExists)
      .map((each): [string, number[]] => [
        each,
        runTool('ip', ['netns', 'pids', each]).split('\n').filter(Boolean).map(Number),
      ])
      .filter(([, pids]) => pids.length > 0),
  )

/** Removes those that are there, with the wires between them. @returns how many they were */
export function removeNamespaces(namespaces: readonly string[]): number {
  const there = namespaces.filter(namespaceExists)
  for (const each of there) runTool('ip', ['netns', 'del', each])
  return there.length
}
