/** Projects of traffic analyzers: whoever may do anything else may read them, and nobody may change them. */
import type { Caller } from '../access/access.ts'
import { WeirError } from '../base/errors.ts'
import type { Access } from './open-access.ts'

/** What reads. Lists of projects leave these out: who wants one asks for it by its name. */
const reading = /^[a-z]+:(Get|List|Pull|Query)/
const listing: ReadonlySet<string> = new Set(['log:ListProject', 'weir:GetProjects'])

/** The id of an analyzer is the name of its project, so nobody else has one that begins so. */
const isRollups = (project: string): boolean => project.startsWith('nta-')

/** Records may go to any other project. Throws ParameterInvalid. */
export function checkNoRollups(project: string): void {
  if (isRollups(project))
    throw new WeirError('ParameterInvalid', `${project} is a project of a traffic analyzer`, {
      hint: 'Only analyzers have projects that begin with nta-: choose another, or attach the analyzer',
    })
}

/** The same access, under which such projects are only read. */
export function sparingRollups(access: Access): Access {
  const spared = (caller: Caller): Caller => {
    const isSpared = (action: string, resource: string): boolean => {
      const project = /^project\/([^/]+)/.exec(resource)?.[1]
      if (project === undefined || (reading.test(action) && !listing.has(action))) return false
      return isRollups(project)
    }
    return {
      ...caller,
      may: (action, resource) => !isSpared(action, resource) && caller.may(action, resource),
      assertMay(action, resource) {
        caller.assertMay(action, resource)
        if (isSpared(action, resource)) throw refused(action, resource)
      },
    }
  }
  return {
    ...access,
    verify: (request) => spared(access.verify(request)),
    verifyCloud: (request) => spared(access.verifyCloud(request)),
  }
}

const refused = (action: string, resource: string): WeirError =>
  new WeirError(
    'AccessDenied',
    `${action} on ${resource}: a traffic analyzer keeps its rollups there`,
    {
      hint: 'weir analyzer modify and weir analyzer delete change them',
    },
  )
