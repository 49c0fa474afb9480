import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

/** A Parquet file of a project or logstore, `project/logstore`, whose rows may still be in none: it waits for one. */
export async function writtenSegment(data: string, of: string): Promise<string> {
  const folder = join(data, 'segments', of)
  for (;;) {
    const names = existsSync(folder) ? readdirSync(folder, { recursive: true }) : []
    const name = names.find((each) => String(each).endsWith('.parquet'))
    if (name !== undefined) return join(folder, String(name))
    await setTimeout(50)
  }
}
