/**
 * Templates: what the fields of a record are, as an exporter said. Kept per exporter and source id (NetFlow v9,
 * RFC 3954 §5) or observation domain (IPFIX, RFC 7011 §8). A template set:
 *
 *     v9, id 0, and IPFIX, id 2:   template id | fields | (element | length)...
 *     v9, id 1:                    template id | bytes of scopes | bytes of options | (type | length)...
 *     IPFIX, id 3:                 template id | fields | scopes among them | (element | length)...
 *
 * In IPFIX the top bit of an element says that an enterprise number of four bytes follows, length 65535 that the
 * length stands in the record, and a template without fields that it is withdrawn (§8.1).
 */
import { interfaceScopeReading, readingOf } from './information-elements.ts'

/** Pairs of how a field is read (0: skipped) and its length. */
export interface Template {
  readonly fields: Int32Array
  /** Bytes of the shortest record; never 0. */
  readonly bytesMin: number
  readonly variable: boolean
  /** Its records are about the exporter, not about flows. */
  readonly options: boolean
  /** Options: its scope is an interface. */
  readonly ofInterface: boolean
}

export const variableLength = 0xffff
/** The longest templates seen have about 60 fields. */
export const templateFieldsMax = 512
/** Of one source id or domain: routers send less than a hundred. */
export const templatesMax = 1024

/** The templates of one source id or observation domain. */
export class Templates {
  readonly #byId = new Map<number, Template>()
  /** Fields of all of them: what they cost. */
  fields = 0
  /** Templates that could not be read, or found no room. */
  refused = 0

  get(id: number): Template | undefined {
    return this.#byId.get(id)
  }

  get size(): number {
    return this.#byId.size
  }

  /**
   * Reads a template set of NetFlow v9 or IPFIX from `at` to `end`.
   * @param fieldsLeft fields there is room for
   * @returns the ids that are new or changed
   */
  read(
    view: DataView,
    at: number,
    end: number,
    kind: 'v9' | 'v9-options' | 'ipfix' | 'ipfix-options',
    fieldsLeft: number,
  ): number[] {
    const changed: number[] = []
    const room = this.fields + fieldsLeft
    while (at + 4 <= end) {
      const id = view.getUint16(at)
      // What is left is padding: no template is numbered below 256, but withdrawals of all are (2, 3).
      if (id < 256 && !(kind.startsWith('ipfix') && id > 1)) break
      const next = this.#readOne(view, at, end, kind, id, room, changed)
      if (next === 0) {
        this.refused++
        break
      }
      at = next
    }
    return changed
  }

  /** @returns where it ends, 0 when it is broken */
  #readOne(
    view: DataView,
    at: number,
    end: number,
    kind: string,
    id: number,
    room: number,
    changed: number[],
  ): number {
    let count = view.getUint16(at + 2)
    const ipfix = kind.startsWith('ipfix')
    if (ipfix && count === 0) {
      this.#withdraw(id)
      return at + 4
    }
    const options = kind.endsWith('options')
    if (id < 256 || (options && at + 6 > end)) return 0
    let scopes = 0
    if (options) scopes = view.getUint16(at + 4)
    if (kind === 'v9-options') {
      scopes = Math.floor(count / 4)
      count = scopes + Math.floor(view.getUint16(at + 4) / 4)
    }
    if (count > templateFieldsMax || scopes > count) return 0
    const fields = new Int32Array(count * 2)
    let here = at + (options ? 6 : 4)
    for (let i = 0; i < count; i++) {
      if (here + 4 > end) return 0
      let element = view.getUint16(here)
      let enterprise = 0
      const length = view.getUint16(here + 2)
      here += 4
      if (ipfix && element & 0x8000) {
        if (here + 4 > end) return 0
        element &= 0x7fff
        enterprise = view.getUint32(here)
        here += 4
      }
      fields[2 * i] =
        kind === 'v9-options' && i < scopes ? scopeReading(element) : readingOf(element, enterprise)
      fields[2 * i + 1] = length
    }
    this.#keep(id, templateOf(fields, ipfix, options, scopes), room, changed)
    return here
  }

  #keep(id: number, template: Template, room: number, changed: number[]): void {
    const old = this.#byId.get(id)
    const added = template.fields.length / 2
    const before = old === undefined ? 0 : old.fields.length / 2
    if (
      template.bytesMin === 0 ||
      (old === undefined && this.#byId.size >= templatesMax) ||
      this.fields - before + added > room
    ) {
      this.refused++
      return
    }
    if (old !== undefined && isSame(old, template)) return
    this.#byId.set(id, template)
    this.fields += added - before
    changed.push(id)
  }

  /** "Withdraw all": ids 2 and 3 are those of the template sets themselves. */
  #withdraw(id: number): void {
    for (const [each, { fields, options }] of this.#byId)
      if (each === id || (id === 2 && !options) || (id === 3 && options)) {
        this.#byId.delete(each)
        this.fields -= fields.length / 2
      }
  }
}

const scopeInterface = 2
const scopeReading = (type: number): number => (type === scopeInterface ? interfaceScopeReading : 0)

function templateOf(
  fields: Int32Array,
  ipfix: boolean,
  options: boolean,
  scopes: number,
): Template {
  let bytesMin = 0
  let variable = false
  let ofInterface = false
  for (let i = 0; i < fields.length; i += 2) {
    const length = fields[i + 1]!
    if (ipfix && length === variableLength) {
      variable = true
      bytesMin += 1
    } else bytesMin += length
    if (i / 2 < scopes && fields[i] === interfaceScopeReading) ofInterface = true
  }
  return { fields, bytesMin, variable, options, ofInterface }
}

function isSame(a: Template, b: Template): boolean {
  return (
    a.options === b.options &&
    a.fields.length === b.fields.length &&
    a.fields.every((each, i) => each === b.fields[i])
  )
}
