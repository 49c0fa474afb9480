/** A batch that is acknowledged and in the log alone. */
export interface HotBatch {
  /** Its place in the log; those of one logstore are read in its order. */
  readonly sequence: number
  readonly receiveTime: number
  /** As base/batch-codec has it. */
  readonly body: Buffer
  readonly rows: number
  /** Least and greatest `__time__` in it. */
  readonly timeMin: number
  readonly timeMax: number
}

/** The rows of a logstore that no file of the same lease holds: those of the batches after `after` up to `through`. */
export interface HotLease {
  /** An id of the logstore; none has had it before. */
  readonly logstore: number
  readonly after: number
  readonly through: number
  /** Of all these batches that may have rows of the lease's range. */
  readonly rows: number
  /** Those of them that come after what the reader has, in order. */
  readonly batches: readonly HotBatch[]
}

/** Who can read batches as the log has them, and keeps what it was given. */
export interface HotOptions {
  /** By logstore: it has all batches up to this one that a lease said are hot. */
  readonly held: ReadonlyMap<number, number>
  /** Where it lacks more rows than these, they become a segment first. */
  readonly rowsMax: number
}
