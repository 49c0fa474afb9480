import type { Column, ColumnBatch } from '../base/columns.ts'
import { WeirError } from '../base/errors.ts'
import type { AppendOptions, LogStore } from '../logstore/logstore.ts'
import { fitGroup, type FittedGroup, type ReceivedGroup } from './fit.ts'

export type PutStore = Pick<LogStore, 'addColumns' | 'append' | 'columns'>

export interface PutOptions {
  /** 32 hex digits: the shard is the one that has them; without, any shard takes the logs. */
  readonly hashKey?: string
  /** What a logstore with `appendMeta` adds to each log. */
  readonly meta?: {
    /** Unix seconds. */
    readonly receiveTime: number
    readonly clientAddress: string
  }
}

/** Values of one batch, absent ones counted: with their texts they stay below the store's limit of bytes. */
const cellsMax = 1024 * 1024
const rowsMax = 100_000
/** Another group may add a column of the same name in another case meanwhile; then it is fitted anew. */
const triesMax = 4

/**
 * Stores a group: resolved when all of it is durable. A group of more than a million values is stored in parts, and when
 * one part fails the others stay: the sender repeats the group, as after an answer that was lost.
 *
 * Throws PostBodyInvalid for a group that no logstore takes, and what `LogStore.append` throws.
 */
export async function putGroup(
  store: PutStore,
  project: string,
  logstore: string,
  group: ReceivedGroup,
  options: PutOptions = {},
): Promise<void> {
  if (group.rows === 0) return void store.columns(project, logstore)
  const { batch } = fitInto(store, project, logstore, group, options)
  const appendOptions: AppendOptions = {
    topic: group.topic,
    source: group.source,
    ...(options.hashKey === undefined ? {} : { hashKey: options.hashKey }),
  }
  try {
    await Promise.all(
      [...partsOf(batch)].map((part) => store.append(project, logstore, part, appendOptions)),
    )
  } catch (error) {
    if (!(error instanceof WeirError && error.code === 'ParameterInvalid')) throw error
    throw new WeirError('PostBodyInvalid', error.message, { cause: error })
  }
}

function fitInto(
  store: PutStore,
  project: string,
  logstore: string,
  group: ReceivedGroup,
  { meta }: PutOptions,
): FittedGroup {
  const tags: [string, string][] =
    meta === undefined
      ? []
      : [
          ['__receive_time__', String(meta.receiveTime)],
          ['__client_ip__', meta.clientAddress],
        ]
  for (let tries = 1; ; tries++) {
    const fitted = fitGroup(group, store.columns(project, logstore), tags)
    if (fitted.missing.length === 0) return fitted
    try {
      store.addColumns(project, logstore, fitted.missing)
      return fitted
    } catch (error) {
      const taken = error instanceof WeirError && error.code === 'ParameterInvalid'
      if (!taken || tries === triesMax) throw error
    }
  }
}

function* partsOf(batch: ColumnBatch): Generator<ColumnBatch> {
  const rows = Math.max(1, Math.min(rowsMax, Math.floor(cellsMax / batch.columns.size)))
  if (batch.rows <= rows) return yield batch
  for (let from = 0; from < batch.rows; from += rows) {
    const to = Math.min(batch.rows, from + rows)
    const columns = [...batch.columns].map(
      ([name, column]) => [name, cut(column, from, to)] as const,
    )
    yield { rows: to - from, columns: new Map(columns) }
  }
}

const cut = (column: Column, from: number, to: number): Column =>
  column.kind === 'text'
    ? { ...column, codes: column.codes.subarray(from, to) }
    : { ...column, values: column.values.subarray(from, to) }
