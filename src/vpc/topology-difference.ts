import { type Difference, differencesOf } from '../base/difference.ts'
import { TopologyYaml } from './topology-yaml.ts'

/**
 * What the later one of two versions says otherwise; comments and the way it is written are nothing.
 * @param before texts that `parseTopology` took
 */
export function topologyDifferences(before: string, after: string): Difference[] {
  const [old, now] = [before, after].map((text) => new TopologyYaml(text, '').value)
  return differencesOf(old, now)
}
