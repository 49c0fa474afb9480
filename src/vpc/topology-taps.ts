/**
 * A router's interface is the tap of one ENI: "Two ENIs that match: load error" (records.md 3). Interfaces of
 * hosts and files are compared when they are opened, since one name may match in several places.
 */
import { addressKey } from './address.ts'
import type { Placed } from './topology-entries.ts'
import type { Entry } from './topology-schema.ts'
import type { TopologyYaml } from './topology-yaml.ts'

export function checkTaps(yaml: TopologyYaml, enis: readonly Placed<Entry<'enis'>>[]): void {
  const owners = new Map<string, string>()
  for (const { row, path } of enis) {
    const { exporter, ifIndex } = row.tap ?? {}
    if (exporter === undefined) continue
    const key = `${addressKey(exporter)} ${ifIndex}`
    const other = owners.get(key)
    if (other === undefined) owners.set(key, row.id)
    else
      yaml.problem(
        [...path, 'tap'],
        `exporter ${exporter.text}, interface ${ifIndex} is already the tap of ENI ${other}`,
      )
  }
}
