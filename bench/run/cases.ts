/** The traffic a bench measures: how many packets, over how many flows, how long. */

export interface CaptureCase {
  readonly name: string
  readonly packets: number
  /** One way each; they come in pairs, client to server and back. */
  readonly flows: number
  /** The length of every IP packet, or the simple Internet mix: 7 of 40, 4 of 576, 1 of 1500 bytes. */
  readonly ipBytes: number | 'mix'
}

export const captureCases = [
  { name: '64B-1k', flows: 1000, ipBytes: 64 },
  { name: 'IMIX-1k', flows: 1000, ipBytes: 'mix' },
  { name: '64B-1M', flows: 1_000_000, ipBytes: 64 },
  { name: 'IMIX-1M', flows: 1_000_000, ipBytes: 'mix' },
] as const satisfies readonly Omit<CaptureCase, 'packets'>[]

/** The mix that adds up to 12 parts; its mean is 340 bytes. */
export const mixParts = [
  { parts: 7, ipBytes: 40 },
  { parts: 4, ipBytes: 576 },
  { parts: 1, ipBytes: 1500 },
] as const

/** The mean length of an IP packet of a case, as drawn; headers may raise the shortest a little. */
export function meanIpBytes({ ipBytes }: CaptureCase): number {
  if (ipBytes !== 'mix') return ipBytes
  const parts = mixParts.reduce((sum, each) => sum + each.parts, 0)
  return mixParts.reduce((sum, each) => sum + each.parts * each.ipBytes, 0) / parts
}
