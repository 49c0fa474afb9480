/**
 * Which ENIs get their records from the flows that routers export: those whose tap is an exporter. A topology
 * that names no exporter has its flows assigned by address, to the ENIs that are not tapped in another way. Never
 * both: a flow that passes a tap is told of there alone, so an ENI without one would miss a part of its flows.
 */
import type { EniIdentity } from '../record/batch.ts'
import { enisWithoutTap, exporterTaps, type Topology } from '../vpc/vpc.ts'

export interface ExportPlace {
  readonly eni: EniIdentity
  /** For people, such as `192.0.2.1 interface 3`. */
  readonly tap: string
  /** `ExporterTap.exporterKey`; undefined when flows are assigned by address, whoever exports. */
  readonly exporter: string | undefined
  readonly ifIndex: number | undefined
}

export function exportPlaces(topology: Topology): ExportPlace[] {
  const taps = exporterTaps(topology)
  if (taps.length > 0)
    return taps.map(({ eni, exporter, exporterKey, ifIndex }) => ({
      eni,
      tap: `${exporter} interface ${ifIndex}`,
      exporter: exporterKey,
      ifIndex,
    }))
  return enisWithoutTap(topology).map((eni) => ({
    eni,
    tap: 'exported flows',
    exporter: undefined,
    ifIndex: undefined,
  }))
}
