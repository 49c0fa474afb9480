/**
 * Names in order, a second one of a name made different, so that no value is lost where names are keys.
 *
 * @param fold what of a name tells it from others
 */
export function uniqueNames(
  names: readonly string[],
  fold = (name: string): string => name,
): string[] {
  const seen = new Set<string>()
  return names.map((name, i) => {
    let free = name
    while (seen.has(fold(free))) free = `${free}_${i}`
    seen.add(fold(free))
    return free
  })
}
