/**
 * "ACCEPT = seen at the ENI less rejected, per five-tuple and direction": where a firewall reports what it
 * rejects, a tap before it has counted those packets as accepted ones too. They are taken off again when the
 * window closes.
 */
import { about, rowWords, word } from '../packet/packet.ts'
import { owner, ownerOf } from '../vpc/vpc.ts'
import { entryIpv6, entryOwner, entryWords, type FlowTable, unitWords } from './flow-table.ts'

// record/batch.ts `action`; flow/ does not import record/
const accept = 1
const reject = 2

/** What is rejected of a flow beyond what was seen of it in its window. */
interface Excess {
  /** A packet row of the five-tuple, and whose accepted flow it is. */
  readonly row: Int32Array
  readonly owner: number
  packets: number
  bytes: number
}

/** Flows whose excess is remembered for the next window. */
const excessMax = 65_536

export class LessRejected {
  /** Packets taken off accepted flows so far. */
  taken = 0
  /** Rejected packets so far that the tap had not seen, neither in their window nor in the one after it. */
  unseen = 0
  readonly #seen: (eni: number, direction: number) => boolean
  #excess: Excess[] = []
  readonly #row = new Int32Array(rowWords)

  /**
   * @param seen whether the tap of an ENI sees packets of a direction (record/batch.ts code) before they are
   *   judged; what it does not see is only added
   */
  constructor(seen: (eni: number, direction: number) => boolean) {
    this.#seen = seen
  }

  /**
   * Takes the packets and bytes of rejected flows off the accepted flows of the same ENI, direction and
   * five-tuple. A flow of which nothing is left has 0 packets and makes no record. To be called once for each
   * window, in their order, before its records are made.
   *
   * A packet whose two times lie on either side of a window's end is rejected in one window and was seen in the
   * other: what is rejected beyond what was seen is taken off the next window's flow. TCP flags stay, since
   * they cannot be told apart.
   *
   * @param lossy the tap lost packets in this window, so an excess is no promise of packets in the next
   */
  settle(table: FlowTable, lossy: boolean): void {
    const earlier = this.#excess
    this.#excess = []
    const { words } = table
    for (let entry = unitWords; entry < table.endWords; entry += entryWords(words, entry)) {
      const ownerWord = words[entry + entryOwner]!
      if (owner.action(ownerWord) !== reject) continue
      if (this.#seen(owner.eni(ownerWord), owner.direction(ownerWord)))
        this.#takeOff(table, entry, lossy)
    }
    // Behind the window's own rejects, so that they find what was seen of them.
    for (const excess of earlier) {
      this.#subtract(table, excess)
      this.unseen += excess.packets
    }
  }

  #takeOff(table: FlowTable, entry: number, lossy: boolean): void {
    const ownerWord = table.words[entry + entryOwner]!
    this.#copyKey(table.words, entry)
    const rejected = {
      row: this.#row,
      owner: ownerOf(owner.eni(ownerWord), owner.direction(ownerWord), accept),
      packets: table.totals[(entry >>> 1) + 2]!,
      bytes: table.totals[(entry >>> 1) + 3]!,
    }
    this.#subtract(table, rejected)
    if (rejected.packets === 0) return
    if (lossy || this.#excess.length >= excessMax) this.unseen += rejected.packets
    else this.#excess.push({ ...rejected, row: this.#row.slice() })
  }

  /** Lowers both: the accepted flow, and what is still to be taken off. */
  #subtract(table: FlowTable, rejected: Excess): void {
    const entry = table.find(rejected.row, 0, rejected.owner, false)
    if (entry === 0) return
    const { totals } = table
    const at = (entry >>> 1) + 2
    const packets = Math.min(totals[at]!, rejected.packets)
    totals[at]! -= packets
    // Bytes of offloaded packets that were rejected are an estimate: none stay behind, and none are owed.
    const bytes = totals[at] === 0 ? totals[at + 1]! : Math.min(totals[at + 1]!, rejected.bytes)
    totals[at + 1]! -= bytes
    rejected.packets -= packets
    rejected.bytes = Math.max(0, rejected.bytes - bytes)
    this.taken += packets
  }

  #copyKey(words: Int32Array, entry: number): void {
    const row = this.#row
    const ipv6 = (words[entry + 10]! & entryIpv6) !== 0
    row[word.source] = words[entry]!
    row[word.destination] = words[entry + 1]!
    row[word.ports] = words[entry + 2]!
    row[word.about] = owner.protocol(words[entry + entryOwner]!) | (ipv6 ? about.ipv6 : 0)
    if (!ipv6) return
    for (let i = 1; i < 4; i++) {
      row[word.source + i] = words[entry + 15 + i]!
      row[word.destination + i] = words[entry + 19 + i]!
    }
  }
}
