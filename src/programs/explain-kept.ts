/** Explains by the versions of a topology that a data directory keeps. */
import type { ExplainRequest, Explanation } from '../api/contract.ts'
import { assert } from '../base/assert.ts'
import { WeirError } from '../base/errors.ts'
import { explain, parseTopology, type TopologyVersions } from '../vpc/vpc.ts'

/**
 * "So that a record can be explained with the rules that were in force": with the version in force at `request.at`,
 * the newest without it.
 *
 * @throws WeirError NotFound when no version is kept; ParameterInvalid
 */
export async function explainKept(
  versions: TopologyVersions,
  { at, ...question }: ExplainRequest,
): Promise<Explanation> {
  const newest = versions.current()
  if (newest === undefined)
    throw new WeirError('NotFound', 'no topology has been in force here', {
      hint: 'Without one every packet is ACCEPT. Give one to the server: weir start --topology FILE',
    })
  const { version, early } = (at === undefined ? undefined : versions.at(at)) ?? {
    version: newest,
    early: false,
  }
  const text = versions.textOf(version.number)
  assert(text !== undefined, `the text of version ${version.number} is kept with it`)
  const topology = await parseTopology(text, version.file, {
    version: version.number,
    loadedAt: version.since,
  })
  const explanation = await explain(topology, question, text)
  const until = versions.list().find(({ number }) => number === version.number + 1)?.since
  const note = 'No topology is known from before: this is what the first version says.'
  return {
    ...explanation,
    topology: { ...explanation.topology, ...(until !== undefined && { until }) },
    notes: early ? [note, ...explanation.notes] : explanation.notes,
  }
}
