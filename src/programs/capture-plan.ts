/** Which interfaces are captured, and for which flow logs: what each capture worker is told. */
import { WeirError } from '../base/errors.ts'
import { type FlowLog, windowSecondsOf } from '../flow-log/flow-log.ts'
import type { EniIdentity } from '../record/batch.ts'
import { hostInterfaces } from '../sources/sources.ts'
import { hostIdentity, hostVpcId, type Topology, topologyEnis } from '../vpc/vpc.ts'
import type { StartConfig } from './start-config.ts'

const mebibyte = 2 ** 20

/** One interface and the ENI it is the tap of. */
export interface Tap {
  readonly interfaceName: string
  /** A network namespace by name; absent for this process's own. */
  readonly netns?: string
  readonly eni: EniIdentity
}

/** Everything a worker needs; sent to its thread as it is. */
export interface CaptureTask {
  readonly tap: Tap
  readonly windowSeconds: FlowLog['windowSeconds']
  readonly flowLogs: readonly FlowLog[]
  readonly ringBytes: number
  /** The topology the tap belongs to; without one the ENI is a host interface. */
  readonly topologyPath?: string
}

/** The taps of this host: those the topology names, or every interface that is up. */
export function tapsOf(config: StartConfig, topology: Topology | undefined): Tap[] {
  if (topology !== undefined) {
    const identities = topologyEnis(topology)
    return topology.enis.flatMap(({ tap }, i): Tap[] => {
      if (tap?.interface === undefined || tap.capture !== undefined) return []
      const { interface: interfaceName, netns } = tap
      const own = netns === undefined || netns === 'host'
      return [{ interfaceName, eni: identities[i]!, ...(own ? {} : { netns }) }]
    })
  }
  const there = hostInterfaces()
  for (const wanted of config.capture.interfaces ?? [])
    if (!there.includes(wanted))
      throw new WeirError('ConfigInvalid', `there is no interface ${wanted} that is up`, {
        hint: `There are: ${there.join(', ') || 'none'}`,
      })
  return (config.capture.interfaces ?? there).map((interfaceName) => ({
    interfaceName,
    eni: hostIdentity(interfaceName),
  }))
}

/** The VPCs that a first start makes flow logs for. */
export const vpcsOf = (taps: readonly Tap[]): string[] => [
  ...new Set(taps.map(({ eni }) => (eni.vpcId === '-' ? hostVpcId : eni.vpcId))),
]

/** A task for each tap that an active flow log is about. */
export function captureTasks(
  taps: readonly Tap[],
  flowLogs: readonly FlowLog[],
  config: StartConfig,
): CaptureTask[] {
  const ringBytes = (config.capture.ringMebibytes * mebibyte) / Math.max(1, taps.length)
  return taps.flatMap((tap) => {
    const windowSeconds = windowSecondsOf(tap.eni, flowLogs)
    if (windowSeconds === undefined) return []
    return [
      {
        tap,
        windowSeconds,
        flowLogs,
        ringBytes: Math.max(mebibyte, Math.floor(ringBytes)),
        ...(config.topology === undefined ? {} : { topologyPath: config.topology }),
      },
    ]
  })
}
