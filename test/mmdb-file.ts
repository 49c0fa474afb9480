/** Writes MMDB files (MaxMind DB format 2.0) of a few networks, with records of any shape. */

type Value = string | number | readonly Value[] | { readonly [name: string]: Value }

/** A network as the bits of its prefix: `00001010` is 10.0.0.0/8. */
export interface MmdbNetwork {
  readonly bits: string
  readonly record: Value
}

/** The first bits of an IPv4 address, behind 96 zeros in a file for IPv6. */
export const ipv4Bits = (address: string, length: number, ipVersion: 4 | 6): string =>
  '0'.repeat(ipVersion === 6 ? 96 : 0) +
  address
    .split('.')
    .map((octet) => Number(octet).toString(2).padStart(8, '0'))
    .join('')
    .slice(0, length)

type Node = [Node | number | undefined, Node | number | undefined]

export function mmdbFile(ipVersion: 4 | 6, networks: readonly MmdbNetwork[]): Buffer {
  const root: Node = [undefined, undefined]
  const nodes: Node[] = [root]
  const data: Buffer[] = []
  let dataLength = 0
  for (const { bits, record } of networks) {
    let node = root
    for (let i = 0; i < bits.length - 1; i++) {
      const side = Number(bits[i]) as 0 | 1
      let next = node[side]
      if (typeof next !== 'object') {
        next = node[side] = [undefined, undefined]
        nodes.push(next)
      }
      node = next
    }
    node[Number(bits.at(-1)) as 0 | 1] = dataLength
    const bytes = encoded(record)
    data.push(bytes)
    dataLength += bytes.length
  }
  const tree = Buffer.alloc(nodes.length * 6)
  nodes.forEach((node, i) => {
    node.forEach((to, side) => {
      const value =
        to === undefined
          ? nodes.length
          : typeof to === 'number'
            ? nodes.length + 16 + to
            : nodes.indexOf(to)
      tree.writeUIntBE(value, i * 6 + side * 3, 3)
    })
  })
  const metadata = {
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_700_000_000,
    database_type: 'any text',
    description: {},
    ip_version: ipVersion,
    languages: [],
    node_count: nodes.length,
    record_size: 24,
  }
  const marker = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1')
  return Buffer.concat([tree, Buffer.alloc(16), ...data, marker, encoded(metadata)])
}

function encoded(value: Value): Buffer {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value)
    return Buffer.concat([control(2, bytes.length), bytes])
  }
  if (typeof value === 'number' && Number.isInteger(value)) {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return Buffer.concat([control(6, 4), bytes])
  }
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleBE(value)
    return Buffer.concat([control(3, 8), bytes])
  }
  if (Array.isArray(value)) {
    const items: readonly Value[] = value
    return Buffer.concat([control(11, items.length), ...items.map(encoded)])
  }
  const entries = Object.entries(value)
  const parts = entries.flatMap(([name, each]) => [encoded(name), encoded(each)])
  return Buffer.concat([control(7, entries.length), ...parts])
}

/** Sizes below 285. */
function control(type: number, size: number): Buffer {
  const low = Math.min(size, 29)
  const bytes = type > 7 ? [low, type - 7] : [(type << 5) | low]
  if (size >= 29) bytes.push(size - 29)
  return Buffer.from(bytes)
}
