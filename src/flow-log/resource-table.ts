import type { DatabaseSync } from 'node:sqlite'
import type { Tag } from './resource.ts'

interface ResourceRow {
  readonly region: string
  readonly account: string
  readonly resourceGroup: string
  readonly delivers: boolean
  readonly analyzer: string | undefined
}

/** The tables of what a flow log is beside its order. `prepareTables` has made them. */
export class ResourceTable {
  readonly #database: DatabaseSync

  /** Forgets what belongs to flow logs that are no more. Where records go is known for as long as some may come. */
  constructor(database: DatabaseSync) {
    this.#database = database
    const there = 'SELECT id FROM flow_logs'
    for (const table of ['flow_log_tags', 'flow_log_transitions'])
      database.exec(
        `DELETE FROM ${table} WHERE flow_log NOT IN (${there} WHERE deleted_at IS NULL)`,
      )
    database.exec(`DELETE FROM flow_log_resources WHERE flow_log NOT IN (${there})`)
  }

  /** @param counts whether it is one of those that a quota is for */
  add(id: string, row: ResourceRow, counts = true): void {
    this.#run(
      `INSERT INTO flow_log_resources (flow_log, region, account, resource_group, delivers, analyzer, counts)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      id,
      row.region,
      row.account,
      row.resourceGroup,
      Number(row.delivers),
      row.analyzer ?? null,
      Number(counts),
    )
  }

  of(id: string): (ResourceRow & { readonly deletedBy: string | undefined }) | undefined {
    const row = this.#database
      .prepare('SELECT * FROM flow_log_resources WHERE flow_log = ?')
      .get(id)
    if (row === undefined) return undefined
    const { region, account, resource_group, delivers, analyzer, deleted_by } = row
    return {
      region: String(region),
      account: String(account),
      resourceGroup: String(resource_group),
      delivers: delivers === 1,
      analyzer: analyzer === null ? undefined : String(analyzer),
      deletedBy: deleted_by === null ? undefined : String(deleted_by),
    }
  }

  /** Flow logs of an account that count, those under way among them. */
  countOf(account: string): number {
    const row = this.#database
      .prepare(
        `SELECT count(*) AS count FROM flow_log_resources JOIN flow_logs ON id = flow_log
         WHERE deleted_at IS NULL AND counts = 1 AND account = ?`,
      )
      .get(account)
    return Number(row?.['count'])
  }

  setDelivers(id: string, delivers: boolean): void {
    this.#set(id, 'delivers', Number(delivers))
  }

  setAnalyzer(id: string, analyzer: string | undefined): void {
    this.#set(id, 'analyzer', analyzer ?? null)
  }

  setResourceGroup(id: string, resourceGroup: string): void {
    this.#set(id, 'resource_group', resourceGroup)
  }

  setDeletedBy(id: string, by: string): void {
    this.#set(id, 'deleted_by', by)
  }

  tagsOf(id: string): Tag[] {
    return this.#database
      .prepare('SELECT key, value FROM flow_log_tags WHERE flow_log = ? ORDER BY key')
      .all(id)
      .map(({ key, value }) => ({ key: String(key), value: String(value) }))
  }

  setTags(id: string, tags: readonly Tag[]): void {
    this.#run('DELETE FROM flow_log_tags WHERE flow_log = ?', id)
    for (const { key, value } of tags)
      this.#run('INSERT INTO flow_log_tags (flow_log, key, value) VALUES (?, ?, ?)', id, key, value)
  }

  #set(id: string, column: string, value: string | number | null): void {
    this.#run(`UPDATE flow_log_resources SET ${column} = ? WHERE flow_log = ?`, value, id)
  }

  #run(sql: string, ...values: (string | number | null)[]): void {
    this.#database.prepare(sql).run(...values)
  }
}
