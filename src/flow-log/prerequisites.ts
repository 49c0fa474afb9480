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

/** In the order in which they are asked for. What is missing, of which account: the end of a sentence. */
const lacking: Readonly<Record<PrerequisiteName, readonly [ErrorCode, string]>> = {
  activation: ['OperationDenied.FlowLogServiceNotOpen', 'flow logs are not activated'],
  authorisation: [
    'OperationDenied.RoleNotAuthorized',
    `flow logs may not write to the log service, as there is no role ${archiveRole} with the policy ${archiveRolePolicy},`,
  ],
  logService: ['OperationDenied.LogServiceNotOpen', 'the log service is not activated'],
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

  /**
   * "Activate Now". Throws OperationFailed.ExceedPurchaseLimit when it is done (alibaba-api.md 1.6).
   * @param token of who asks: a request that is repeated, since its answer was lost, is answered as the first was
   */
  open(account: string, by: string, token?: string): void {
    if (token !== undefined && this.#row(account, 'activation')?.['token'] === token) return
    if (this.isDone(account, 'activation'))
      throw new WeirError(
        'OperationFailed.ExceedPurchaseLimit',
        'You have reached the limit of purchase quantity.',
      )
    this.fulfil(account, 'activation', by, token)
  }

  /** Does one of them; nothing changes when it is done already. */
  fulfil(account: string, name: PrerequisiteName, by: string, token?: string): void {
    if (this.isDone(account, name)) return
    this.#database
      .prepare(
        'INSERT INTO flow_log_prerequisites (account, name, at, by, token) VALUES (?, ?, ?, ?, ?)',
      )
      .run(account, name, this.#now(), by, token ?? null)
  }

  /** Throws the error of the first that is not done. */
  check(account: string): void {
    const missing = prerequisiteNames.find((name) => !this.isDone(account, name))
    if (missing === undefined) return
    const [code, message] = lacking[missing]
    const command = `weir flow-log prerequisites --fulfil ${missing} --account ${account}`
    throw new WeirError(code, `${message} for account ${account}`, {
      hint:
        missing === 'activation'
          ? `OpenFlowLogService activates them for the account of its key; so does ${command}`
          : command,
    })
  }

  #row(account: string, name: PrerequisiteName) {
    return this.#database
      .prepare('SELECT at, by, token FROM flow_log_prerequisites WHERE account = ? AND name = ?')
      .get(account, name)
  }
}
