/** The counters of every part, as Prometheus reads them. Names end in their unit; counters in `_total`. */
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import type { SpooledDelivery } from '../delivery/delivery.ts'
import { difference, type Ledger } from '../ledger/ledger.ts'
import type { LogStore, LogStoreStats } from '../logstore/logstore.ts'
import type { HostCapture } from './host-capture.ts'
import type { ServerBilling } from './open-billing.ts'

const storeCounters = {
  appendedRows: ['weir_logstore_rows_total', 'Records acknowledged'],
  appendedBatches: ['weir_logstore_batches_total', 'Batches acknowledged'],
  appendedBytes: ['weir_logstore_log_bytes_total', 'Bytes written to the log'],
  duplicateBatches: ['weir_logstore_duplicate_batches_total', 'Batches that were there already'],
  refusedBatches: ['weir_logstore_refused_batches_total', 'Batches not taken'],
  syncs: ['weir_logstore_syncs_total', 'Syncs of the log'],
  flushes: ['weir_logstore_flushes_total', 'Segments written from memory'],
  compactions: ['weir_logstore_compactions_total', 'Merges of segments'],
  retentionDrops: ['weir_logstore_expired_segments_total', 'Segments dropped by retention'],
  backgroundFailures: ['weir_logstore_background_failures_total', 'Background work to be redone'],
} as const satisfies Partial<Record<keyof LogStoreStats, readonly [string, string]>>

const storeGauges = {
  hotRows: ['weir_logstore_hot_rows', 'Records not yet in a segment'],
  hotBytes: ['weir_logstore_hot_bytes', 'Bytes in memory of records not yet in a segment'],
  logBytes: ['weir_logstore_log_bytes', 'Bytes in log files'],
  segments: ['weir_logstore_segments', 'Segments'],
  segmentRows: ['weir_logstore_segment_rows', 'Records in segments'],
  segmentBytes: ['weir_logstore_segment_bytes', 'Bytes in segments'],
} as const satisfies Partial<Record<keyof LogStoreStats, readonly [string, string]>>

/** Of each ENI's account (ledger/account.ts): a frame that the interface counted is in one of them. */
const captureCounters: readonly (readonly [
  name: string,
  help: string,
  read: (ledger: Ledger) => number,
])[] = [
  ['interface_frames', 'Frames the interface counted', (ledger) => ledger.interface.frames],
  ['interface_bytes', 'Bytes the interface counted', (ledger) => ledger.interface.bytes],
  ['record_frames', 'Frames in records of closed windows', ({ records }) => records.frames],
  ['record_packets', 'Packets in these records', ({ records }) => records.packets],
  ['record_bytes', 'Bytes in these records, IP layer', ({ records }) => records.bytes],
  ['multicast_frames', 'Frames of multicast, which is not captured', (ledger) => ledger.multicast],
  ['non_ip_frames', 'Frames that were not IP', ({ nonIp }) => nonIp],
  ['malformed_frames', 'Frames with a broken or cut IP header', ({ malformed }) => malformed],
  ['filtered_frames', 'Frames of a family no flow log wants', ({ filtered }) => filtered],
  ['unassigned_frames', 'Frames that belong to no ENI', ({ unassigned }) => unassigned],
  ['refused_frames', 'Frames of flows a full window refused', ({ refused }) => refused],
]

const captureGauges: typeof captureCounters = [
  ['open_frames', 'Frames in open windows', ({ open }) => open.frames],
  ['ring_frames', 'Frames that wait in the ring', ({ inRing }) => inRing],
  [
    'unexplained_frames',
    'Frames of the interface that are nowhere in the account, where both were read in a quiet moment',
    (ledger) => (ledger.interface.exact ? difference(ledger) : 0),
  ],
]

const deliveryCounters = {
  records: ['weir_delivery_records_total', 'Records stored'],
  parcels: ['weir_delivery_parcels_total', 'Batches stored'],
  retries: ['weir_delivery_retries_total', 'Batches that had to wait and were sent again'],
  lostRecords: ['weir_delivery_lost_records_total', 'Records their logstore did not take'],
} as const satisfies Partial<Record<keyof SpooledDelivery, readonly [string, string]>>

const entriesOf = <Key extends string>(table: Record<Key, readonly [string, string]>) =>
  Object.entries(table) as [Key, readonly [string, string]][]

/** A registry that asks each part when it is asked. */
export function createMetrics(
  store: LogStore,
  { agent, delivery, spool }: HostCapture,
  billing: ServerBilling,
): Registry {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const counter = (name: string, help: string, read: () => number): Counter =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  for (const [key, [name, help]] of entriesOf(storeCounters))
    counter(name, help, () => store.stats()[key])
  for (const [key, [name, help]] of entriesOf(deliveryCounters))
    counter(name, help, () => delivery[key])
  for (const [key, [name, help]] of entriesOf(storeGauges))
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(store.stats()[key])
      },
    })
  addSpoolMetrics(registers, spool)
  addCaptureMetrics(registers, agent)
  billing.addMetrics(registry)
  return registry
}

function addSpoolMetrics(registers: Registry[], spool: HostCapture['spool']): void {
  const gauges = {
    entries: ['weir_spool_windows', 'Closed windows that wait to be stored'],
    bytes: ['weir_spool_bytes', 'Bytes of the spool on disk'],
    refused: ['weir_spool_refused_windows', 'Closed windows a full spool refused since the start'],
  } as const
  for (const [key, [name, help]] of entriesOf(gauges))
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(spool.stats()[key])
      },
    })
}

/** The accounts of the ENIs, by ENI and interface. Losses also by reason. */
function addCaptureMetrics(registers: Registry[], agent: HostCapture['agent']): void {
  /** Of each ENI and tap the newest. */
  const ledgers = (): Iterable<Ledger> =>
    new Map(agent.reports().map(({ ledger }) => [`${ledger.eni} ${ledger.tap}`, ledger])).values()
  const labelNames = ['eni', 'interface'] as const
  const labels = ({ eni, tap }: Ledger) => ({ eni, interface: tap })
  for (const [name, help, read] of captureCounters)
    new Counter({
      name: `weir_capture_${name}_total`,
      help,
      registers,
      labelNames,
      collect() {
        this.reset()
        // A counter takes no step back; an account that waits for a quiet moment may stand below 0.
        for (const ledger of ledgers()) this.inc(labels(ledger), Math.max(0, read(ledger)))
      },
    })
  for (const [name, help, read] of captureGauges)
    new Gauge({
      name: `weir_capture_${name}`,
      help,
      registers,
      labelNames,
      collect() {
        this.reset()
        for (const ledger of ledgers()) this.set(labels(ledger), read(ledger))
      },
    })
  new Counter({
    name: 'weir_capture_lost_frames_total',
    help: 'Frames that were lost, by reason: their windows say SKIPDATA',
    registers,
    labelNames: [...labelNames, 'reason'],
    collect() {
      this.reset()
      for (const ledger of ledgers())
        for (const [reason, { frames }] of Object.entries(ledger.lost))
          this.inc({ ...labels(ledger), reason }, Math.max(0, frames))
    },
  })
}
