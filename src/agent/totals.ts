import type { Totals } from '../window/window.ts'

export const noTotals = (): Totals => ({ frames: 0, packets: 0, bytes: 0 })

export function addTotals(to: Totals, more: Readonly<Totals>, sign: 1 | -1): void {
  to.frames += sign * more.frames
  to.packets += sign * more.packets
  to.bytes += sign * more.bytes
}
