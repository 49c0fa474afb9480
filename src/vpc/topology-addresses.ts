/** Whose an address may be (records.md 9) and where it must lie (13). */
import { addressKey, holds, type Address, type Cidr } from './address.ts'
import type { Placed } from './topology-entries.ts'
import type { Entry } from './topology-schema.ts'
import type { Path, TopologyYaml } from './topology-yaml.ts'

interface Rows {
  readonly vpcs: readonly Placed<Entry<'vpcs'>>[]
  readonly vSwitches: readonly Placed<Entry<'vSwitches'>>[]
  readonly enis: readonly Placed<Entry<'enis'>>[]
  readonly gateways: readonly Placed<Entry<'gateways'>>[]
  readonly services: readonly Placed<Entry<'services'>>[]
}

export function checkAddresses(yaml: TopologyYaml, rows: Rows): void {
  const vpcs = new Map(rows.vpcs.map(({ row }) => [row.id, row]))
  const vSwitches = new Map(rows.vSwitches.map(({ row }) => [row.id, row]))
  const owners = new Owners(yaml)

  for (const { row, path } of rows.enis) {
    const vSwitch = vSwitches.get(row.vSwitch)
    const vpc = vSwitch && vpcs.get(vSwitch.vpc)
    for (const [i, address] of row.privateIps.entries()) {
      const at = [...path, 'privateIps', i]
      if (vpc) checkInside(yaml, at, address, `VPC ${vpc.id}`, vpc.cidrs)
      const sameFamily = vSwitch?.cidrs.filter((each) => each.family === address.family) ?? []
      if (vSwitch && sameFamily.length > 0)
        checkInside(yaml, at, address, `vSwitch ${vSwitch.id}`, sameFamily)
      if (vpc) owners.claim(vpc.id, address, `ENI ${row.id}`, at)
    }
    // A public address is unique in the world, so in the file.
    if (row.publicIp) owners.claim('', row.publicIp, `ENI ${row.id}`, [...path, 'publicIp'])
  }
  for (const { row, path } of [...rows.gateways, ...rows.services]) {
    const vpc = row.vpc === undefined ? undefined : vpcs.get(row.vpc)
    const what = 'type' in row ? `gateway ${row.id}` : `service ${row.id}`
    for (const [i, address] of (vpc && row.privateIps)?.entries() ?? []) {
      const at = [...path, 'privateIps', i]
      checkInside(yaml, at, address, `VPC ${vpc!.id}`, vpc!.cidrs)
      owners.claim(vpc!.id, address, what, at)
    }
  }
}

/** "An address of an ENI, service or gateway must lie in a CIDR of its VPC, and in one of its vSwitch ..." (13). */
function checkInside(
  yaml: TopologyYaml,
  path: Path,
  address: Address,
  where: string,
  cidrs: readonly Cidr[],
): void {
  if (cidrs.some((block) => holds(block, address))) return
  const blocks = cidrs.map((block) => block.text).join(', ')
  yaml.problem(path, `${address.text} lies in no CIDR of ${where} (${blocks})`)
}

/** "Two ENIs of one VPC with one address: load error." (9) The same of gateways and services. */
class Owners {
  readonly #yaml: TopologyYaml
  readonly #owners = new Map<string, string>()

  constructor(yaml: TopologyYaml) {
    this.#yaml = yaml
  }

  claim(vpc: string, address: Address, owner: string, path: Path): void {
    const key = `${vpc} ${addressKey(address)}`
    const other = this.#owners.get(key)
    if (other === undefined) this.#owners.set(key, owner)
    else if (other === owner) this.#yaml.problem(path, `${owner} lists ${address.text} twice`)
    else {
      const where = vpc === '' ? '' : ` in ${vpc}`
      this.#yaml.problem(path, `${address.text}${where} already belongs to ${other}`)
    }
  }
}
