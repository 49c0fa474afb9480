/**
 * sample/: the sample project, the page's use cases as packets.
 *
 * `sampleTopology` is the network, `sampleFlowLogs` what watches it, and `sampleCaptures` an hour of
 * traffic that was never captured but could have been: each `Scenario` (web, ecs, peering, nat, express)
 * puts conversations (`tcp-connection.ts`, `stream.ts`, `conversation.ts`, `neighbourhood.ts`) on a `Tape`,
 * which writes them in time order. Nothing here knows what a record is: records come from these
 * captures the way they come from any others.
 */
import { assert } from '../base/assert.ts'
import { PcapngWriter } from '../packet/packet.ts'
import { ecs } from './ecs.ts'
import { express } from './express.ts'
import { nat } from './nat.ts'
import { peering } from './peering.ts'
import { Random } from './random.ts'
import { minuteNanoseconds, type Scenario } from './scenario.ts'
import { Tape } from './tape.ts'
import { sampleTopologyYaml } from './topology.ts'
import { web } from './web.ts'

/** A flow log of the sample project, in the words of the cloud's API. */
export interface SampleFlowLog {
  readonly name: string
  readonly resourceType: 'NetworkInterface' | 'VSwitch' | 'VPC'
  readonly resourceId: string
  /** The sampling path: `all`, or the names of the paths that are kept. */
  readonly scope: readonly string[]
  readonly windowSeconds: 60 | 300 | 600
  readonly trafficType: 'All' | 'Allow' | 'Drop'
  readonly ipVersion: 'IPv4' | 'DualStack'
  /** Where it delivers: the use case's own logstore and the one that holds all of them. */
  readonly logstores: readonly string[]
}

export interface SampleCapture {
  /** The base name that the topology's taps name. */
  readonly fileName: string
  /** The pcapng file, made as it is read; reading it again makes it again. */
  readonly chunks: Iterable<Uint8Array>
}

const scenarios: readonly Scenario[] = [web, ecs, peering, nat, express]
const minutes = 60

/** The topology file of the sample's networks, as YAML text. */
export const sampleTopology = (): string => sampleTopologyYaml

/**
 * The flow logs of the page's use cases. The page's queries say `sum(bytes*8/60)`, "divide by the capture
 * window of 1 minute to get the rate in bit/s", so every window is 60 seconds.
 */
export const sampleFlowLogs: readonly SampleFlowLog[] = [
  // "For Resource Instance, select the ENI of the web server. For Data Transfer Type, select All Traffic."
  flowLog('web', 'web', 'NetworkInterface', 'eni-web1'),
  // "Resource Instance: Select the ECS1 ENI."
  flowLog('ecs', 'ecs', 'NetworkInterface', 'eni-ecs1'),
  // "For Resource Instance, select VPC VPC1."
  flowLog('peering', 'peering', 'VPC', 'vpc-peer1'),
  // "Select the vSwitch2 where the Internet NAT Gateway is located."
  flowLog('nat', 'nat', 'VSwitch', 'vsw-nat2'),
  // "Create two flow logs and deliver the logs to the same Logstore." "For Sampling Path, select Transit
  // Router."
  flowLog('express-vpc1', 'express', 'VPC', 'vpc-express1', ['transitRouter']),
  flowLog('express-vpc2', 'express', 'VPC', 'vpc-express2', ['transitRouter']),
]

/**
 * The captures of the hour that ends at Unix second `endSeconds`, a full minute. Every chunk is made when
 * it is asked for; the same hour gives the same bytes, and another hour differs in nothing but times.
 */
export function sampleCaptures(endSeconds: number): Iterable<SampleCapture> {
  assert(Number.isInteger(endSeconds / 60), 'the sample hour ends at a full minute')
  return scenarios.map((scenario, i) => ({
    fileName: `sample-${scenario.name}.pcapng`,
    chunks: { [Symbol.iterator]: () => capture(scenario, i + 1, endSeconds - minutes * 60) },
  }))
}

function* capture(scenario: Scenario, seed: number, beginSeconds: number): Generator<Uint8Array> {
  const writer = new PcapngWriter()
  for (const name of scenario.interfaces) {
    writer.addInterface({ name, linkType: 1, snapLength: 128, timeResolution: 9 })
  }
  const tape = new Tape()
  const putMinute = scenario.play(tape, new Random(seed))
  for (let minute = 0; minute < minutes; minute++) {
    putMinute(minute)
    tape.writeUntil((minute + 1) * minuteNanoseconds, beginSeconds, writer)
    yield* writer.takeChunks()
  }
  yield* writer.finish()
}

function flowLog(
  name: string,
  logstore: string,
  resourceType: SampleFlowLog['resourceType'],
  resourceId: string,
  scope: readonly string[] = ['all'],
): SampleFlowLog {
  return {
    name,
    resourceType,
    resourceId,
    scope,
    windowSeconds: 60,
    trafficType: 'All',
    ipVersion: 'DualStack',
    logstores: [logstore, 'flow-log'],
  }
}
