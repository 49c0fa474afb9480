/** A bug in Weir, never a fault of the world: the message names the rule that was broken. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`bug: ${message}`)
}
