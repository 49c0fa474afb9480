import { nearest } from '../base/nearest.ts'
import { WeirError } from '../base/errors.ts'

const someMax = 5

/** The first of them, and how many more. */
export function someOf(names: readonly string[]): string {
  const more = names.length - someMax
  return `${names.slice(0, someMax).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

/** What may have been meant, and what there is; undefined where there is nothing. */
export function suggestion(written: string, names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined
  const near = nearest(written, names)
  const some = `There are: ${someOf(names)}`
  if (near === undefined) return some
  return `Did you mean ${near}?${names.length === 1 ? '' : ` ${some}`}`
}

interface Place {
  readonly project: string
  readonly logstore: string
}

/** Logstores by the name of their project. */
export type Names = ReadonlyMap<string, readonly string[]>

/**
 * Does it, and where there is no such project or logstore says which there are.
 *
 * @param namesOf those that whoever asks may see
 */
export async function suggesting<T>(
  { project, logstore }: Place,
  namesOf: () => Names | Promise<Names>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { code, hint } = error instanceof WeirError ? error : {}
    const isMissing = code === 'ProjectNotExist' || code === 'LogStoreNotExist'
    if (!(error instanceof WeirError) || !isMissing || hint !== undefined) throw error
    const names = await namesOf()
    const suggested =
      code === 'ProjectNotExist'
        ? suggestion(project, [...names.keys()])
        : suggestion(logstore, names.get(project) ?? [])
    if (suggested === undefined) throw error
    throw new WeirError(code, error.message, { hint: suggested, cause: error })
  }
}
