/** What an account does once, before its first flow log: the page's three prerequisites. */
import type { DatabaseSync } from 'node:sqlite'
import { type ErrorCode, WeirError } from '../base/errors.ts'
import { type UnixSeconds, unixSeconds } from '../base/time.ts'

export const prerequisiteNames = ['activation', 'authorisation', 'logService'] as const
export type PrerequisiteName = (typeof prerequisiteNames)[number]

/**
 * "This action automatically creates a RAM role named AliyunVPCLogArchiveRole and a RAM policy named
 * AliyunVPCLogArchiveRolePolicy."
 */
export const archiveRole = 'AliyunVPCLogArchiveRole'
export const archiveRolePolicy = 'AliyunVPCLogArchiveRolePolicy'

/** In the order in which they are asked for. */
const lacking: Readonly<Record<PrerequisiteName, readonly [ErrorCode, string]>> = {
  activation: [
    'OperationDenied.FlowLogServiceNotOpen',
    'flow logs are not activated for this account: OpenFlowLogService activates them',
  ],
  authorisation: [
    'OperationDenied.RoleNotAuthorized',
    `flow logs may not write to the log service: there is no role ${archiveRole} with the policy ${archiveRolePolicy}`,
  ],
  logService: [
    'OperationDenied.LogServiceNotOpen',
    'the log service is not activated for this account',
  ],
}

export interface Prerequisite {
  readonly name: PrerequisiteName
  readonly done: boolean
  /** When and by whom; absent where it was never asked for. */
  readonly at?: UnixSeconds
  readonly by?: string
}

export class Prerequisites {
  readonly #database: DatabaseSync
  readonly #areDone: boolean
  readonly #now: () => UnixSeconds

  /** @param areDone from the beginning, for every account */
  constructor(
    database: DatabaseSync,
    areDone: boolean,
    now: () => UnixSeconds = () => unixSeconds(Date.now() / 1000),
  ) {
    this.#database = database
    this.#areDone = areDone
    this.#now = now
  }

  isDone(account: string, name: PrerequisiteName): boolean {
    return this.#areDone || this.#row(account, name) !== undefined
  }

  list(account: string): Prerequisite[] {
    return prerequisiteNames.map((name) => {
      const row = this.#row(account, name)
      return {
        name,
        done: this.isDone(account, name),
        ...(row === undefined ? {} : { at: unixSeconds(Number(row['at'])), by: String(row['by']) }),
      }
    })
  }

  /** "Activate Now". Throws OperationFailed.ExceedPurchaseLimit when it is done (alibaba-api.md 1.6). */
  open(account: string, by: string): void {
    if (this.isDone(account, 'activation'))
      throw new WeirError(
        'OperationFailed.ExceedPurchaseLimit',
        'You have reached the limit of purchase quantity.',
      )
    this.fulfil(account, 'activation', by)
  }

  /** Does one of them; nothing changes when it is done already. */
  fulfil(account: string, name: PrerequisiteName, by: string): void {
    if (this.isDone(account, name)) return
    this.#database
      .prepare('INSERT INTO flow_log_prerequisites (account, name, at, by) VALUES (?, ?, ?, ?)')
      .run(account, name, this.#now(), by)
  }

  /** Throws the error of the first that is not done. */
  check(account: string): void {
    const missing = prerequisiteNames.find((name) => !this.isDone(account, name))
    if (missing === undefined) return
    const [code, message] = lacking[missing]
    throw new WeirError(code, message)
  }

  #row(account: string, name: PrerequisiteName) {
    return this.#database
      .prepare('SELECT at, by FROM flow_log_prerequisites WHERE account = ? AND name = ?')
      .get(account, name)
  }
}
