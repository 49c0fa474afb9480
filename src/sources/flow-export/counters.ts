/** What a receiver counts, from its start on. */
export interface ExportCounters {
  datagrams: number
  /** Flows counted in rows; a record of both directions counts twice. */
  records: number
  /** Records that are not about IP. */
  nonIp: number
  /** Records of no packets: events, and nothing since the last export. */
  empty: number
  /** Records whose packets, bytes or times are not said or cannot be. A loss. */
  uncountable: number
  /** Data sets whose template did not come in time. A loss; how many records they had is unknown. */
  undecodableSets: number
  /** Datagrams of no known protocol. */
  unknown: number
  /** Datagrams that broke off or contradicted themselves, after what could be read of them. A loss. */
  malformed: number
  /** Templates that came new or changed, and those that were broken or too many. */
  templates: number
  templatesRefused: number
  /** Datagrams that came twice: their flows are counted once. */
  repeated: number
  /** Datagrams that came out of order. */
  reordered: number
}

export const zeroCounters = (): ExportCounters => ({
  datagrams: 0,
  records: 0,
  nonIp: 0,
  empty: 0,
  uncountable: 0,
  undecodableSets: 0,
  unknown: 0,
  malformed: 0,
  templates: 0,
  templatesRefused: 0,
  repeated: 0,
  reordered: 0,
})
