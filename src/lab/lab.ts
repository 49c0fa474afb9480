/**
 * lab/: a VPC that you can run: the networks of the product page's use cases, built from network namespaces with
 * real routers, address translation and firewalls, and real traffic through them that is counted where it is sent.
 *
 * `network.ts` says what there is and `security-groups.ts` who may speak to whom; `build-plan.ts` turns both into
 * lines for iproute2 and nftables, `build.ts` runs them, `isolation.ts` proves that nothing leads out, and
 * `topology-text.ts` tells Weir about it. `scenarios.ts` is the traffic as data, `traffic.ts` starts the
 * processes that send it (`generator.ts`) and adds up what they say they sent; `panels.ts` are the flow logs and
 * queries of the page. It imports no product code: what it sends is compared with what Weir says of it, so the
 * two must not share their mistakes.
 */
import { writeFileSync } from 'node:fs'
import { WeirError } from '../base/errors.ts'
import { buildNamespaces, namespaceExists, processesIn, removeNamespaces } from './build.ts'
import {
  type LabState,
  namespacePrefix,
  readState,
  removeFiles,
  statePath,
  topologyPath,
  writeState,
} from './lab-state.ts'
import { namespaces } from './network.ts'
import { checkAbleToBuild } from './run-tool.ts'
import { topologyText } from './topology-text.ts'

export { type LabState, readState, topologyFileName } from './lab-state.ts'
export { atAddress, createArguments, type Panel, panelProject, panels } from './panels.ts'
export { picture } from './picture.ts'
export { type ScenarioName, scenarioNames, scenarioSays } from './scenarios.ts'
export { labTraffic } from './traffic.ts'
export type { ConnectionsReport, FlowReport, TrafficReport } from './traffic-plan.ts'

/** A lab beside another one has a name, which is part of its namespaces' names. */
const nameShape = /^[a-z\d]{1,16}$/

/**
 * Builds the lab and writes its state file and topology file into `dir`. When something fails, what was built is
 * taken down again.
 * @throws WeirError LabNotPossible, LabState (one is up), LabFailed
 */
export function labUp(dir: string, name = ''): LabState {
  checkAbleToBuild()
  if (name !== '' && !nameShape.test(name))
    throw new WeirError('Usage', `--name ${name}: a name is up to 16 small letters and digits`)
  const up = readState(dir)
  // After a restart of the machine the file is still there, and the namespaces are not.
  if (up !== undefined && up.namespaces.some(namespaceExists))
    throw new WeirError('LabState', `a lab is up already, since ${up.madeAt}`, {
      place: statePath(dir),
      hint: `Take it down with: weir lab down --dir ${dir}`,
    })
  const prefix = name === '' ? namespacePrefix : `${namespacePrefix}${name}-`
  const full = namespaces.map((each) => `${prefix}${each}`)
  const others = full.filter(namespaceExists)
  if (others.length > 0)
    throw new WeirError(
      'LabState',
      `another lab is up: ${others.length} of its namespaces are there, ${others[0]} first`,
      { hint: 'Take it down from the folder it was made in, or name this one: --name NAME' },
    )
  writeState(dir, { prefix, namespaces: full })
  try {
    buildNamespaces(prefix)
    writeFileSync(
      topologyPath(dir),
      topologyText((each) => `${prefix}${each}`),
    )
  } catch (error) {
    labDown(dir)
    throw error
  }
  return readState(dir)!
}

/**
 * Removes exactly the namespaces that the state file lists, then the files. Nothing to do is no error.
 * @returns how many namespaces were removed; undefined when no lab is up from `dir`
 * @throws WeirError LabState when processes run inside, for which a namespace would live on without its name
 */
export function labDown(dir: string): number | undefined {
  const state = readState(dir)
  if (state === undefined) return undefined
  checkAbleToBuild()
  const busy = [...processesIn(state.namespaces)].map(
    ([namespace, pids]) => `${namespace} (${pids.join(', ')})`,
  )
  if (busy.length > 0)
    throw new WeirError('LabState', `processes run in the lab: ${busy.join(', ')}`, {
      hint: 'End them first (Ctrl-C ends weir lab traffic), then take the lab down',
    })
  const removed = removeNamespaces(state.namespaces)
  removeFiles(dir, state)
  return removed
}
