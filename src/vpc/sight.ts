/**
 * A packet as one ENI sees it, and what the topology says of that: never of what came before, so that it
 * holds for every packet of the same addresses, ports and direction until the topology changes. Each
 * answer is found when it is first asked for. One object, used again for each packet.
 */
import { rowWords, word, type PacketBatch } from '../packet/packet.ts'
import { action, direction } from '../record/batch.ts'
import type { Network } from './network.ts'

/** Not a traffic path: none has been looked up. */
export const pathUnknown = 0xff

/** A row with source and destination exchanged. */
const turned = new Int32Array(rowWords)

export class Sight {
  #network: Network | undefined
  words = new Int32Array(0)
  quoted = new Int32Array(0)
  /** Where the packet's row begins in `words`. */
  base = 0
  /** The ENI by its number. */
  eni = 0
  /** direction.in or direction.out */
  way = 0
  /** Whether the ENI has security groups; only those keep state. */
  stateful = false
  /** Whether it has groups or an ACL. */
  filtered = false
  /** Whether its vSwitch has an ACL. */
  hasAcl = false
  /** Actions, `action.none` until asked for. */
  acl = 0
  groups = 0
  path = pathUnknown
  /** The connection's slot, 0 until looked up. */
  slot = 0
  #index = 0
  #isPlaced = false
  #peer = 0
  #holder = 0
  #inside = false

  /**
   * @param eni its number; the network has it
   * @param way direction.in or direction.out
   */
  begin(network: Network, eni: number, way: number, batch: PacketBatch, row: number): void {
    this.#network = network
    this.#index = network.indexOf[eni]!
    this.words = batch.words
    this.quoted = batch.quoted
    this.base = row * rowWords
    this.eni = eni
    this.way = way
    this.stateful = network.groups.filters(this.#index)
    this.hasAcl = network.acls.filters(this.#index)
    this.filtered = this.stateful || this.hasAcl
    this.acl = action.none
    this.groups = action.none
    this.path = pathUnknown
    this.slot = 0
    this.#isPlaced = false
  }

  get mark(): number {
    return this.words[this.base + word.about]!
  }

  /** What the vSwitch's network ACL says (records.md 24, 25). */
  aclAction(): number {
    if (this.acl !== action.none) return this.acl
    this.#place()
    const { acls } = this.#network!
    const { words, base, way } = this
    const accepts = acls.accept(this.#index, way, words, base, this.#peer, this.#inside)
    this.acl = accepts ? action.accept : action.reject
    return this.acl
  }

  /** What the ACL says of a packet the other way. */
  aclActionBack(): number {
    if (!this.hasAcl) return action.accept
    this.#place()
    const { words, base, way } = this
    const peerAt = way === direction.out ? word.source : word.destination
    const ports = words[base + word.ports]!
    for (let i = 0; i < 4; i++) {
      turned[word.source + i] = words[base + word.destination + i]!
      turned[word.destination + i] = words[base + word.source + i]!
    }
    turned[word.ports] = (ports << 16) | (ports >>> 16)
    turned[word.about] = this.mark
    const back = way === direction.out ? direction.in : direction.out
    const { acls } = this.#network!
    return acls.accept(this.#index, back, turned, 0, peerAt, this.#inside)
      ? action.accept
      : action.reject
  }

  /** What the security groups say of a packet that is judged by itself (19 to 23). */
  groupsAction(): number {
    if (this.groups !== action.none) return this.groups
    this.#place()
    const { addresses, groups } = this.#network!
    const { words, base, way } = this
    const peerEni = addresses.eniOf(this.#holder)
    const accepts = groups.accept(this.#index, way, words, base, this.#peer, peerEni)
    this.groups = accepts ? action.accept : action.reject
    return this.groups
  }

  /** The traffic path (38). */
  trafficPath(): number {
    if (this.path !== pathUnknown) return this.path
    this.#place()
    const { paths } = this.#network!
    const { mark, words } = this
    this.path = paths.find(this.#index, this.#holder, this.#inside, mark, words, this.#peer)
    return this.path
  }

  /** Finds who has the peer's address, and whether that is inside the ENI's own vSwitch. */
  #place(): void {
    if (this.#isPlaced) return
    this.#isPlaced = true
    const { addresses } = this.#network!
    const { mark, words, base, way } = this
    this.#peer = base + (way === direction.out ? word.destination : word.source)
    this.#holder = addresses.holder(addresses.vpcOf[this.#index]!, mark, words, this.#peer)
    this.#inside = addresses.insideVSwitch(this.#index, this.#holder, mark, words, this.#peer)
  }
}
