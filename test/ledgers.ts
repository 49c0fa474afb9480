import { unixSeconds } from '../src/base/time.ts'
import type { Ledger, Loss } from '../src/ledger/ledger.ts'

/** 100 frames, of which 90 are in records, 6 multicast and 4 lost. */
export const ledgerNamed = (eni: string): Ledger => ({
  eni,
  tap: 'shop/eth0',
  host: 'host-1',
  opening: `opening of ${eni}`,
  openedAt: unixSeconds(0),
  asOf: unixSeconds(600),
  interface: { frames: 100, bytes: 10_000, exact: true },
  frameBytes: 10_000,
  records: { frames: 90, packets: 95, bytes: 8000 },
  open: { frames: 0, packets: 0, bytes: 0 },
  multicast: 6,
  nonIp: 0,
  malformed: 0,
  filtered: 0,
  unassigned: 0,
  refused: 0,
  lost: { ring: { frames: 4, bytes: 0 } },
  inRing: 0,
})

/** A minute of which 4 frames were lost. */
export const lossAt = (eni: string, from: number): Loss => ({
  eni,
  from: unixSeconds(from),
  to: unixSeconds(from + 60),
  reason: 'ring',
  frames: 4,
})
