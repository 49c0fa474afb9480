/** Protocols that rankings name (IANA protocol numbers); others are their number. */
const names: Readonly<Record<number, string>> = {
  1: 'ICMP',
  2: 'IGMP',
  4: 'IPIP',
  6: 'TCP',
  17: 'UDP',
  41: 'IPv6',
  47: 'GRE',
  50: 'ESP',
  51: 'AH',
  58: 'ICMPv6',
  89: 'OSPF',
  132: 'SCTP',
}

export const protocolName = (number: number): string => names[number] ?? String(number)

/** Of a name in any case. */
export function protocolNumber(name: string): number | undefined {
  const found = Object.entries(names).find(
    ([, each]) => each.toLowerCase() === name.trim().toLowerCase(),
  )
  return found && Number(found[0])
}
