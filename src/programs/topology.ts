/** `weir topology`: the versions a server's topology has had. */
import {
  topologyDifferencesOfServer,
  topologyVersionOfServer,
  topologyVersionsOfServer,
} from '../api/topology-client.ts'
import { WeirError } from '../base/errors.ts'
import type { TopologyVersion } from '../vpc/vpc.ts'
import { versionsAsked, writeDifferences } from './difference-output.ts'
import { exitStatus } from './exit-status.ts'
import type { FlowLogOptions } from './flow-log-arguments.ts'
import { formatOf, timeOf, writeRows } from './flow-log-output.ts'
import { writeStandardOutput } from './standard-output.ts'

/** Each returns the exit status, and throws what the server answered or ServerUnreachable. */
export async function history(options: FlowLogOptions): Promise<number> {
  const { versions } = await topologyVersionsOfServer(options.server)
  await writeRows(versions, versions.map(columnsOf), formatOf(options))
  return exitStatus.ok
}

export async function show(
  version: string | undefined,
  { server }: { readonly server: string },
): Promise<number> {
  if (version !== undefined && !/^[1-9]\d{0,8}$/.test(version))
    throw new WeirError('Usage', `${version} is no number of a version`)
  const { text } = await topologyVersionOfServer(server, Number(version) || (await newest(server)))
  writeStandardOutput(text)
  return exitStatus.ok
}

export async function diff(
  from: string | undefined,
  to: string | undefined,
  options: FlowLogOptions,
): Promise<number> {
  const format = formatOf(options)
  const answer = await topologyDifferencesOfServer(options.server, versionsAsked(from, to))
  const headOf = ({ number, since, by, file }: TopologyVersion): string =>
    `${number}, ${timeOf(since)}, by ${by ?? '-'}, ${file}`
  writeDifferences(answer, headOf, format)
  return exitStatus.ok
}

async function newest(server: string): Promise<number> {
  const { versions } = await topologyVersionsOfServer(server)
  const last = versions.at(-1)
  if (last !== undefined) return last.number
  throw new WeirError('NotFound', 'no topology has been in force there', {
    hint: 'Give one to the server: weir start --topology FILE',
  })
}

const columnsOf = ({ number, since, by, file, sha256 }: TopologyVersion) => ({
  version: String(number),
  'in force since': timeOf(since),
  by: by ?? '-',
  file,
  sha256: sha256.slice(0, 12),
})
