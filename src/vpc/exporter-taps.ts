/** The routers whose interfaces are taps of ENIs, for whoever receives what they export. */
import type { EniIdentity } from '../record/batch.ts'
import { addressKey, parseAddress } from './address.ts'
import { topologyEnis } from './eni-numbers.ts'
import type { Topology } from './topology.ts'

/** `tap: { exporter: 192.0.2.1, ifIndex: 3 }` of an ENI. */
export interface ExporterTap {
  readonly eni: EniIdentity
  /** The router's address, as the topology writes it. */
  readonly exporter: string
  /** The same for every way to write that address. */
  readonly exporterKey: string
  readonly ifIndex: number
}

/** In the topology's order. */
export function exporterTaps(topology: Topology): ExporterTap[] {
  const identities = topologyEnis(topology)
  return topology.enis.flatMap(({ tap }, i) =>
    tap?.exporter === undefined || tap.ifIndex === undefined
      ? []
      : [
          {
            eni: identities[i]!,
            exporter: tap.exporter.text,
            exporterKey: addressKey(tap.exporter),
            ifIndex: tap.ifIndex,
          },
        ],
  )
}

/** What `ExporterTap.exporterKey` is for the sender of a datagram; undefined when it is no address. */
export function exporterKeyOf(address: string): string | undefined {
  const parsed = parseAddress(address)
  return parsed && addressKey(parsed)
}

/** The ENIs that no tap names. */
export function enisWithoutTap(topology: Topology): EniIdentity[] {
  const identities = topologyEnis(topology)
  return identities.filter((_, i) => topology.enis[i]!.tap === undefined)
}
