import { suite, test, type TestContext } from 'node:test'

interface Options {
  readonly skip?: string | false
}
type Work = (t: TestContext) => void | Promise<void>

/** What they start has a processor each, and waits now and then. */
const atOnce = 3

/**
 * `test` for the tests of one file that share nothing and mostly wait for processes they start: some run at once.
 * What a file does before and after its tests it does as ever.
 */
export function sideBySide(): (name: string, ...rest: [Work] | [Options, Work]) => void {
  const waiting: (() => void)[] = []
  queueMicrotask(() => {
    suite('side by side', { concurrency: atOnce }, () => {
      for (const each of waiting) each()
    })
  })
  return (name, ...rest) => {
    const [options, work] = rest.length === 1 ? [{}, rest[0]] : rest
    waiting.push(() => void test(name, options, work))
  }
}
