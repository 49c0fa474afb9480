/**
 * The state file of a lab: the namespaces that are its own, written before the first of them is made, so that a
 * lab whose building was cut short can be taken down too.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { WeirError } from '../base/errors.ts'

/** Every namespace that a lab may make or remove begins so. */
export const namespacePrefix = 'weir-lab-'

export const topologyFileName = 'lab.topology.yaml'
const stateFileName = 'lab.state.json'

export interface LabState {
  readonly version: 1
  /** What namespaces of this lab begin with: `weir-lab-`, and its name if it has one. */
  readonly prefix: string
  readonly namespaces: readonly string[]
  readonly madeAt: string
  /** Whether its folder was made with it. */
  readonly madeFolder: boolean
}

export const statePath = (dir: string): string => join(resolve(dir), stateFileName)
export const topologyPath = (dir: string): string => join(resolve(dir), topologyFileName)

/** `undefined` when no lab is up from here. @throws WeirError LabState when the file is none of ours */
export function readState(dir: string): LabState | undefined {
  const path = statePath(dir)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new WeirError('LabState', `${path} cannot be read`, { cause: error })
  }
  const state = parse(text)
  if (state !== undefined) return state
  throw new WeirError('LabState', 'this is not the state file of a lab, so nothing is removed', {
    place: path,
    hint: `ip netns list | grep ${namespacePrefix} shows what there is`,
  })
}

function parse(text: string): LabState | undefined {
  let value: Partial<Record<keyof LabState, unknown>>
  try {
    value = JSON.parse(text) as typeof value
  } catch {
    return undefined // said by the caller, with the place
  }
  const { version, prefix, namespaces, madeAt } = value ?? {}
  if (version !== 1 || typeof prefix !== 'string' || typeof madeAt !== 'string') return undefined
  if (!Array.isArray(namespaces)) return undefined
  const ours = (name: unknown): name is string =>
    typeof name === 'string' && name.startsWith(namespacePrefix) && /^[\w-]+$/.test(name)
  if (!ours(prefix) || !namespaces.every((each) => ours(each) && each.startsWith(prefix)))
    return undefined
  return { version, prefix, namespaces, madeAt, madeFolder: value.madeFolder === true }
}

/** Makes the folder where it is not there. */
export function writeState(dir: string, lab: Pick<LabState, 'prefix' | 'namespaces'>): void {
  const madeFolder = !existsSync(dir)
  mkdirSync(dir, { recursive: true })
  const state: LabState = { version: 1, ...lab, madeAt: new Date().toISOString(), madeFolder }
  writeFileSync(statePath(dir), `${JSON.stringify(state, undefined, 2)}\n`)
}

/** Removes the files of a lab, and its folder if it was made with it and holds nothing else. */
export function removeFiles(dir: string, { madeFolder }: LabState): void {
  for (const path of [topologyPath(dir), statePath(dir)]) rmSync(path, { force: true })
  if (!madeFolder) return
  try {
    rmdirSync(dir)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOTEMPTY')) throw error
  }
}
