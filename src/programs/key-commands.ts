/** The commands `weir key create|list|change|delete|rewrap|audit`, with their options and help. */
import type { Command } from 'commander'

/** @param ended takes the exit status of the command that was run */
export function addKeyCommands(
  weir: Command,
  defaultServer: string,
  ended: (status: number) => void,
): void {
  const key = weir
    .command('key')
    .description('AccessKeys: who may ask this server what')
    .addHelpText(
      'after',
      `
Examples:
  weir key create grafana --read shop
  weir key list
  weir key change LTAI... --disable`,
    )
  const add = (name: string, description: string, examples: string): Command =>
    key
      .command(name)
      .description(description)
      .option('--server <url>', 'the server', defaultServer)
      .addHelpText('after', `\nExamples:\n${examples}`)
  add(
    'create <name>',
    'Make a key; its secret is told now and never again',
    `  weir key create grafana --read shop
  weir key create collector --write shop --write lab --bytes-per-second 20000000
  weir key create agent-h2 --policy agent.json --file /etc/weir/key.json
  weir key create tenant --admin '*' --account 1234567890123456
  weir key create ops --admin '*'`,
  )
    .option('--read <project...>', 'may query these projects; * is all')
    .option('--write <project...>', 'may write to them too')
    .option('--admin <project...>', 'may change them; with * the server too')
    .option('--policy <file>', 'what it may do as a document of the cloud’s access control, JSON')
    .option(
      '--account <id>',
      'touches VPCs, flow logs and bills of this account alone; of all unless told',
    )
    .option('--requests-per-second <n>', 'more are refused and may be sent again')
    .option('--bytes-per-second <n>', 'of bodies, as they are sent')
    .option('--body-bytes-max <n>', 'of one request, as it is sent')
    .option('--expires <time>', 'after it the key is refused: 2027-01-01, or Unix seconds')
    .option('--file <file>', 'write id and secret there, mode 0600, instead of standard output')
    .action(async (name: string, options) => {
      const { createKey } = await import('./key.ts')
      ended(await createKey(name, options))
    })
  add(
    'list',
    'The keys of a server, without their secrets',
    '  weir key list\n  weir key list --json',
  )
    .option('--json', 'all that is known of them, as JSON')
    .action(async (options) => {
      const { listKeys } = await import('./key.ts')
      ended(await listKeys(options))
    })
  addChangingCommands(add, ended)
}

type Add = (name: string, description: string, examples: string) => Command

function addChangingCommands(add: Add, ended: (status: number) => void): void {
  add(
    'change <id>',
    'Rename a key, give it other rights or limits, disable or enable it',
    `  weir key change LTAI... --disable
  weir key change LTAI... --read shop
  weir key change LTAI... --requests-per-second 50 --body-bytes-max none`,
  )
    .option('--name <name>', 'for people')
    .option('--read <project...>', 'may query these projects; * is all')
    .option('--write <project...>', 'may write to them too')
    .option('--admin <project...>', 'may change them; with * the server too')
    .option('--policy <file>', 'what it may do, JSON')
    .option(
      '--requests-per-second <n>',
      'more are refused and may be sent again; none for no limit',
    )
    .option('--bytes-per-second <n>', 'of bodies, as they are sent; none for no limit')
    .option('--body-bytes-max <n>', 'of one request, as it is sent; none for no limit')
    .option('--disable', 'it is refused')
    .option('--enable', 'it is taken again')
    .action(async (id: string, options) => {
      const { changeKey } = await import('./key.ts')
      ended(await changeKey(id, options))
    })
  add('delete <id>', 'Remove a key for good', '  weir key delete LTAI...').action(
    async (id: string, options) => {
      const { deleteKey } = await import('./key.ts')
      ended(await deleteKey(id, options))
    },
  )
  add(
    'rewrap',
    'Encrypt the secrets of all keys with a new master key, while the server runs',
    '  weir key rewrap',
  ).action(async (options) => {
    const { rewrapKeys } = await import('./key.ts')
    ended(await rewrapKeys(options))
  })
  add(
    'audit',
    'What was changed at a server, and by whom; the latest first',
    '  weir key audit --from -1d\n  weir key audit --key LTAI... --json',
  )
    .option('--from <time>', 'from this time on: Unix seconds, 2026-11-22T10:00, -1d')
    .option('--to <time>', 'and before this time')
    .option('--key <id>', 'by this key only')
    .option('--limit <n>', 'at most so many (100)')
    .option('--json', 'as JSON')
    .action(async (options) => {
      const { showAudit } = await import('./key.ts')
      ended(await showAudit(options))
    })
}
