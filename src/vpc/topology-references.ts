/** Ids: each given once, and every id an entry names exists. Looks at the YAML itself, so it also sees entries with other faults. */
import { parseCidr } from './address.ts'
import { isYamlList, isYamlMap, valueAt } from './topology-entries.ts'
import { suggest } from './topology-problems.ts'
import type { ListName } from './topology-schema.ts'
import type { Path, TopologyYaml, YamlMap } from './topology-yaml.ts'

interface Reference {
  /** Where the id stands; `*` is every entry of a list. */
  readonly at: readonly string[]
  readonly lists: readonly ListName[]
  /** What the id should have been the id of. */
  readonly what: string
}

const reference = (at: string, what: string, ...lists: ListName[]): Reference => ({
  at: at.split('.'),
  lists,
  what,
})

const references: readonly Reference[] = [
  reference('vpcs.*.routeTable', 'route table', 'routeTables'),
  reference('vSwitches.*.vpc', 'VPC', 'vpcs'),
  reference('vSwitches.*.networkAcl', 'network ACL', 'networkAcls'),
  reference('vSwitches.*.routeTable', 'route table', 'routeTables'),
  reference('enis.*.vSwitch', 'vSwitch', 'vSwitches'),
  reference('enis.*.instance', 'instance', 'instances'),
  reference('enis.*.securityGroups.*', 'security group', 'securityGroups'),
  reference('gateways.*.vpc', 'VPC', 'vpcs'),
  reference('gateways.*.eni', 'ENI', 'enis'),
  reference('services.*.vpc', 'VPC', 'vpcs'),
  // "An unknown next hop is a load error" (records.md 46).
  reference('routeTables.*.entries.*.nextHop', 'gateway or ENI', 'gateways', 'enis'),
]

const groupPeers = reference('securityGroups.*.rules.*.peer', 'security group', 'securityGroups')

/** Lists whose ids share a name space: a next hop is a gateway or an ENI. */
const idSpaces: readonly (readonly ListName[])[] = [
  ['vpcs'],
  ['vSwitches'],
  ['instances'],
  ['gateways', 'enis'],
  ['securityGroups'],
  ['networkAcls'],
  ['routeTables'],
  ['services'],
]

export function checkReferences(yaml: TopologyYaml, top: YamlMap): void {
  for (const space of idSpaces) checkUnique(yaml, top, space)
  for (const each of references) {
    const ids = idsOf(top, each.lists)
    for (const [path, name] of namesAt(top, each.at)) {
      if (ids.has(name)) continue
      yaml.problem(path, `no ${each.what} ${JSON.stringify(name)}`, suggest(name, [...ids.keys()]))
    }
  }
  const groups = idsOf(top, groupPeers.lists)
  for (const [path, name] of namesAt(top, groupPeers.at)) {
    if (groups.has(name) || parseCidr(name)) continue
    const message = `${JSON.stringify(name)} is neither an address range nor a security group`
    yaml.problem(path, message, suggest(name, [...groups.keys()]))
  }
}

function checkUnique(yaml: TopologyYaml, top: YamlMap, space: readonly ListName[]): void {
  const seen = new Map<string, Path>()
  for (const list of space)
    for (const [path, id] of namesAt(top, [list, '*', 'id'])) {
      const earlier = seen.get(id)
      if (earlier)
        yaml.problem(path, `the id ${JSON.stringify(id)} is already used at ${yaml.place(earlier)}`)
      else seen.set(id, path)
    }
}

function idsOf(top: YamlMap, lists: readonly ListName[]): Set<string> {
  return new Set(lists.flatMap((list) => namesAt(top, [list, '*', 'id']).map(([, id]) => id)))
}

/** Every text at the places that `pattern` names. */
function namesAt(top: YamlMap, pattern: readonly string[], path: Path = []): [Path, string][] {
  const value = valueAt(top, path)
  const step = pattern[path.length]
  if (step === undefined) return typeof value === 'string' ? [[path, value]] : []
  if (step === '*')
    return isYamlList(value) ? value.flatMap((_, i) => namesAt(top, pattern, [...path, i])) : []
  return isYamlMap(value) ? namesAt(top, pattern, [...path, step]) : []
}
