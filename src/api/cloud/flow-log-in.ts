import { WeirError } from '../../base/errors.ts'
import type { CloudThings } from './things.ts'

/** Its id. Throws FlowLogNotExist, also for one of another region. */
export function flowLogIn({ flowLogs }: CloudThings, region: string, id: string): string {
  if (flowLogs.get(id).region === region) return id
  throw new WeirError('FlowLogNotExist', `there is no flow log ${id} in ${region}`)
}
