/** Sends the traffic of the scenarios through a lab that is up, and reports what was sent. */
import type { GeneratorReport } from './generator-messages.ts'
import { GeneratorProcess } from './generator-process.ts'
import { readState, statePath } from './lab-state.ts'
import { WeirError } from '../base/errors.ts'
import { checkAbleToBuild } from './run-tool.ts'
import { type ScenarioName, specsOf } from './scenarios.ts'
import { planTraffic, reportOf, type TrafficOptions, type TrafficReport } from './traffic-plan.ts'

/** Between the word to go and the first packet, so that all begin together. */
const startMilliseconds = 200
/** Past the given time, what waits for a second or a minute to end, or for an answer, is over after this. */
const overtimeMilliseconds = 15_000

/**
 * Bounded in time: after `seconds` and a little, or when `signal` says so, nothing more is sent. Nothing is left
 * running in any case.
 * @throws WeirError LabNotPossible, LabState (no lab is up), LabFailed (a generator ended)
 */
export async function labTraffic(
  dir: string,
  scenarios: readonly ScenarioName[],
  options: TrafficOptions,
  signal: AbortSignal,
): Promise<TrafficReport> {
  checkAbleToBuild()
  const state = readState(dir)
  if (state === undefined)
    throw new WeirError('LabState', 'no lab is up', {
      place: statePath(dir),
      hint: 'Build it with: weir lab up',
    })
  const specs = specsOf(scenarios)
  const plans = planTraffic(specs, options)
  const generators = new Map(
    [...plans.keys()].map((each) => [each, new GeneratorProcess(`${state.prefix}${each}`)]),
  )
  const all = [...generators.values()]
  const stop = (): void => all.forEach((each) => each.stop())
  try {
    await Promise.all([...generators].map(([name, each]) => each.prepare(plans.get(name)!)))
    const begunAt = Date.now() + startMilliseconds
    const overtime = new AbortController()
    const timer = setTimeout(
      () => overtime.abort(),
      startMilliseconds + options.seconds * 1000 + overtimeMilliseconds,
    )
    const cut = AbortSignal.any([signal, overtime.signal])
    cut.addEventListener('abort', stop)
    if (cut.aborted) stop()
    await Promise.all(all.map((each) => each.send(begunAt)))
    clearTimeout(timer)
    const reports = new Map<string, GeneratorReport>(
      await Promise.all(
        [...generators].map(async ([name, each]) => [name, await each.finish()] as const),
      ),
    )
    return reportOf(specs, options, begunAt, !cut.aborted, reports)
  } finally {
    await Promise.all(all.map((each) => each.end()))
  }
}
