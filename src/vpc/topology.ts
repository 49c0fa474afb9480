/**
 * The topology file: "What the cloud knows about its network, in one YAML file" (DESIGN.md). Loaded once
 * and never changed: a new version of a network is a new Topology. Entries name each other by id.
 */
import { readFileSync } from 'node:fs'
import { WeirError } from '../base/errors.ts'
import { unixSeconds, type UnixSeconds } from '../base/time.ts'
import { checkAddresses } from './topology-addresses.ts'
import { checkTopLevel, readEntries, type Placed } from './topology-entries.ts'
import { TopologyInvalid } from './topology-problems.ts'
import { checkReferences } from './topology-references.ts'
import { checkTaps } from './topology-taps.ts'
import type { Entry } from './topology-schema.ts'
import { TopologyYaml } from './topology-yaml.ts'
import type { CenTarget } from './traffic-path.ts'

export type VSwitch = Entry<'vSwitches'>
export type Instance = Entry<'instances'>
export type SecurityGroup = Entry<'securityGroups'>
export type NetworkAcl = Entry<'networkAcls'>
export type RouteTable = Entry<'routeTables'>

export interface Vpc extends Omit<Entry<'vpcs'>, 'account' | 'region'> {
  /** The VPC's own, else the file's, else absent (records.md 15). */
  readonly account: string | undefined
  readonly region: string | undefined
}

export interface Eni extends Entry<'enis'> {
  readonly vpc: string
  /** `file:line:column` of the entry, for errors that only show when captures are opened. */
  readonly place: string
}

export interface Gateway extends Entry<'gateways'> {
  readonly target: CenTarget
  readonly sameRegion: boolean
}

/** Another resource in a VPC (`vpc`, `privateIps`) or a range of the cloud (`cidrs`). */
export type CloudService = Entry<'services'>

export interface Topology {
  readonly file: string
  /** Counts up with each version of the file that a process loads. */
  readonly version: number
  readonly loadedAt: UnixSeconds
  readonly account: string | undefined
  readonly region: string | undefined
  readonly vpcs: readonly Vpc[]
  readonly vSwitches: readonly VSwitch[]
  readonly instances: readonly Instance[]
  /** An ENI's index here is its index everywhere. */
  readonly enis: readonly Eni[]
  readonly securityGroups: readonly SecurityGroup[]
  readonly networkAcls: readonly NetworkAcl[]
  readonly routeTables: readonly RouteTable[]
  readonly gateways: readonly Gateway[]
  readonly services: readonly CloudService[]
  readonly byId: {
    readonly vpcs: ReadonlyMap<string, Vpc>
    readonly vSwitches: ReadonlyMap<string, VSwitch>
    readonly instances: ReadonlyMap<string, Instance>
    readonly enis: ReadonlyMap<string, Eni>
    readonly securityGroups: ReadonlyMap<string, SecurityGroup>
    readonly networkAcls: ReadonlyMap<string, NetworkAcl>
    readonly routeTables: ReadonlyMap<string, RouteTable>
    readonly gateways: ReadonlyMap<string, Gateway>
    readonly services: ReadonlyMap<string, CloudService>
  }
}

export interface TopologyLoad {
  /** 1 unless told. */
  readonly version?: number
  /** Now unless told. */
  readonly loadedAt?: UnixSeconds
}

/** Reads and checks a topology file. Throws FileUnreadable, and TopologyInvalid as `parseTopology` does. */
export function loadTopology(path: string, load: TopologyLoad = {}): Topology {
  return parseTopology(readTopologyText(path), path, load)
}

/** Throws FileUnreadable. */
export function readTopologyText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause)
    throw new WeirError('FileUnreadable', `cannot read the topology file: ${reason}`, {
      place: path,
      cause,
    })
  }
}

/**
 * Checks the text of a topology file. Throws TopologyInvalid that tells every problem, each with
 * `fileName:line:column` and, for a wrong name, the nearest right one (records.md 9, 13, 46, 66).
 */
export function parseTopology(text: string, fileName: string, load: TopologyLoad = {}): Topology {
  const yaml = new TopologyYaml(text, fileName)
  const top = checkTopLevel(yaml)
  const rows = {
    vpcs: readEntries(yaml, top, 'vpcs'),
    vSwitches: readEntries(yaml, top, 'vSwitches'),
    instances: readEntries(yaml, top, 'instances'),
    enis: readEntries(yaml, top, 'enis'),
    securityGroups: readEntries(yaml, top, 'securityGroups'),
    networkAcls: readEntries(yaml, top, 'networkAcls'),
    routeTables: readEntries(yaml, top, 'routeTables'),
    gateways: readEntries(yaml, top, 'gateways'),
    services: readEntries(yaml, top, 'services'),
  }
  checkReferences(yaml, top)
  checkAddresses(yaml, rows)
  checkTaps(yaml, rows.enis)
  if (yaml.problems.length > 0) throw new TopologyInvalid(yaml.problems)

  const file = {
    account: top['account'] as string | undefined,
    region: top['region'] as string | undefined,
  }
  const vpcOfVSwitch = new Map(rows.vSwitches.map(({ row }) => [row.id, row.vpc]))
  const lists = {
    vpcs: rows.vpcs.map(({ row }) => ({
      ...row,
      account: row.account ?? file.account,
      region: row.region ?? file.region,
    })),
    vSwitches: plain(rows.vSwitches),
    instances: plain(rows.instances),
    enis: rows.enis.map(({ row, path }) => ({
      ...row,
      vpc: vpcOfVSwitch.get(row.vSwitch)!,
      place: yaml.place(path),
    })),
    securityGroups: plain(rows.securityGroups),
    networkAcls: plain(rows.networkAcls),
    routeTables: plain(rows.routeTables),
    // "target absent is other and sameRegion absent is true on a cenBasic gateway"
    gateways: rows.gateways.map(({ row }): Gateway => ({
      ...row,
      target: row.target ?? 'other',
      sameRegion: row.sameRegion ?? true,
    })),
    services: plain(rows.services),
  }
  return deepFreeze({
    file: fileName,
    version: load.version ?? 1,
    loadedAt: load.loadedAt ?? unixSeconds(Date.now() / 1000),
    ...file,
    ...lists,
    byId: {
      vpcs: byId(lists.vpcs),
      vSwitches: byId(lists.vSwitches),
      instances: byId(lists.instances),
      enis: byId(lists.enis),
      securityGroups: byId(lists.securityGroups),
      networkAcls: byId(lists.networkAcls),
      routeTables: byId(lists.routeTables),
      gateways: byId(lists.gateways),
      services: byId(lists.services),
    },
  })
}

const plain = <T>(rows: readonly Placed<T>[]): T[] => rows.map(({ row }) => row)

const byId = <T extends { readonly id: string }>(list: readonly T[]): ReadonlyMap<string, T> =>
  new Map(list.map((each) => [each.id, each]))

function deepFreeze<T extends object>(value: T): T {
  Object.freeze(value)
  for (const each of Object.values(value))
    if (typeof each === 'object' && each !== null && !Object.isFrozen(each)) deepFreeze(each)
  return value
}
