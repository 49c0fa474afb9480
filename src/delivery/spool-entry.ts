/**
 * An entry of the spool as the body of a log record, little endian:
 *
 *     u8    version: 1
 *     text  ENI                              (u32 byte length and UTF-8)
 *     f64   order: of two notes of an ENI the higher is the later
 *     text  note, JSON                       (length ffffffff: the entry leaves the note as it is)
 *     u32   parcels, then for each
 *       text  project, text logstore
 *       u32   bytes, then the batch with its id (base/batch-codec.ts)
 */
import { assert } from '../base/assert.ts'
import { columnsOf, decodeBatch, encodeBatch } from '../base/batch-codec.ts'
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import type { Parcel } from './parcel.ts'

const version = 1

export interface EncodedEntry {
  readonly eni: string
  readonly order: number
  readonly note: string | undefined
  /** The batches are views of the entry. */
  readonly parcels: readonly (Omit<EncodedParcel, 'batch'> & { readonly batch: Buffer })[]
}

/** A parcel as the spool keeps it, id included: a tenth of the memory, and cheap to send to another thread. */
export interface EncodedParcel {
  readonly project: string
  readonly logstore: string
  /** It has memory of its own. */
  readonly batch: Uint8Array<ArrayBuffer>
}

export const encodeParcel = ({ project, logstore, id, batch }: Parcel): EncodedParcel => ({
  project,
  logstore,
  batch: new Uint8Array(encodeBatch(batch, { id })),
})

export function encodeEntry(
  eni: string,
  order: number,
  note: string | undefined,
  parcels: readonly (Parcel | EncodedParcel)[],
): Buffer {
  const writer = new ByteWriter()
  writer.u8(version)
  writer.text(eni)
  writer.f64(order)
  writer.optionalText(note)
  writer.u32(parcels.length)
  for (const parcel of parcels) {
    writer.text(parcel.project)
    writer.text(parcel.logstore)
    writer.bytes('id' in parcel ? encodeBatch(parcel.batch, { id: parcel.id }) : parcel.batch)
  }
  return writer.finish()
}

/** `body` passed its CRC. */
export function decodeEntry(body: Buffer): EncodedEntry {
  const reader = new ByteReader(body)
  const found = reader.u8()
  assert(found === version, `an entry of version ${found} in the spool`)
  return {
    eni: reader.text(),
    order: reader.f64(),
    note: reader.optionalText(),
    parcels: Array.from({ length: reader.u32() }, () => ({
      project: reader.text(),
      logstore: reader.text(),
      batch: reader.bytes(),
    })),
  }
}

export function decodeParcel({
  project,
  logstore,
  batch,
}: EncodedEntry['parcels'][number]): Parcel {
  const logged = decodeBatch(batch)
  assert(logged.id !== undefined, 'a batch in the spool has an id')
  return { project, logstore, id: logged.id, batch: columnsOf(logged) }
}
