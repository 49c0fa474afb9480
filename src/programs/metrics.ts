/** The counters of every part, as Prometheus reads them. Names end in their unit; counters in `_total`. */
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import type { Delivery } from '../delivery/delivery.ts'
import type { LogStore, LogStoreStats } from '../logstore/logstore.ts'
import type { Capture } from './capture.ts'
import type { CaptureCounters } from './capture-worker.ts'

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
  logBytes: ['weir_logstore_log_bytes', 'Bytes in log files'],
  segments: ['weir_logstore_segments', 'Segments'],
  segmentRows: ['weir_logstore_segment_rows', 'Records in segments'],
  segmentBytes: ['weir_logstore_segment_bytes', 'Bytes in segments'],
} as const satisfies Partial<Record<keyof LogStoreStats, readonly [string, string]>>

const captureCounters = {
  framesSeen: ['weir_capture_frames_total', 'Frames that reached the tap, dropped ones included'],
  framesDropped: ['weir_capture_dropped_frames_total', 'Frames the ring had no room for'],
  nonIp: ['weir_capture_non_ip_frames_total', 'Frames that were not IP'],
  malformed: ['weir_capture_malformed_frames_total', 'Frames with a broken or cut IP header'],
  latePackets: ['weir_capture_late_packets_total', 'Packets that came after their window closed'],
  refusedPackets: ['weir_capture_refused_packets_total', 'Packets of flows a full window refused'],
  unassignedPackets: ['weir_capture_unassigned_packets_total', 'Packets that belong to no ENI'],
} as const satisfies Record<keyof CaptureCounters, readonly [string, string]>

const deliveryCounters = {
  records: ['weir_delivery_records_total', 'Records stored'],
  parcels: ['weir_delivery_parcels_total', 'Batches stored'],
  retries: ['weir_delivery_retries_total', 'Batches that had to wait and were sent again'],
  lostRecords: ['weir_delivery_lost_records_total', 'Records their logstore did not take'],
} as const satisfies Partial<Record<keyof Delivery, readonly [string, string]>>

const entriesOf = <Key extends string>(table: Record<Key, readonly [string, string]>) =>
  Object.entries(table) as [Key, readonly [string, string]][]

/** A registry that asks each part when it is asked. */
export function createMetrics(
  store: LogStore,
  delivery: Delivery,
  capture: () => Capture | undefined,
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
  for (const [key, [name, help]] of entriesOf(captureCounters))
    new Counter({
      name,
      help,
      registers,
      labelNames: ['interface'],
      collect() {
        this.reset()
        for (const [interfaceName, counters] of capture()?.counters ?? [])
          this.inc({ interface: interfaceName }, counters[key])
      },
    })
  return registry
}
