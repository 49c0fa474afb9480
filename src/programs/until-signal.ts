/** Resolves with the name of the signal that asks the program to end. */
export function untilSignal(): Promise<string> {
  return new Promise((resolved) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => resolved(signal))
  })
}
