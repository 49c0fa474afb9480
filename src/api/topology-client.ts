/** The other side of the routes of a topology's versions, for commands. */
import type { TopologyVersion } from '../vpc/vpc.ts'
import { call } from './client.ts'
import type { DifferencesAnswer, DifferencesQuery } from './differences.ts'

/** The oldest first. Errors as `queryServer`. */
export const topologyVersionsOfServer = (
  server: string,
): Promise<{ readonly versions: readonly TopologyVersion[] }> =>
  call(server, '/weir/v1/topology/versions', {})

/** With its text. Throws NotFound; other errors as `queryServer`. */
export const topologyVersionOfServer = (
  server: string,
  number: number,
): Promise<TopologyVersion & { readonly text: string }> =>
  call(server, `/weir/v1/topology/versions/${number}`, {})

/** Throws NotFound; other errors as `queryServer`. */
export const topologyDifferencesOfServer = (
  server: string,
  asked: DifferencesQuery,
): Promise<DifferencesAnswer<TopologyVersion>> =>
  call(server, `/weir/v1/topology/differences?${new URLSearchParams({ ...asked }).toString()}`, {})
