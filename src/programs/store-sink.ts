/** Parcels of records into the log store of this process. */
import type { RecordSink } from '../delivery/delivery.ts'
import type { LogStore } from '../logstore/logstore.ts'
import { flowLogTopic } from '../record/columns.ts'

export const storeSink =
  (store: Pick<LogStore, 'append'>): RecordSink =>
  async ({ project, logstore, batch, id }) => {
    await store.append(project, logstore, batch, { id, topic: flowLogTopic })
  }
